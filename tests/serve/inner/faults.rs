//! What breaks inside a tunnel looks broken on the other side, and nothing else does.

use crate::support::process::resident;
use crate::support::{Serve, Target, connect};
use crate::terminator::request::open;
use crate::terminator::tunnels::{Stop, stop};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

/// An answer that is cut off is not taken for a whole one.
#[test]
fn an_answer_that_is_cut_off() {
    let serve = Serve::with(&["--inner", "http"]);
    for head in ["Content-Length: 100", "Transfer-Encoding: chunked"] {
        let target = Target::start(move |mut stream, _| {
            stream.read_exact(&mut [0; 20])?;
            let text = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n5\r\nhello\r\n");
            stream.write_all(text.as_bytes())?;
            stream.shutdown(Shutdown::Write)
        });
        for via in ["h1", "h2", "h1-post", "h2-post"] {
            let args = ["-x", &serve.url, "--via", via, &target.addr()];
            let request = *b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
            let output = connect(args)
                .feed(crate::support::Feed::Open(request.to_vec()))
                .run();
            assert!(
                [18, 56].contains(&output.code),
                "{head} {via}: {}",
                output.code
            );
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains("hello"), "{head} {via}: {text}");
        }
    }
}

/// A request that is cut off reaches the target as one.
#[test]
fn a_request_that_is_cut_off() {
    let serve = Serve::with(&["--inner", "http"]);
    let (target, ends) = Target::watcher(b"");
    let mut stream = open(serve.port, &target.addr());
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello")
        .expect("send");
    stream.shutdown(Shutdown::Write).expect("end");
    let (bytes, error) = ends.recv().expect("an end");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // Cut off: the length that was promised is not there, and the connection was not ended well.
    assert!(
        text.contains("content-length: 100") && !text.ends_with(&"x".repeat(100)),
        "{text}"
    );
    assert!(error.is_some(), "a clean end after {text}");
}

/// A target that closes without an answer is an error of this request only.
#[test]
fn a_target_that_gives_up() {
    let serve = Serve::with(&["--inner", "http"]);
    let target = Target::start(|mut stream, _| stream.read_exact(&mut [0; 20]));
    let mut stream = open(serve.port, &target.addr());
    for _ in 0..3 {
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .expect("send");
        let head = crate::terminator::request::read_head(&stream).expect("a head");
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        assert!(head.contains("error=connection_terminated"), "{head}");
        let length = head
            .to_lowercase()
            .split_once("content-length: ")
            .map(|(_, r)| r.to_owned());
        let length = length
            .and_then(|r| r.split("\r\n").next()?.parse().ok())
            .unwrap_or(0);
        stream
            .read_exact(&mut vec![0; length])
            .expect("the content");
    }
    assert!(target.accepted() >= 3);
}

/// Nothing that a client sends makes it grow or stop.
#[test]
fn heads_without_end() {
    let mut serve = Serve::with(&["--inner", "http"]);
    let pid = serve.process().pid();
    let target = Target::http("x");
    let mut stream = open(serve.port, &target.addr());
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n")
        .expect("send");
    let before = resident(pid);
    let field = format!("X: {}\r\n", "y".repeat(8000));
    let mut sent = 0;
    while sent < 10_000_000 && stream.write_all(field.as_bytes()).is_ok() {
        sent += field.len();
    }
    assert!(sent < 10_000_000, "all of it was taken");
    assert!(resident(pid) < before + 2_000_000);
    let mut other = open(serve.port, &target.addr());
    other
        .write_all(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
        .expect("send");
    let mut answer = String::new();
    other.read_to_string(&mut answer).expect("an answer");
    assert!(
        answer.starts_with("HTTP/1.1 200 ") || answer.starts_with("HTTP/1.0 200 "),
        "{answer}"
    );
}

/// The limits hold inside, too.
#[test]
fn silence_inside() {
    let serve = Serve::with(&["--inner", "http", "--idle-timeout", "1"]);
    let target = Target::http("x");
    let mut stream: TcpStream = open(serve.port, &target.addr());
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        .expect("send");
    let mut all = Vec::new();
    let ended = stream.read_to_end(&mut all);
    assert!(
        ended.is_err() || all.is_empty() || all.starts_with(b"HTTP/1.1 "),
        "{all:?}"
    );
    let silent = open(serve.port, &target.addr());
    assert_eq!(stop(&silent), Stop::Reset);
}
