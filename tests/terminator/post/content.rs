//! The content of a request in all its forms, and when the answer comes.

use super::{CHUNKED, LAST, chunk, open, opened, path_to, post, read_chunk, read_content, request};
use crate::support::{ClosedPort, Serve, Target, pattern};
use crate::terminator::request::{connect, read_answer, read_head};
use std::io::{Read, Write};
use std::thread;

fn with(target: &Target, fields: &str) -> String {
    post(&path_to(&target.addr()), "proxy.test", fields)
}

/// Chunks of every kind, in one piece and byte by byte.
#[test]
fn chunks_of_every_kind() {
    let serve = Serve::start();
    let target = Target::echo();
    let long = format!("5;{}\r\nhello\r\n", "x".repeat(4000));
    for chunks in [
        "5\r\nhello\r\n",
        "1\r\nh\r\n1\r\ne\r\n3\r\nllo\r\n",
        "0005\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5;a=\"b;c\"\r\nhello\r\n",
        &long,
    ] {
        for last in [
            "0\r\n\r\n",
            "000;x\r\n\r\n",
            "0\r\nA: b\r\nContent-Length: 9\r\n\r\n",
        ] {
            let content = [chunks, last].concat();
            for piece in [content.len(), 1, 7] {
                let mut stream = open(serve.port, &request(&target.addr()));
                stream.set_nodelay(true).expect("no delay");
                for piece in content.as_bytes().chunks(piece) {
                    stream.write_all(piece).expect("send");
                    thread::yield_now();
                }
                assert_eq!(read_content(&stream), b"hello", "{content:.30}");
            }
        }
    }
}

/// A byte each way, many times: nothing is held back, in either direction.
#[test]
fn a_dialogue() {
    let serve = Serve::start();
    let target = Target::echo();
    let mut stream = open(serve.port, &request(&target.addr()));
    stream.set_nodelay(true).expect("no delay");
    for byte in 0..=255 {
        stream.write_all(&chunk([byte])).expect("send");
        assert_eq!(read_chunk(&stream).expect("an echo"), [byte]);
    }
    stream.write_all(LAST).expect("end");
    assert_eq!(read_content(&stream), b"");
}

/// RFC 9112 §6.3: a length, or neither, which is no content at all.
#[test]
fn content_of_a_known_length() {
    let serve = Serve::start();
    for len in [0, 1, 70_000] {
        let target = Target::echo();
        let mut stream = open(
            serve.port,
            &with(&target, &format!("Content-Length: {len}\r\n")),
        );
        let sent = pattern(1, len);
        stream.write_all(&sent).expect("send");
        assert!(read_content(&stream) == sent, "{len}");
    }
    let target = Target::ends_first(2, 1000);
    let stream = open(serve.port, &with(&target, ""));
    assert_eq!(read_content(&stream), pattern(2, 1000));
}

/// The greeting comes first where it was asked for, and nowhere else.
#[test]
fn greetings() {
    let serve = Serve::start();
    for (fields, greeting) in [
        ("", &b""[..]),
        ("Tuncat-Greeting: ?1\r\n", b"tuncat\n"),
        ("Tuncat-Greeting: ?0\r\n", b""),
        ("Tuncat-Greeting: 1\r\n", b""),
        ("X-Tuncat-Greeting: ?1\r\n", b""),
    ] {
        let target = Target::ends_first(2, 1000);
        let fields = format!("{fields}{CHUNKED}");
        let mut stream = open(serve.port, &with(&target, &fields));
        if !greeting.is_empty() {
            assert_eq!(read_chunk(&stream).expect("a greeting"), greeting);
        }
        stream.write_all(LAST).expect("end");
        assert_eq!(read_content(&stream), pattern(2, 1000), "{fields}");
    }
}

/// RFC 9110 §10.1.1: a client that waits for a word gets one, or the refusal.
#[test]
fn expectations() {
    let serve = Serve::start();
    for (field, waits) in [
        ("Expect: 100-continue\r\n", true),
        ("expect: 100-Continue\r\n", true),
        ("Expect: something\r\n", false),
    ] {
        let target = Target::echo();
        let head = with(&target, &format!("{field}{CHUNKED}"));
        let mut stream = connect(serve.port);
        stream.write_all(head.as_bytes()).expect("ask");
        if waits {
            let interim = read_head(&stream).expect("an interim answer");
            assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
        }
        opened(&mut stream, &head);
        stream
            .write_all(&[&chunk("hello")[..], LAST].concat())
            .expect("send");
        assert_eq!(read_content(&stream), b"hello");
    }
    let closed = ClosedPort::new();
    let fields = format!("Expect: 100-continue\r\n{CHUNKED}");
    let mut stream = connect(serve.port);
    let head = post(&path_to(&closed.addr()), "proxy.test", &fields);
    stream.write_all(head.as_bytes()).expect("ask");
    read_answer(&stream).refuses(502, "connection_refused");
}

/// Content right behind the head arrives whole, whatever its size.
#[test]
fn content_glued_to_the_head() {
    let serve = Serve::start();
    for len in [1, 1900, 2048, 5000, 1_000_000] {
        let target = Target::echo();
        let sent = pattern(len as u64, len);
        let head = request(&target.addr());
        let all = [head.as_bytes(), &chunk(&sent), LAST].concat();
        let stream = connect(serve.port);
        let mut sender = stream.try_clone().expect("clone");
        let sending = thread::spawn(move || sender.write_all(&all).expect("send"));
        opened(&stream, &head);
        assert!(read_content(&stream) == sent, "{len}");
        sending.join().expect("a sender");
    }
}

/// The connection is for one tunnel: it ends with it.
#[test]
fn the_connection_ends_with_the_tunnel() {
    let serve = Serve::start();
    let target = Target::echo();
    let mut stream = open(
        serve.port,
        &with(&target, "Connection: keep-alive\r\nContent-Length: 0\r\n"),
    );
    assert_eq!(read_content(&stream), b"");
    assert_eq!(stream.read(&mut [0]).expect("a clean end"), 0);
}
