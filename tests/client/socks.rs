//! SOCKS servers that say every kind of no, and dribble.

use super::LIMIT;
use super::peer::{Conn, Peer};
use crate::support::connect;
use std::io;

const TARGET: &str = "target.test:22";

fn url(peer: &Peer, scheme: &str) -> String {
    peer.url().replace("http://", &format!("{scheme}://"))
}

/// The greeting and the request of SOCKS 5.
fn request5(conn: &Conn) -> io::Result<Vec<u8>> {
    conn.read_exact(3)?;
    conn.send([5, 0])?;
    let head = conn.read_exact(5)?;
    let rest = conn.read_exact(usize::from(head[4]) + 2)?;
    Ok([head, rest].concat())
}

#[track_caller]
fn fails(peer: &Peer, scheme: &str, args: &[&str], code: i32, said: &str) {
    let run = connect(["-x", &url(peer, scheme), TARGET]).args(args);
    let line = run.limit(LIMIT).run().expect_failure(code);
    assert!(line.contains(said), "{line}");
}

/// The name is the proxy's to resolve; its reply may come in crumbs, with any kind of address, and what follows is the
/// tunnel's.
#[test]
fn replies_of_every_shape() {
    let shapes: [&[u8]; 3] = [
        &[5, 0, 0, 1, 1, 2, 3, 4, 0, 80],
        &[5, 0, 0, 3, 4, b'n', b'a', b'm', b'e', 0, 80],
        &[
            5, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80,
        ],
    ];
    for reply in shapes {
        for crumbs in [false, true] {
            let peer = Peer::raw(move |conn| {
                let request = request5(&conn)?;
                let wanted = [&[5, 1, 0, 3, 11][..], b"target.test", &[0, 22]].concat();
                assert_eq!(request, wanted);
                let all = [reply, b"early "].concat();
                match crumbs {
                    true => all.iter().try_for_each(|octet| conn.send_alone([*octet]))?,
                    false => conn.send(&all)?,
                }
                io::copy(&mut &conn.stream, &mut &conn.stream).map(drop)
            });
            let run = connect(["-x", &url(&peer, "socks5h"), TARGET, "-N"]);
            let output = run.stdin("hello").limit(LIMIT).run().expect_clean();
            assert_eq!(output.stdout, b"early hello");
        }
    }
}

#[test]
fn version_4a() {
    let peer = Peer::raw(|conn| {
        let head = conn.read_exact(8)?;
        assert_eq!(head, [4, 1, 0, 22, 0, 0, 0, 1]);
        let names = conn.read_exact(b"me\0target.test\0".len())?;
        assert_eq!(names, b"me\0target.test\0");
        conn.send(b"\0\x5a\0\0\0\0\0\0early ")?;
        io::copy(&mut &conn.stream, &mut &conn.stream).map(drop)
    });
    let args = ["-x", &url(&peer, "socks4a"), "-U", "me:", TARGET, "-N"];
    let output = connect(args).stdin("hello").limit(LIMIT).run();
    assert_eq!(output.expect_clean().stdout, b"early hello");
}

#[test]
fn every_refusal() {
    for (reply, code, said) in [
        (1, 97, "general failure for target.test:22"),
        (2, 97, "its rules do not allow target.test:22"),
        (3, 97, "network unreachable"),
        (4, 97, "host unreachable"),
        (5, 97, "connection refused"),
        (6, 97, "TTL expired"),
        (7, 97, "does not know CONNECT"),
        (8, 97, "kind of address"),
        (9, 97, "reply 9"),
    ] {
        let peer = Peer::raw(move |conn| {
            request5(&conn)?;
            conn.send([5, reply, 0, 1, 0, 0, 0, 0, 0, 0])?;
            conn.read_to_end().map(drop)
        });
        fails(&peer, "socks5h", &[], code, said);
    }
    for (reply, code, said) in [
        (91, 97, "rejected or failed to reach target.test:22"),
        (92, 67, "identd"),
        (93, 67, "another user"),
    ] {
        let peer = Peer::raw(move |conn| {
            conn.read_exact(9)?;
            conn.send([0, reply, 0, 0, 0, 0, 0, 0])?;
            conn.read_to_end().map(drop)
        });
        fails(&peer, "socks4a", &[], code, said);
    }
}

#[test]
fn what_is_no_socks_server() {
    for (answer, code, said) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            105,
            "write http:// for the proxy",
        ),
        (
            &b"\x15\x03\x01\0\x02\x02\x46"[..],
            105,
            "write https:// for the proxy",
        ),
        (&b"SSH-2.0-x\r\n"[..], 105, "this is an SSH server"),
        (&[5, 0xff][..], 67, "it takes nobody without a user"),
        (&[5, 1][..], 67, "a method that was not offered (1)"),
        (&[][..], 7, "closed the connection before answering"),
        (&[5][..], 7, "closed the connection before answering"),
    ] {
        let peer = Peer::raw(move |conn| {
            conn.read_exact(3)?;
            conn.send(answer)?;
            conn.end()?;
            conn.read_to_end().map(drop)
        });
        fails(&peer, "socks5h", &[], code, said);
    }
}

/// User and password are asked for only where the proxy wants them, and said once.
#[test]
fn a_login() {
    for (status, code) in [(0, 0), (1, 67)] {
        let peer = Peer::raw(move |conn| {
            assert_eq!(conn.read_exact(4)?, [5, 2, 0, 2]);
            conn.send([5, 2])?;
            let wanted = b"\x01\x02me\x06secret";
            assert_eq!(conn.read_exact(wanted.len())?, wanted);
            conn.send([1, status])?;
            conn.read_exact(7 + 11)?;
            conn.send([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
            conn.end()?;
            conn.read_to_end().map(drop)
        });
        let args = ["-x", &url(&peer, "socks5h"), "-U", "me:secret", TARGET];
        let output = connect(args).limit(LIMIT).run().expect_code(code);
        assert!(!output.stderr.contains("secret"), "{}", output.stderr);
        assert_eq!(peer.accepted(), 1);
    }
}

#[test]
fn what_cannot_be_said() {
    let long = format!("me:{}", "x".repeat(256));
    for (scheme, args, said) in [
        ("socks4", vec!["[::1]:22"], "SOCKS 4 has no IPv6 addresses"),
        (
            "socks5h",
            vec!["h.test:22", "-U", &long],
            "the password is longer than the 255 octets",
        ),
        (
            "socks5h",
            vec!["h.test:22", "--via", "h2"],
            "--via is for HTTP proxies",
        ),
    ] {
        let peer = Peer::raw(|conn| {
            conn.read_exact(4)?;
            conn.send([5, 2])?;
            conn.read_to_end().map(drop)
        });
        let run = connect(["-x", &url(&peer, scheme)]).args(args);
        let line = run.limit(LIMIT).run().expect_failure(2);
        assert!(line.contains(said), "{line}");
    }
}
