//! `tuncat serve` as a terminator for others: rules, limits, what it tells, and HTTP inside tunnels.

mod access_log;
mod admin;
mod deploy;
mod descriptors;
mod drain;
mod exec;
mod inner;
mod limits;
mod manager;
mod proxy_protocol;
mod reload;
mod resolver;
mod terminal;
mod upstream;
mod users;
mod workers;

use crate::support::{Serve, TIMEOUT, wait_for};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The address of a terminator's admin page, `127.0.0.1:PORT`.
fn admin(serve: &mut Serve) -> String {
    serve.process().wait_line("its admin page", |line| {
        line.strip_prefix("tuncat: admin on http://")
            .map(str::to_owned)
    })
}

/// Status and content of a page.
#[track_caller]
fn get(at: &str, path: &str) -> (u16, String) {
    request(
        at,
        &format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"),
    )
}

#[track_caller]
fn request(at: &str, text: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).expect("connect to the admin page");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a limit");
    stream.write_all(text.as_bytes()).expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, content) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
    (status.expect("a status"), content.to_owned())
}

/// The sum of a metric over all of its labels that contain `labels`.
#[track_caller]
fn metric(at: &str, name: &str, labels: &str) -> f64 {
    let (status, text) = get(at, "/metrics");
    assert_eq!(status, 200, "{text}");
    let values = text.lines().filter_map(|line| {
        let (key, value) = line.rsplit_once(' ')?;
        let (key, all) = key.split_once('{').unwrap_or((key, ""));
        (key == name && all.contains(labels)).then(|| value.parse::<f64>().expect("a number"))
    });
    values.sum()
}

/// A folder for files of a terminator.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Files(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The path as an argument.
    fn arg(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file and gives its path as an argument.
    fn put(&self, name: &str, content: &str) -> String {
        fs::write(self.path(name), content).expect("write a file");
        self.arg(name)
    }
}

/// The lines of a JSON access log once there are `count` of this event.
#[track_caller]
fn records(file: &Path, event: &str, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} lines of {event}"), || {
        let text = fs::read_to_string(file).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = whole.lines().map(|line| {
            serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}"))
        });
        let lines: Vec<Value> = lines.filter(|line| line["event"] == event).collect();
        (lines.len() >= count).then_some(lines)
    })
}
