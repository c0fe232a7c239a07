//! Limits on the head of a request: bytes, lines, and ten seconds for all of it.

use super::request::{Answer, ask, connect, connect_request, open_on, read_answer};
use crate::support::process::descriptors;
use crate::support::{Serve, Target, wait_for};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

#[track_caller]
fn too_long(answer: &Answer) {
    answer.refuses(431, "http_request_error");
}

fn with_field(target: &Target, field: &str) -> String {
    connect_request(&target.addr()).replace("\r\n\r\n", &format!("\r\n{field}\r\n\r\n"))
}

#[test]
fn too_many_bytes() {
    let serve = Serve::start();
    let target = Target::sink();
    let bare = with_field(&target, "X: ").len();
    let fits = with_field(&target, &format!("X: {}", "a".repeat(16 * 1024 - bare)));
    assert_eq!(fits.len(), 16 * 1024);
    let stream = connect(serve.port);
    (&stream).write_all(fits.as_bytes()).expect("ask");
    let head = super::request::read_head(&stream).expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    for more in [1, 2, 1000, 1 << 20] {
        let field = format!("X: {}", "a".repeat(16 * 1024 - bare + more));
        too_long(&ask(serve.port, with_field(&target, &field)));
    }
    // A head that never ends: in one line, in many, before the first space.
    too_long(&ask(serve.port, format!("CONNECT {}", "a".repeat(20_000))));
    let fields = "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    let many = format!("CONNECT h:1 HTTP/1.1\r\n{}", fields.repeat(1000));
    too_long(&ask(serve.port, many));
    assert_eq!(target.accepted(), 1);
}

#[test]
fn too_many_lines() {
    let serve = Serve::start();
    let target = Target::sink();
    // The request line and Host are lines too.
    let fits = with_field(&target, &vec!["A: b"; 126].join("\r\n"));
    open_raw(serve.port, &fits);
    too_long(&ask(
        serve.port,
        with_field(&target, &vec!["A: b"; 127].join("\r\n")),
    ));
    too_long(&ask(
        serve.port,
        with_field(&target, &vec!["A: b"; 4000].join("\r\n")),
    ));
}

#[track_caller]
fn open_raw(port: u16, request: &str) {
    let stream = connect(port);
    (&stream).write_all(request.as_bytes()).expect("ask");
    let head = super::request::read_head(&stream).expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

/// In any pieces a head is the same head.
#[test]
fn one_byte_per_packet() {
    let serve = Serve::start();
    let target = Target::echo();
    let stream = connect(serve.port);
    stream.set_nodelay(true).expect("no delay");
    for byte in connect_request(&target.addr()).bytes() {
        (&stream).write_all(&[byte]).expect("ask");
        thread::yield_now();
    }
    let head = super::request::read_head(&stream).expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

/// Up to two empty lines in front of a request are forgiven (RFC 9112 §2.2).
#[test]
fn empty_lines_in_front() {
    let serve = Serve::start();
    let target = Target::echo();
    for lines in ["\r\n", "\r\n\r\n"] {
        open_raw(
            serve.port,
            &format!("{lines}{}", connect_request(&target.addr())),
        );
    }
    let endless = "\r\n".repeat(100);
    let answer = ask(
        serve.port,
        format!("{endless}{}", connect_request(&target.addr())),
    );
    answer.refuses(400, "http_request_error");
}

/// The limit is on the whole head, not on each read: a client that drips is told after ten seconds, and one that says
/// nothing at all is dropped without an answer.
#[test]
fn ten_seconds_for_a_head() {
    let serve = Serve::start();
    let begun = Instant::now();
    let dripping: Vec<TcpStream> = [
        "CONN",
        "CONNECT h:1 HTTP/1.1\r\nX: a",
        "CONNECT h:1 HTTP/1.1\r\nX: a\r\n",
    ]
    .iter()
    .map(|beginning| {
        let mut stream = connect(serve.port);
        stream.write_all(beginning.as_bytes()).expect("begin");
        stream
    })
    .collect();
    let mut silent = connect(serve.port);
    let drips = dripping.iter().map(|stream| {
        let mut stream = stream.try_clone().expect("clone");
        thread::spawn(move || {
            // The pace of the peer; it ends when the terminator has closed.
            while stream.write_all(b"a").is_ok() && begun.elapsed() < 30 * SECOND {
                thread::sleep(SECOND / 2);
            }
        })
    });
    let drips: Vec<_> = drips.collect();
    for stream in &dripping {
        let answer = read_answer(stream);
        let took = begun.elapsed();
        answer.refuses(408, "http_request_error");
        assert!((9 * SECOND..13 * SECOND).contains(&took), "{took:?}");
    }
    let mut answer = Vec::new();
    silent.read_to_end(&mut answer).ok();
    let took = begun.elapsed();
    assert_eq!(answer, b"");
    assert!((9 * SECOND..13 * SECOND).contains(&took), "{took:?}");
    // Somebody else is served all the while.
    let target = Target::echo();
    open_on(connect(serve.port), &target.addr());
    drop((dripping, silent));
    for drip in drips {
        drip.join().expect("a drip");
    }
}

/// What a refused client sends besides is read and thrown away for a while (RFC 9112 §9.6): closing at once would reset
/// a client that is still sending, and could wipe out the answer.
#[test]
fn a_refused_client_is_not_cut_off_at_once() {
    let serve = Serve::start();
    for len in [0, 5_000, 100_000] {
        let mut stream = connect(serve.port);
        stream.set_nodelay(true).expect("no delay");
        let request = connect_request("h:0") + &"x".repeat(len);
        stream.write_all(request.as_bytes()).expect("ask");
        read_answer(&stream).refuses(400, "http_request_error");
        for _ in 0..20 {
            stream.write_all(&[b'x'; 1000]).expect("it still reads");
            // The pace of the peer: time for a reset to come back.
            thread::sleep(SECOND / 100);
        }
    }
}

/// A refused client that goes on sending is read from for a while, so that its answer is not wiped out by a reset, and
/// then cut off.
#[test]
fn a_refused_client_that_does_not_stop() {
    let mut serve = Serve::start();
    let pid = serve.process().pid();
    let open = || descriptors(pid);
    let before = open();
    let stream = connect(serve.port);
    let mut writer = stream.try_clone().expect("clone");
    let sender = thread::spawn(move || {
        let mut sent = 0_u64;
        let piece = [b'x'; 16 * 1024];
        while writer.write_all(&piece).is_ok() {
            sent += piece.len() as u64;
            if sent > 1 << 30 {
                break;
            }
        }
        sent
    });
    let mut text = Vec::new();
    let mut piece = [0; 1024];
    while let Ok(n @ 1..) = (&stream).read(&mut piece) {
        text.extend_from_slice(&piece[..n]);
    }
    let text = String::from_utf8_lossy(&text);
    assert!(
        text.starts_with("HTTP/1.1 4") && text.contains("\r\n\r\n"),
        "{text}"
    );
    let sent = sender.join().expect("sender");
    assert!(sent < 1 << 30, "it may send for ever");
    drop(stream);
    wait_for("the connection to be gone", || {
        (open() <= before).then_some(())
    });
}
