//! `tuncat doctor`: what it says of proxies, and what it asks of them.

mod advice;
mod codes;
mod faults;
mod few;
mod held;
mod peers;
mod roles;
mod silence;

use crate::support::Run;
use crate::support::run::Output;
use crate::support::tuncat::TUNCAT;
use serde_json::Value;
use std::process::Command;

/// A report, and how the program ended.
pub struct Examined {
    pub report: Value,
    pub output: Output,
}

/// `tuncat doctor --json` with `args`.
pub fn examine(args: &[&str]) -> Examined {
    examine_as(command().args(args))
}

/// `tuncat doctor --json`, to be given arguments.
pub fn command() -> Run {
    Run::new(Command::new(TUNCAT)).args(["doctor", "--json"])
}

/// Runs a [`command`]; stderr must be silent.
#[track_caller]
pub fn examine_as(run: Run) -> Examined {
    let output = run.run();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("no JSON ({e}): {output:?}"));
    assert_eq!(output.stderr, "", "{report:#}");
    assert_eq!(report["exit_code"], output.code, "{report:#}");
    Examined { report, output }
}

impl Examined {
    /// `carrier verdict` of each way.
    pub fn ways(&self) -> Vec<String> {
        self.each("ways", &["carrier", "verdict"])
    }

    /// `port verdict` of each port.
    pub fn ports(&self) -> Vec<String> {
        self.each("ports", &["port", "verdict"])
    }

    /// The codes of the findings.
    pub fn codes(&self) -> Vec<String> {
        self.each("findings", &["code"])
    }

    /// The named members of each object of an array, a blank between them.
    pub fn each(&self, array: &str, members: &[&str]) -> Vec<String> {
        let objects = self.report[array].as_array();
        let objects = objects.unwrap_or_else(|| panic!("no {array}: {:#}", self.report));
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let line = |object: &Value| {
            let members = members.iter().map(|m| text(&object[*m]));
            members.collect::<Vec<_>>().join(" ")
        };
        objects.iter().map(line).collect()
    }
}
