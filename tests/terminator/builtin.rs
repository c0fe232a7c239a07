//! Targets inside the terminator: `echo:`, `discard:` and `source:BYTES`.

use super::request::{ask_for, open};
use super::started::Started;
use crate::support::{Serve, connect, pattern};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use tuncat::base::pattern::mismatch;

#[test]
fn echo_sends_back_what_it_gets() {
    let serve = Serve::start();
    for len in [0, 1, 1000, 5_000_000] {
        let stream = open(serve.port, "echo.tuncat.invalid:7");
        let sent = pattern(len as u64, len);
        let (writer, copy) = (stream.try_clone().expect("clone"), sent.clone());
        let writer = thread::spawn(move || {
            (&writer).write_all(&copy).expect("send");
            writer.shutdown(Shutdown::Write).expect("end");
        });
        let mut got = Vec::new();
        (&stream).read_to_end(&mut got).expect("a clean end");
        writer.join().expect("writer");
        assert!(got == sent, "{} of {len} bytes", got.len());
    }
}

/// Byte by byte: an echo holds nothing back.
#[test]
fn echo_answers_at_once() {
    let serve = Serve::start();
    let mut stream = open(serve.port, "echo.tuncat.invalid:7");
    stream.set_nodelay(true).expect("no delay");
    for byte in 0..=255 {
        stream.write_all(&[byte]).expect("send");
        let mut got = [0];
        stream.read_exact(&mut got).expect("echo");
        assert_eq!(got, [byte]);
    }
}

#[test]
fn discard_takes_everything_and_ends_after_its_peer() {
    let serve = Serve::start();
    let mut stream = open(serve.port, "discard.tuncat.invalid:9");
    stream.write_all(&vec![7; 10_000_000]).expect("send");
    stream.shutdown(Shutdown::Write).expect("end");
    let mut got = Vec::new();
    stream.read_to_end(&mut got).expect("a clean end");
    assert_eq!(got, b"");
}

#[test]
fn source_sends_the_pattern_and_its_end() {
    let serve = Serve::start();
    for len in [0_u64, 1, 7, 65_536, 3_000_017] {
        let mut stream = open(serve.port, &format!("source-{len}.tuncat.invalid:19"));
        // What it gets is dropped, and does not disturb.
        stream.write_all(b"anything").expect("send");
        stream.shutdown(Shutdown::Write).expect("end");
        let mut got = Vec::new();
        stream.read_to_end(&mut got).expect("a clean end");
        assert_eq!((got.len() as u64, mismatch(0, &got)), (len, None));
    }
}

/// As much as there are numbers for: it begins at once, and a client that has enough just goes.
#[test]
fn source_without_end() {
    let mut serve = Serve::start();
    let mut stream = open(
        serve.port,
        &format!("source-{}.tuncat.invalid:19", u64::MAX),
    );
    let mut got = vec![0; 1_000_000];
    stream.read_exact(&mut got).expect("receive");
    assert_eq!(mismatch(0, &got), None);
    drop(stream);
    assert!(serve.process().status().is_none());
    let output = connect(["-x", &serve.url, "source:1000"])
        .run()
        .expect_clean();
    assert_eq!(
        (output.stdout_len, mismatch(0, &output.stdout)),
        (1000, None)
    );
}

#[test]
fn on_other_addresses_they_have_to_be_asked_for() {
    let exposed = ["-l", "0.0.0.0:0", "--allow-clients", "127.0.0.0/8"];
    let closed = Started::with(1, &exposed);
    let opened = Started::with(1, &[&exposed[..], &["--allow-builtin"]].concat());
    for authority in [
        "echo.tuncat.invalid:7",
        "discard.tuncat.invalid:9",
        "source-3.tuncat.invalid:19",
    ] {
        ask_for(closed.port(0), authority).refuses(403, "http_request_denied");
        drop(open(opened.port(0), authority));
    }
    let mut stream = open(opened.port(0), "source-3.tuncat.invalid:19");
    let mut got = Vec::new();
    stream.read_to_end(&mut got).expect("a clean end");
    assert_eq!(mismatch(0, &got), None);
}

/// The names are known by their exact ports, and only here: nothing is ever resolved for them.
#[test]
fn names_that_are_almost_right() {
    let serve = Serve::start();
    for authority in [
        "echo.tuncat.invalid:8",
        "echo.tuncat.invalid:443",
        "discard.tuncat.invalid:7",
        "source-3.tuncat.invalid:7",
        "source.tuncat.invalid:19",
        "source-.tuncat.invalid:19",
        "source--1.tuncat.invalid:19",
        "http.tuncat.invalid:443",
        "web.tuncat.invalid:80",
        "a.echo.tuncat.invalid:7",
    ] {
        let answer = ask_for(serve.port, authority);
        assert_eq!(answer.status, 400, "{authority}: {}", answer.text);
        answer.refuses(400, "http_request_error");
    }
}
