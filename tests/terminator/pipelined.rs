//! What a client sends before it has the answer: payload when the tunnel opens, and nothing at all when it does not
//! (RFC 9931).

use super::request::{ask, connect, connect_request, open, read_answer, read_head};
use crate::support::{ClosedPort, Serve, Target, pattern, sha256};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

/// Behind every kind of refusal, a second and a third request that would be right are neither answered nor carried out.
#[test]
fn nothing_behind_a_refusal_is_a_request() {
    let target = Target::sink();
    let closed = ClosedPort::new();
    let serve = Serve::with(&["--deny", "denied.test"]);
    let users = Serve::with(&["--auth", "u:p"]);
    let second = connect_request(&target.addr());
    let long = format!("CONNECT h:1 HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(20_000));
    for (port, first) in [
        (serve.port, connect_request("denied.test:80")),
        (serve.port, connect_request("10.0.0.1:80")),
        (serve.port, connect_request("x.invalid:80")),
        (serve.port, connect_request(&closed.addr())),
        (serve.port, connect_request("h:0")),
        (serve.port, "GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned()),
        (serve.port, "CONNECT h:1 HTTP/2.0\r\n\r\n".to_owned()),
        (serve.port, "CONNECT h:1 HTTP/1.1\r\n\r\n".to_owned()),
        (serve.port, long),
        (
            serve.port,
            "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nContent-Length: 10\r\n\r\n".to_owned(),
        ),
        (users.port, connect_request(&target.addr())),
    ] {
        let answer = ask(port, format!("{first}{second}{second}"));
        let answers = answer.text.matches("HTTP/1.").count();
        assert_eq!(answers, 1, "{first:?}: {}", answer.text);
        assert_eq!(answer.all("connection"), ["close"], "{}", answer.text);
        answer.error();
    }
    // A connection that was made earlier would be accepted earlier.
    drop(open(serve.port, &target.addr()));
    crate::support::wait_for("the good connection", || {
        (target.accepted() > 0).then_some(())
    });
    assert_eq!(target.accepted(), 1, "something was dialled");
}

/// Payload right behind a CONNECT that succeeds arrives whole, whatever its size: in the buffer of the head, far beyond
/// it, and ended at once.
#[test]
fn payload_behind_a_success_arrives_whole() {
    let serve = Serve::start();
    for len in [
        1, 2, 1500, 2047, 2048, 2049, 16_384, 16_385, 100_000, 3_000_000,
    ] {
        let target = Target::sink();
        let payload = pattern(len as u64, len);
        let mut all = connect_request(&target.addr()).into_bytes();
        all.extend_from_slice(&payload);
        let stream = connect(serve.port);
        let sender = stream.try_clone().expect("clone");
        let sender = thread::spawn(move || {
            (&sender).write_all(&all).expect("send");
            sender.shutdown(Shutdown::Write).expect("end");
        });
        let head = read_head(&stream).expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert_eq!(target.received(1), (len as u64, sha256(&payload)), "{len}");
        let mut rest = Vec::new();
        (&stream).read_to_end(&mut rest).expect("a clean end");
        assert_eq!(rest, b"");
        sender.join().expect("sender");
    }
}

/// Payload that looks like requests is payload.
#[test]
fn payload_is_never_read_as_a_request() {
    let serve = Serve::start();
    let target = Target::sink();
    let mut payload = connect_request("10.0.0.1:80").repeat(3);
    payload += "\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    let mut stream = connect(serve.port);
    let all = connect_request(&target.addr()) + &payload;
    stream.write_all(all.as_bytes()).expect("send");
    stream.shutdown(Shutdown::Write).expect("end");
    let answer = read_answer(&stream);
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let expected = (payload.len() as u64, sha256(payload.as_bytes()));
    assert_eq!(target.received(1), expected);
}

/// The client ends right behind its request, and the target's answer still comes.
#[test]
fn an_end_right_behind_the_request() {
    let serve = Serve::start();
    let target = Target::answers_after_eof(5, 200_000);
    let mut stream = connect(serve.port);
    let request = connect_request(&target.addr());
    stream.write_all(request.as_bytes()).expect("send");
    stream.shutdown(Shutdown::Write).expect("end");
    read_head(&stream).expect("a head");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).expect("a clean end");
    assert!(reply == pattern(5, 200_000), "{} bytes", reply.len());
}
