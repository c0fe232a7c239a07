//! Requests that are none (RFC 9113 §8.1.1) and header blocks that are none (RFC 7541): refused, and nothing is dialled.

use super::frames::{block, code, connect, field, headers, integer};
use super::peer::{ECHO, Outcome, Peer};
use super::scene::{MIB, Scene};
use crate::support::Target;

type Cases = Vec<(&'static str, Vec<u8>)>;

const METHOD: (&str, &str) = (":method", "CONNECT");

/// Fields that may not be (RFC 9113 §8.2), beside those of a good request.
fn fields(authority: &str) -> Cases {
    let good = connect(authority);
    let cases: [(&str, &[u8], &[u8]); 14] = [
        ("an uppercase name", b"X-A", b"1"),
        ("a name with a space", b"x a", b"1"),
        ("a name with a colon", b"x:a", b"1"),
        ("an empty name", b"", b"1"),
        ("a name with NUL", b"x\0a", b"1"),
        ("a name beyond ASCII", b"x\xe9", b"1"),
        ("CR in a value", b"x-a", b"1\r2"),
        ("LF in a value", b"x-a", b"1\n2"),
        ("a field in a value", b"x-a", b"1\r\nx-b: 2"),
        ("NUL in a value", b"x-a", b"1\x002"),
        ("connection", b"connection", b"close"),
        ("transfer-encoding", b"transfer-encoding", b"chunked"),
        ("te", b"te", b"gzip"),
        ("content-length", b"content-length", b"5"),
    ];
    let with = |(case, name, value)| (case, [&good[..], &field(name, value)].concat());
    cases.into_iter().map(with).collect()
}

/// Pseudo-header fields (RFC 9113 §8.3, §8.5).
fn pseudo(authority: &str) -> Cases {
    let target = (":authority", authority);
    let (scheme, path) = ((":scheme", "https"), (":path", "/"));
    let user = format!("u@{authority}");
    let broken = format!("{authority}\r\nx: y");
    let cases: [(&str, &[(&str, &str)]); 18] = [
        (":scheme", &[METHOD, scheme, target]),
        (":path", &[METHOD, path, target]),
        (":scheme and :path", &[METHOD, scheme, path, target]),
        (
            ":protocol",
            &[METHOD, (":protocol", "connect-tcp"), scheme, path, target],
        ),
        ("no :authority", &[METHOD]),
        ("host for :authority", &[METHOD, ("host", authority)]),
        ("an empty :authority", &[METHOD, (":authority", "")]),
        (":authority twice", &[METHOD, target, target]),
        (":method twice", &[METHOD, METHOD, target]),
        ("no :method", &[target]),
        (":method in lowercase", &[(":method", "connect"), target]),
        (
            "another method",
            &[(":method", "GET"), scheme, path, target],
        ),
        ("an unknown one", &[METHOD, target, (":x", "1")]),
        (":status", &[METHOD, target, (":status", "200")]),
        ("one after a field", &[METHOD, ("x-a", "1"), target]),
        ("a user in :authority", &[METHOD, (":authority", &user)]),
        ("CR LF in :authority", &[METHOD, (":authority", &broken)]),
        ("none at all", &[]),
    ];
    cases
        .into_iter()
        .map(|(case, fields)| (case, block(fields)))
        .collect()
}

/// Header blocks that cannot be decoded, or not in any sensible room (RFC 7541).
fn blocks(authority: &str) -> Cases {
    let good = connect(authority);
    let and = |rest: &[u8]| [&good[..], rest].concat();
    // An entry of the table, named over and over: thousands of octets for each of the block.
    let bomb = |size: usize, times: usize| {
        let entry = [&[0x40], &field(b"a", &vec![b'b'; size])[1..]].concat();
        and(&[&entry[..], &vec![0xbe; times]].concat())
    };
    let kilobyte = field(b"a", &[b'b'; 1000]);
    vec![
        ("index 0", and(&[0x80])),
        ("an index beyond the table", and(&[0xff, 0x20])),
        (
            "an endless integer",
            and(&[[0xff; 12], [0x7f; 12]].concat()),
        ),
        ("a string beyond the block", and(&[0, 1, b'a', 0x7f, 0xff])),
        (
            "EOS in a Huffman string",
            and(&[0, 1, b'a', 0x84, 0xff, 0xff, 0xff, 0xff]),
        ),
        ("zeros for Huffman padding", and(&[0, 1, b'a', 0x81, 0x00])),
        (
            "an octet of Huffman padding",
            and(&[0, 1, b'a', 0x82, 0x1f, 0xff]),
        ),
        (
            "a larger table than offered",
            [&integer(0x20, 5, 4097)[..], &good].concat(),
        ),
        ("a table size after a field", and(&[0x20])),
        ("20 kB of fields", and(&kilobyte.repeat(20))),
        ("60 kB of fields", and(&kilobyte.repeat(60))),
        ("ten thousand fields", and(&field(b"a", b"").repeat(10_000))),
        ("a bomb of 200 MB", bomb(4000, 50_000)),
        ("a bomb of 40 kB", bomb(400, 100)),
    ]
}

#[track_caller]
fn refused(name: &str, cases: impl Fn(&str) -> Cases) {
    let scene = Scene::new();
    let target = Target::sink();
    for (case, block) in cases(&target.addr()) {
        let mut peer = Peer::connect(scene.port);
        let stream = peer.stream();
        peer.send(&headers(stream, &block)).expect("ask");
        match peer.outcome(stream) {
            // h2 takes some for the connection's error, which it may (RFC 9113 §5.4.1).
            Outcome::Goaway(code::PROTOCOL_ERROR | code::COMPRESSION_ERROR)
            | Outcome::Goaway(code::ENHANCE_YOUR_CALM) => continue,
            Outcome::Reset(code::PROTOCOL_ERROR) | Outcome::Answer(400 | 405 | 431 | 501) => {}
            other => panic!("{case}: {other:?}"),
        }
        // The connection is as good as before.
        let next = peer.tunnel(ECHO);
        assert_eq!(peer.echo(next, b"good"), b"good", "after {case}");
    }
    scene.end(name, MIB, &format!("{} kinds", cases("").len()));
    assert_eq!(target.accepted(), 0, "something was dialled");
}

#[test]
fn bad_fields() {
    refused("bad fields", fields);
}

#[test]
fn bad_pseudo_header_fields() {
    refused("bad pseudo-header fields", pseudo);
}

#[test]
fn bad_blocks() {
    refused("bad header blocks", blocks);
}

/// RFC 9113 §8.3.1: a Host that names another than :authority makes it malformed.
#[test]
fn another_host() {
    let host = |authority: &str| {
        vec![(
            "host",
            block(&[METHOD, (":authority", authority), ("host", "b.test:1")]),
        )]
    };
    refused("another host", host);
}

/// Table sizes, 60,000 in each block: they cost time, and no room.
#[test]
fn table_sizes() {
    const REQUESTS: usize = 200;
    let scene = Scene::new();
    let mut peer = Peer::connect(scene.port);
    let block = [&[0x20; 60_000][..], &connect("nowhere")].concat();
    for _ in 0..REQUESTS {
        let stream = peer.stream();
        peer.send(&headers(stream, &block)).expect("ask");
        match peer.outcome(stream) {
            Outcome::Answer(400) => {}
            Outcome::Goaway(_) => break,
            other => panic!("{other:?}"),
        }
    }
    drop(peer);
    scene.end("table sizes", MIB, &format!("{REQUESTS} requests"));
}
