//! What stands between a good request and its target, told by status and Proxy-Status (RFC 9209).

use super::request::{ask, ask_for, connect_request};
use crate::support::{ClosedPort, Serve, Target};

#[test]
fn a_target_that_refuses() {
    let serve = Serve::start();
    let closed = ClosedPort::new();
    let answer = ask_for(serve.port, &closed.addr());
    answer.refuses(502, "connection_refused");
}

/// Every address of a name is tried, and the first failure is told.
#[test]
fn a_name_whose_addresses_refuse() {
    let serve = Serve::start();
    let closed = ClosedPort::new();
    let answer = ask_for(serve.port, &format!("localhost:{}", closed.port));
    answer.refuses(502, "connection_refused");
}

#[test]
fn a_name_that_does_not_exist() {
    let serve = Serve::start();
    for name in ["x.invalid:80", "a.b.c.invalid:443"] {
        ask_for(serve.port, name).refuses(502, "dns_error");
    }
}

#[test]
fn other_methods() {
    let serve = Serve::start();
    for (method, target) in [
        ("GET", "http://127.0.0.1/"),
        ("GET", "/"),
        ("HEAD", "/"),
        ("OPTIONS", "*"),
        ("TRACE", "/"),
        ("connect", "127.0.0.1:80"),
        ("Connect", "127.0.0.1:80"),
        ("CONNECTX", "127.0.0.1:80"),
    ] {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        let answer = ask(serve.port, request);
        assert_eq!(answer.status, 405, "{method}: {}", answer.text);
        answer.refuses(405, "http_request_error");
        assert_eq!(answer.all("allow"), ["CONNECT, POST"], "{method}");
    }
}

#[test]
fn other_versions() {
    let serve = Serve::start();
    let target = Target::sink();
    let request = connect_request(&target.addr());
    for version in ["HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9"] {
        let answer = ask(serve.port, request.replace("HTTP/1.1", version));
        assert_eq!(answer.status, 505, "{version}: {}", answer.text);
        answer.refuses(505, "http_request_error");
    }
    assert_eq!(target.accepted(), 0);
}

/// The answer is for people too: the body says the reason, and what a client sent is not sent back raw.
#[test]
fn the_body_says_why() {
    let serve = Serve::with(&["--deny", "a.test"]);
    let answer = ask_for(serve.port, "a.test:80");
    let body = answer.refuses(403, "http_request_denied").body.clone();
    assert_eq!(body, "a rule denies this target\n");
    let answer = ask(serve.port, "CONNECT \x1b[31m:80 HTTP/1.1\r\n\r\n");
    assert!(
        !answer
            .refuses(400, "http_request_error")
            .text
            .contains('\x1b')
    );
}
