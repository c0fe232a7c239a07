//! Content without end that carries nothing: it is cut off, and what is held of it has a bound.

use super::{chunk, open, request};
use crate::support::process::peak_memory;
use crate::support::{Serve, TIMEOUT, Target};
use std::io::{ErrorKind, Write};

/// No end for the target, and no memory.
#[test]
fn floods() {
    let mut serve = Serve::start();
    let pid = serve.process().pid();
    for beginning in ["5;", "0\r\nA: ", "0\r\n", "0"] {
        let flood: Vec<u8> = match beginning {
            "0\r\n" => b"A: b\r\n".repeat(10_000),
            _ => vec![b'0'; 64 * 1024],
        };
        let (target, end) = Target::watcher(b"");
        let mut stream = open(serve.port, &request(&target.addr()));
        stream.write_all(&chunk("hello")).expect("send");
        stream.write_all(beginning.as_bytes()).expect("send");
        let before = peak_memory(pid).expect("a running program");
        let mut sent = 0;
        while sent < 1 << 30 && stream.write_all(&flood).is_ok() {
            sent += flood.len();
        }
        assert!(sent < 64 << 20, "{beginning:?}: {sent} bytes were taken");
        let (got, kind) = end.recv_timeout(TIMEOUT).expect("an end");
        let reset = Some(ErrorKind::ConnectionReset);
        assert_eq!((&got[..], kind), (&b"hello"[..], reset), "{beginning:?}");
        let growth = peak_memory(pid).expect("a running program") - before;
        assert!(growth < 1 << 20, "{beginning:?}: {growth} bytes more");
    }
}

/// Chunks of one byte with as much around them as may be are content all the same, and nothing of that is kept.
#[test]
fn much_around_little() {
    let mut serve = Serve::start();
    let pid = serve.process().pid();
    let (target, end) = Target::watcher(b"");
    let mut stream = open(serve.port, &request(&target.addr()));
    let padded = format!("1;{}\r\nx\r\n", "y".repeat(4000)).into_bytes();
    let before = peak_memory(pid).expect("a running program");
    for _ in 0..2000 {
        stream.write_all(&padded).expect("send");
    }
    stream.write_all(super::LAST).expect("end");
    let (got, kind) = end.recv_timeout(TIMEOUT).expect("an end");
    assert_eq!((got, kind), (vec![b'x'; 2000], None));
    let growth = peak_memory(pid).expect("a running program") - before;
    assert!(growth < 1 << 20, "{growth} bytes more");
}
