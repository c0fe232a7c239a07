//! How a POST tunnel ends: cleanly for each half by itself, or not at all.

use super::{LAST, chunk, open, path_to, post, read_chunk, read_content, request};
use crate::support::{Serve, TIMEOUT, Target, pattern, sha256};
use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// A request that stops before its end is no end for the target, wherever it stops.
#[test]
fn a_request_that_is_cut_off() {
    let serve = Serve::start();
    let chunks = [chunk("hel"), chunk("lo"), b"0\r\nA: b\r\n\r\n".to_vec()].concat();
    let stops: [fn(TcpStream); 2] = [
        |stream| stream.shutdown(Shutdown::Write).expect("end"),
        |stream| {
            let none = Some(Duration::ZERO);
            SockRef::from(&stream).set_linger(none).expect("reset");
        },
    ];
    for cut in 0..chunks.len() {
        for (n, stop) in stops.iter().enumerate() {
            let (target, end) = Target::watcher(b"");
            let mut stream = open(serve.port, &request(&target.addr()));
            stream.write_all(&chunks[..cut]).expect("send");
            let kept = stream.try_clone().expect("clone");
            stop(stream);
            // The last descriptor of a socket decides about its reset.
            let kept = (n == 0).then_some(kept);
            let (got, kind) = end.recv_timeout(TIMEOUT).expect("an end");
            assert_eq!(kind, Some(ErrorKind::ConnectionReset), "cut {cut}");
            assert!(b"hello".starts_with(&got[..]), "cut {cut}: {got:?}");
            drop(kept);
        }
    }
    // The same with a length.
    for cut in 0..5 {
        let (target, end) = Target::watcher(b"");
        let head = post(
            &path_to(&target.addr()),
            "proxy.test",
            "Content-Length: 5\r\n",
        );
        let mut stream = open(serve.port, &head);
        stream.write_all(&b"hello"[..cut]).expect("send");
        stream.shutdown(Shutdown::Write).expect("end");
        let (got, kind) = end.recv_timeout(TIMEOUT).expect("an end");
        let reset = Some(ErrorKind::ConnectionReset);
        assert_eq!((&got[..], kind), (&b"hello"[..cut], reset));
    }
}

#[test]
fn the_client_ends_first() {
    const LEN: usize = 1_000_000;
    let serve = Serve::start();
    let target = Target::answers_after_eof(2, LEN as u64);
    let sent = pattern(1, LEN);
    let mut stream = open(serve.port, &request(&target.addr()));
    for piece in sent.chunks(70_001) {
        stream.write_all(&chunk(piece)).expect("send");
    }
    stream.write_all(LAST).expect("end");
    assert_eq!(target.received(1), (LEN as u64, sha256(&sent)));
    assert!(read_content(&stream) == pattern(2, LEN));
}

/// Its last chunk comes at once, and what is sent after it arrives.
#[test]
fn the_target_ends_first() {
    const LEN: usize = 1_000_000;
    let serve = Serve::start();
    let target = Target::ends_first(2, LEN as u64);
    let mut stream = open(serve.port, &request(&target.addr()));
    let mut got = Vec::new();
    loop {
        match read_chunk(&stream).expect("a chunk") {
            last if last.is_empty() => break,
            more => got.extend(more),
        }
    }
    assert!(got == pattern(2, LEN), "{} bytes", got.len());
    let sent = pattern(1, LEN);
    for piece in sent.chunks(70_001) {
        stream.write_all(&chunk(piece)).expect("send");
    }
    stream.write_all(LAST).expect("end");
    assert_eq!(target.received(1), (LEN as u64, sha256(&sent)));
    assert_eq!(stream.read(&mut [0]).expect("a clean end"), 0);
}

/// A FIN before the last chunk is no end, but one behind it is none of anybody's business.
#[test]
fn a_fin_behind_the_last_chunk() {
    let serve = Serve::start();
    let target = Target::answers_after_eof(2, 1000);
    let mut stream = open(serve.port, &request(&target.addr()));
    let content = [&chunk("hello")[..], LAST].concat();
    stream.write_all(&content).expect("send");
    stream.shutdown(Shutdown::Write).expect("end");
    assert_eq!(read_content(&stream), pattern(2, 1000));
}

/// All that came before is there, and then a reset and no last chunk.
#[test]
fn a_target_that_resets() {
    let serve = Serve::start();
    let target = Target::resets(3, 100_000);
    let mut stream = open(serve.port, &request(&target.addr()));
    let mut got = Vec::new();
    while got.len() < 100_000 {
        let more = read_chunk(&stream).expect("a chunk");
        assert!(!more.is_empty(), "an end");
        got.extend(more);
    }
    assert!(got == pattern(3, 100_000));
    stream.write_all(&chunk("x")).expect("send");
    let broken = read_chunk(&stream).expect_err("a reset");
    assert_eq!(broken.kind(), ErrorKind::ConnectionReset);
}
