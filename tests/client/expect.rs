//! What a failure has to say: the exit code, the whole line on stderr, and the same facts as JSON.

use super::LIMIT;
use super::child::object;
use super::peer::Peer;
use crate::support::{Feed, Output, connect};
use serde_json::{Value, json};
use std::any::Any;
use std::thread;

/// The facts of a failure. In `cause` and `hint` a `*` stands for any text, and `TARGET` for the target.
#[derive(Clone)]
pub struct Failure {
    pub code: i32,
    stage: &'static str,
    blame: &'static str,
    cause: &'static str,
    status: Option<u16>,
    token: Option<&'static str>,
    body: Option<&'static str>,
    hint: Option<&'static str>,
}

impl Failure {
    pub fn new(code: i32, stage: &'static str, blame: &'static str, cause: &'static str) -> Self {
        Self {
            code,
            stage,
            blame,
            cause,
            status: None,
            token: None,
            body: None,
            hint: None,
        }
    }

    /// The error token of the proxy.
    pub fn token(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    pub fn body(mut self, body: &'static str) -> Self {
        self.body = Some(body);
        self
    }

    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// The status of the answer, where the cause does not begin with it.
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// A refusal with an HTTP status, which begins the cause.
    pub fn refused(code: i32, blame: &'static str, cause: &'static str) -> Self {
        Self {
            status: Some(cause[..3].parse().expect("the cause begins with a status")),
            ..Self::new(code, "CONNECT", blame, cause)
        }
    }

    /// The same of a request that was a POST.
    pub fn by_post(mut self) -> Self {
        self.stage = "POST";
        self
    }
}

/// Something that fails, ready to be run again and again.
pub struct Scene {
    /// The arguments of `tuncat connect`.
    pub args: Vec<String>,
    pub stdin: fn() -> Feed,
    /// What is on stdout in spite of the failure.
    pub stdout: Vec<u8>,
    /// Who is named, and its address.
    pub hop: Option<String>,
    pub peer: Option<String>,
    /// The proxy, which has to see just so many connections a run.
    pub proxy: Option<Peer>,
    pub connections: usize,
    /// Whatever else has to live on.
    pub keep: Box<dyn Any + Send>,
}

/// The target where it does not matter: no connection to it is ever made.
pub const TARGET: &str = "host.invalid:22";

impl Scene {
    pub fn new(args: &[&str]) -> Self {
        Self {
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            stdin: || Feed::Null,
            stdout: Vec::new(),
            hop: None,
            peer: None,
            proxy: None,
            connections: 1,
            keep: Box::new(()),
        }
    }

    /// Through a scripted proxy, which the failure names.
    pub fn through(proxy: Peer) -> Self {
        let scene = Self::new(&["-x", &proxy.url(), TARGET]);
        let (hop, peer) = (format!("proxy {}", proxy.url()), proxy.addr());
        Self {
            proxy: Some(proxy),
            ..scene.hop(hop, peer)
        }
    }

    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    pub fn stdin(mut self, stdin: fn() -> Feed) -> Self {
        self.stdin = stdin;
        self
    }

    /// Of a proxy that closes with its first answer, and is asked once more.
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    pub fn stdout(mut self, stdout: &[u8]) -> Self {
        self.stdout = stdout.to_vec();
        self
    }

    pub fn hop(mut self, hop: impl Into<String>, peer: impl Into<String>) -> Self {
        self.hop = Some(hop.into());
        self.peer = Some(peer.into());
        self
    }

    /// A hop whose address is not known.
    pub fn far_hop(mut self, hop: impl Into<String>) -> Self {
        self.hop = Some(hop.into());
        self.peer = None;
        self
    }

    pub fn keep(mut self, keep: impl Any + Send) -> Self {
        self.keep = Box::new((self.keep, keep));
        self
    }

    pub fn run(&self, more: &[&str]) -> Output {
        self.run_with(more, ("TUNCAT_UNUSED", ""))
    }

    fn run_with(&self, more: &[&str], (name, value): (&str, &str)) -> Output {
        connect(&self.args)
            .env(name, value)
            .args(more)
            .feed((self.stdin)())
            .limit(LIMIT)
            .run()
    }
}

/// A case: a name, what is set up for it, and what has to be said.
pub type Row = (&'static str, Box<dyn Fn() -> Scene + Send>, Failure);

pub fn row(
    name: &'static str,
    scene: impl Fn() -> Scene + Send + 'static,
    failure: Failure,
) -> Row {
    (name, Box::new(scene), failure)
}

/// Runs every row, several at a time. Panics with the names of those that failed.
pub fn check_all(rows: Vec<Row>) {
    let mut failed = Vec::new();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let some: Vec<_> = rows.by_ref().take(6).collect();
        thread::scope(|scope| {
            let running = some.into_iter().map(|(name, scene, failure)| {
                let check = move || check(name, &scene(), &failure);
                let thread = thread::Builder::new().name(name.into());
                (name, thread.spawn_scoped(scope, check).expect("a thread"))
            });
            for (name, thread) in running.collect::<Vec<_>>() {
                if thread.join().is_err() {
                    failed.push(name);
                }
            }
        });
    }
    assert!(failed.is_empty(), "rows that failed: {failed:#?}");
}

/// Runs the scene three times: for the line on stderr, for the object, and for what is not to be seen.
#[track_caller]
pub fn check(name: &str, scene: &Scene, failure: &Failure) {
    let output = scene.run(&[]);
    assert!(output.stdout == scene.stdout, "{name}: {output:?}");
    let line = output.expect_failure(failure.code);
    let wanted = line_of(scene, failure);
    assert!(
        fits(&wanted, &line),
        "{name}\n  want: {wanted}\n  have: {line}"
    );

    let output = scene.run(&["--json"]);
    assert!(output.stdout == scene.stdout, "{name}: {output:?}");
    let output = output.expect_code(failure.code);
    check_object(name, &object(&output.stderr), scene, failure);
    // At its most talkative it says the same, and no secret.
    let secrets = ["-vvv", "-H", "Cookie: session=Cookie-d41d"];
    let output = scene.run_with(&secrets, ("TUNCAT_PROXY_PASSWORD", "Variable-c0de"));
    let output = output.expect_code(failure.code);
    for secret in ["d41d", "c0de"] {
        assert!(!output.stderr.contains(secret), "{name}: {}", output.stderr);
    }
    if let Some(proxy) = &scene.proxy {
        let connections = 3 * scene.connections;
        assert_eq!(
            proxy.accepted(),
            connections,
            "{name}: connections in three runs"
        );
    }
}

fn line_of(scene: &Scene, failure: &Failure) -> String {
    let mut line = format!("tuncat: {}", failure.stage);
    match (&scene.hop, &scene.peer) {
        (Some(hop), Some(peer)) if !hop.ends_with(peer) => line += &format!(": {hop} ({peer})"),
        (Some(text), _) | (None, Some(text)) => line += &format!(": {text}"),
        (None, None) => {}
    }
    line += &format!(": {}", failure.cause);
    if let Some(token) = failure.token {
        line += &format!(" [{token}]");
    }
    if let Some(body) = failure.body {
        line += &format!(": \"{body}\"");
    }
    if let Some(hint) = failure.hint {
        line += &format!("; {hint}");
    }
    line.replace("TARGET", TARGET)
}

fn check_object(name: &str, object: &Value, scene: &Scene, failure: &Failure) {
    assert_eq!(object["exit_code"], failure.code, "{name}: {object}");
    assert_eq!(object["clean"], false, "{name}: {object}");
    let mut error = object["error"].clone();
    for (field, pattern) in [("cause", Some(failure.cause)), ("hint", failure.hint)] {
        match (error[field].take(), pattern) {
            (Value::Null, None) => {}
            (Value::String(text), Some(pattern))
                if fits(&pattern.replace("TARGET", TARGET), &text) => {}
            (text, pattern) => panic!("{name}: {field}: want {pattern:?}, have {text}"),
        }
    }
    let wanted = json!({
        "kind": kind(failure.code),
        "exit_code": failure.code,
        "stage": failure.stage,
        "blame": failure.blame,
        "hop": scene.hop,
        "peer": scene.peer,
        "cause": null,
        "status": failure.status,
        "proxy_status": failure.token,
        "body": failure.body,
        "hint": null,
    });
    assert_eq!(error, wanted, "{name}");
}

/// The name of each exit code in JSON.
pub fn kind(code: i32) -> &'static str {
    match code {
        2 => "usage",
        5 => "proxy_not_resolved",
        6 => "target_not_resolved",
        7 => "cannot_connect",
        18 => "truncated",
        23 => "local_write",
        26 => "local_read",
        28 => "timeout",
        35 => "tls_handshake",
        56 => "reset",
        60 => "certificate_not_trusted",
        67 => "proxy_auth",
        97 => "socks_refused",
        101 => "refused",
        102 => "unsupported",
        103 => "target_unreachable",
        104 => "rate_limited",
        105 => "not_http",
        129.. => "signal",
        _ => panic!("no failure ends with {code}"),
    }
}

/// Whether `text` is `pattern`, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or("")) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn patterns() {
    for (pattern, text, expected) in [
        ("abc", "abc", true),
        ("abc", "abcd", false),
        ("a*", "abc", true),
        ("*c", "abc", true),
        ("a*c*e", "abcde", true),
        ("a*e*c", "abcde", false),
        ("a*a", "a", false),
    ] {
        assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
    }
}
