//! Basic authentication: who is let in, and what the others are told.

use super::request::{Answer, ask, connect, read_head};
use crate::support::{Serve, Target};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::{Read, Write};

fn request(target: &Target, authorization: Option<&str>) -> String {
    let at = target.addr();
    let field = authorization.map(|value| format!("Proxy-Authorization: {value}\r\n"));
    let field = field.unwrap_or_default();
    format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n{field}\r\n")
}

fn basic(pair: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[track_caller]
fn refused(answer: &Answer) {
    answer.refuses(407, "http_request_denied");
    let challenge = answer.all("proxy-authenticate");
    assert_eq!(challenge.len(), 1, "{}", answer.text);
    assert!(
        challenge[0].starts_with("Basic realm=\""),
        "{}",
        answer.text
    );
}

#[test]
fn right_wrong_unknown_and_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users");
    std::fs::write(&file, "# users\nbob:se:cret\r\n\nann:é\n").expect("write users");
    let file = file.display().to_string();
    let serve = Serve::with(&["--auth", "carl:", "--auth-file", &file]);
    let target = Target::echo();
    for pair in ["bob:se:cret", "ann:é", "carl:"] {
        for value in [basic(pair), basic(pair).replace("Basic ", "bASIC  ")] {
            let mut stream = connect(serve.port);
            let request = request(&target, Some(&value));
            stream.write_all(request.as_bytes()).expect("ask");
            let head = read_head(&stream).expect("a head");
            assert!(head.starts_with("HTTP/1.1 200 "), "{pair}: {head}");
            stream.write_all(b"x").expect("send");
            stream.read_exact(&mut [0]).expect("echo");
        }
    }
    let served = target.accepted();
    let twice = format!("{}, {}", basic("bob:se:cret"), basic("bob:se:cret"));
    for value in [
        basic("bob:wrong"),
        basic("bob:"),
        basic("bob"),
        basic("bob:se:cret "),
        basic(" bob:se:cret"),
        basic("BOB:se:cret"),
        basic("dora:se:cret"),
        basic("carl:x"),
        basic(":"),
        basic(""),
        basic([0xff, b':', 0xfe]),
        basic("bob:se:cret").replace("Basic ", "Bearer "),
        basic("bob:se:cret").replace("Basic ", "Basic"),
        basic("bob:se:cret").replace("Basic ", ""),
        format!("{}!", basic("bob:se:cret")),
        "Basic".to_owned(),
        String::new(),
        "Digest username=\"bob\"".to_owned(),
        twice,
    ] {
        let answer = ask(serve.port, request(&target, Some(&value)));
        assert_eq!(answer.status, 407, "{value}: {}", answer.text);
        refused(&answer);
    }
    refused(&ask(serve.port, request(&target, None)));
    assert_eq!(target.accepted(), served, "somebody was let through");
}

/// A user who is known and one who is not get the same answer, to the letter.
#[test]
fn an_answer_does_not_tell_who_is_known() {
    let serve = Serve::with(&["--auth", "bob:secret"]);
    let target = Target::sink();
    let known = ask(serve.port, request(&target, Some(&basic("bob:wrong"))));
    let unknown = ask(serve.port, request(&target, Some(&basic("eve:wrong"))));
    refused(&known);
    assert_eq!(known.text, unknown.text);
}

/// `Authorization` is for origin servers, and a right password behind a wrong one does not count.
#[test]
fn only_the_proxys_own_field_counts() {
    let serve = Serve::with(&["--auth", "bob:secret"]);
    let target = Target::sink();
    let right = request(&target, Some(&basic("bob:secret")));
    refused(&ask(serve.port, right.replace("Proxy-Auth", "Auth")));
    let wrong = format!("Proxy-Authorization: {}\r\nProxy-Auth", basic("bob:x"));
    refused(&ask(serve.port, right.replace("Proxy-Auth", &wrong)));
}

/// A target that the policy forbids is told only to those who may ask at all.
#[test]
fn authentication_comes_before_the_policy() {
    let serve = Serve::with(&["--auth", "bob:secret", "--deny", "127.0.0.0/8"]);
    let target = Target::sink();
    refused(&ask(serve.port, request(&target, None)));
    let answer = ask(serve.port, request(&target, Some(&basic("bob:secret"))));
    answer.refuses(403, "destination_ip_prohibited");
}

/// A password in the arguments is not to be seen by others.
#[test]
fn arguments_hold_no_password() {
    let mut serve = Serve::with(&["--auth", "bob:hunter2secret"]);
    let pid = serve.process().pid().as_raw_nonzero();
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).expect("arguments");
    let arguments = String::from_utf8_lossy(&arguments);
    assert!(arguments.contains("bob:"), "{arguments}");
    assert!(!arguments.contains("hunter2secret"), "{arguments}");
}
