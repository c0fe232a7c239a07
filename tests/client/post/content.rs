//! Every answer that is a tunnel, and every form its content may have.

use super::{GREETING, GREETS, LAST, OK, chunk, payload, through};
use crate::client::peer::Peer;
use crate::support::Feed;

/// An answer of these parts, after which the connection stays open. [`payload`] is all that comes out of it.
#[track_caller]
fn opens(name: &str, parts: &[&[u8]]) {
    let answer = parts.concat();
    let peer = Peer::new(move |conn| {
        conn.send(&answer)?;
        conn.read_to_end().map(drop)
    });
    is_whole(name, peer);
}

/// [`payload`] is all that comes from it, and then a clean end.
#[track_caller]
fn is_whole(name: &str, peer: Peer) {
    let scene = through(peer);
    let output = scene.run(&[]);
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{name}");
    assert!(output.stdout == payload(), "{name}: {output:?}");
    assert_eq!(scene.proxy.expect("a proxy").accepted(), 1, "{name}");
}

/// A status line and fields, over chunked content.
#[test]
fn heads_that_open_a_tunnel() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n";
    let many = interim.repeat(16);
    let ok = "HTTP/1.1 200 OK\r\n";
    for (before, line, fields) in [
        ("", ok, ""),
        ("", "HTTP/1.1 200\r\n", ""),
        ("", "HTTP/1.1 201 Created\r\n", ""),
        ("", "HTTP/1.1 299 Sure\r\n", ""),
        ("", ok, "Connection: close\r\nServer: x\r\n"),
        ("", ok, "Content-Type: text/plain\r\n"),
        ("", ok, "Proxy-Status: p;error=dns_error\r\n"),
        ("", ok, "Tuncat-Greeting: ?0\r\n"),
        (interim, ok, ""),
        (&many, ok, ""),
    ] {
        for coding in ["Transfer-Encoding: chunked", "transfer-encoding:  CHUNKED "] {
            let head = format!("{before}{line}{fields}{coding}\r\n\r\n");
            let parts = [head.as_bytes(), &chunk(payload()), LAST];
            opens(&head, &parts);
        }
    }
}

/// RFC 9112 §7.1: whatever a sender may do with chunks is none of the content's.
#[test]
fn chunks_of_every_kind() {
    let payload = payload();
    let len = payload.len();
    let sized = |size: String| [size.as_bytes(), b"\r\n", &payload, b"\r\n"].concat();
    let bytes: Vec<u8> = payload.iter().flat_map(|byte| chunk([*byte])).collect();
    let long = "x".repeat(4000);
    for (name, chunks) in [
        ("upper case", sized(format!("{len:X}"))),
        ("leading zeros", sized(format!("{len:015x}"))),
        ("blanks behind the size", sized(format!("{len:x} \t"))),
        ("an extension", sized(format!("{len:x};a=b;c=\"d;e\""))),
        ("a long extension", sized(format!("{len:x};{long}"))),
        ("one byte each", bytes),
    ] {
        for last in [
            "0\r\n\r\n",
            "000\r\n\r\n",
            "0;x=y\r\n\r\n",
            "0\r\nA: b\r\nC:\r\n\r\n",
        ] {
            let name = format!("{name}, {last:?}");
            opens(&name, &[OK.as_bytes(), &chunks, last.as_bytes()]);
        }
    }
}

#[test]
fn what_follows_the_last_chunk_is_nothing() {
    let more = b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno".repeat(500);
    for surplus in [&b"x"[..], b"\r\n", &chunk("more"), LAST, &more] {
        let parts = [OK.as_bytes(), &chunk(payload()), LAST, surplus];
        opens("surplus", &parts);
    }
}

/// The greeting is taken off wherever the chunks begin and end.
#[test]
fn greetings_in_every_cut() {
    let all = [GREETING, &payload()].concat();
    for cut in 1..all.len() {
        let (first, second) = all.split_at(cut);
        let parts = [GREETS.as_bytes(), &chunk(first), &chunk(second), LAST];
        opens(&format!("cut {cut}"), &parts);
    }
    // Unannounced, it is the target's.
    let peer = Peer::answering([OK.as_bytes(), &chunk(GREETING), LAST].concat());
    assert_eq!(through(peer).run(&[]).expect_clean().stdout, GREETING);
}

/// Nothing at all is a tunnel too.
#[test]
fn an_empty_tunnel() {
    for answer in [
        [OK.as_bytes(), LAST].concat(),
        [GREETS.as_bytes(), &chunk(GREETING), LAST].concat(),
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
    ] {
        let output = through(Peer::answering(answer)).run(&[]);
        assert_eq!(output.expect_code(0).stdout, b"");
    }
}

/// RFC 9112 §6.3: without framing the content ends with the connection.
#[test]
fn an_answer_without_framing() {
    for line in ["HTTP/1.0 200 OK", "HTTP/1.1 200 OK"] {
        for greeting in ["", "Tuncat-Greeting: ?1\r\n"] {
            let head = format!("{line}\r\n{greeting}\r\n");
            let mut answer = head.clone().into_bytes();
            if !greeting.is_empty() {
                answer.extend(GREETING);
            }
            answer.extend(payload());
            is_whole(&head, Peer::answering(answer));
        }
    }
}

/// The far side's end is enough: stdin need not end, and nobody waits for the connection to close.
#[test]
fn the_far_side_ends_first() {
    let answer = [OK.as_bytes(), &chunk(payload()), LAST].concat();
    let peer = Peer::new(move |conn| {
        conn.send(&answer)?;
        conn.read_to_end().map(drop)
    });
    let scene = through(peer).stdin(|| Feed::Open(b"hello".to_vec()));
    assert!(scene.run(&[]).expect_clean().stdout == payload());
}
