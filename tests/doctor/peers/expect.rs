//! A report of doctor, and tables of what must be in it.

use crate::support::Run;
use crate::support::tuncat::TUNCAT;
use serde_json::Value;
use std::process::Command;

/// What a value of the report must be.
pub enum Want {
    /// This one.
    Is(Value),
    /// A text that contains this, or an array with such a text.
    Says(String),
    /// A number within these bounds, both included.
    Between(f64, f64),
    /// Anything but this, nothing included.
    Not(Value),
    /// Not there at all.
    Absent,
    /// There, whatever it is.
    Present,
}

pub use Want::{Absent, Between, Present};

pub fn is(value: impl Into<Value>) -> Want {
    Want::Is(value.into())
}

pub fn not(value: impl Into<Value>) -> Want {
    Want::Not(value.into())
}

pub fn says(text: impl Into<String>) -> Want {
    Want::Says(text.into())
}

pub const NULL: Want = Want::Is(Value::Null);

/// Rows of a path and a want. A step of a path is the name of a member, or of an array's element the value of its
/// `carrier`, its `port` or its `code`: `ways.h1-post.status`, `ports.22.verdict`, `findings.port_refused`.
pub type Rows<'a> = &'a [(&'a str, Want)];

pub struct Report {
    pub value: Value,
    pub code: i32,
}

/// Runs `tuncat doctor` with `args`. Nothing on loopback needs the 3 s that a question may take, but for proxies that
/// wait for the end of a request.
pub fn doctor(args: &[&str]) -> Report {
    let run = Run::new(Command::new(TUNCAT)).args(["doctor", "--json", "-w", "3"]);
    let output = run.args(args).run();
    let text = String::from_utf8_lossy(&output.stdout);
    let value = serde_json::from_str(&text).unwrap_or_else(|error| {
        let (code, stderr) = (output.code, &output.stderr);
        panic!("no JSON ({error}), exit code {code}:\n{text}\n{stderr}")
    });
    Report {
        value,
        code: output.code,
    }
}

/// A proxy in the clear on a port of 127.0.0.1.
pub fn clear(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

impl Report {
    /// The exit code, the same in the report, and every row.
    #[track_caller]
    pub fn expect(&self, code: i32, rows: Rows) {
        let mut wrong = Vec::new();
        if self.code != code || self.value["exit_code"] != code {
            let said = &self.value["exit_code"];
            wrong.push(format!("exit code {}, {said} in the report", self.code));
        }
        for (path, want) in rows {
            let found = self.at(path);
            if !want.fits(found) {
                wrong.push(format!("{path}: {found:?}, not {}", want.text()));
            }
        }
        assert!(
            wrong.is_empty(),
            "{}\nexpected exit code {code}; in {:#}",
            wrong.join("\n"),
            self.value
        );
    }

    /// That nobody asked who we are.
    #[track_caller]
    pub fn expect_no_login(&self, code: i32) {
        self.expect(
            code,
            &[
                ("auth.required", is(false)),
                ("auth.challenges", is(Vec::<Value>::new())),
                ("auth.sent", is(false)),
                ("auth.accepted", NULL),
                ("findings.auth_required", Absent),
                ("findings.auth_failed", Absent),
            ],
        );
    }

    /// The value at a path.
    pub fn at(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.value, step)
    }
}

fn step<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Array(elements) = value else {
        return value.get(name);
    };
    elements.iter().find(|element| {
        let is_named = |key: &str| match &element[key] {
            Value::String(text) => text == name,
            Value::Number(number) => number.to_string() == name,
            _ => false,
        };
        ["carrier", "port", "code"].into_iter().any(is_named)
    })
}

fn contains(value: &Value, text: &str) -> bool {
    value.as_str().is_some_and(|value| value.contains(text))
}

impl Want {
    fn fits(&self, found: Option<&Value>) -> bool {
        match (self, found) {
            (Want::Absent, found) => found.is_none(),
            (Want::Not(_), None) => true,
            (_, None) => false,
            (Want::Is(value), Some(found)) => value == found,
            (Want::Not(value), Some(found)) => value != found,
            (Want::Says(text), Some(Value::Array(found))) => {
                found.iter().any(|element| contains(element, text))
            }
            (Want::Says(text), Some(found)) => contains(found, text),
            (Want::Between(least, most), Some(found)) => found
                .as_f64()
                .is_some_and(|n| (*least..=*most).contains(&n)),
            (Want::Present, Some(_)) => true,
        }
    }

    fn text(&self) -> String {
        match self {
            Want::Is(value) => value.to_string(),
            Want::Says(text) => format!("a text with {text:?}"),
            Want::Between(least, most) => format!("from {least} to {most}"),
            Want::Not(value) => format!("anything but {value}"),
            Want::Absent => "absent".to_owned(),
            Want::Present => "there".to_owned(),
        }
    }
}
