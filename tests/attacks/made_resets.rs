//! Streams that the server resets because the client makes it: MadeYouReset (CVE-2025-8671). They must count as much as
//! those that the client resets itself.

use super::frames::{block, code, connect, data, flag, frame, headers, kind, window_update};
use super::peer::Peer;
use super::scene::{MIB, Scene};
use crate::support::Target;

/// What all of it together may take.
const BOUND: u64 = 16 * MIB;

/// What goes wrong on a stream, from the stream's number and a good header block.
type Offence = fn(u32, &[u8]) -> Vec<u8>;

const ENDED: u8 = flag::END_HEADERS | flag::END_STREAM;

/// Stream errors, and errors that h2 takes for the connection's at once, as RFC 9113 §5.4.2 lets it.
const OFFENCES: [(&str, u32, Offence); 11] = [
    ("credit of nothing", code::PROTOCOL_ERROR, |s, good| {
        [headers(s, good), window_update(s, 0)].concat()
    }),
    ("too much credit", code::ENHANCE_YOUR_CALM, |s, good| {
        [headers(s, good), window_update(s, (1 << 31) - 1)].concat()
    }),
    ("DATA after the end", code::PROTOCOL_ERROR, |s, good| {
        [frame(kind::HEADERS, ENDED, s, good), data(s, b"x")].concat()
    }),
    (
        "HEADERS after the end",
        code::ENHANCE_YOUR_CALM,
        |s, good| [frame(kind::HEADERS, ENDED, s, good), headers(s, good)].concat(),
    ),
    ("HEADERS in a tunnel", code::ENHANCE_YOUR_CALM, |s, good| {
        [headers(s, good), headers(s, good)].concat()
    }),
    (
        "a later PRIORITY on itself",
        code::ENHANCE_YOUR_CALM,
        |s, good| {
            let itself = [&s.to_be_bytes()[..], &[0]].concat();
            [headers(s, good), frame(kind::PRIORITY, 0, s, &itself)].concat()
        },
    ),
    (
        "a priority on itself",
        code::ENHANCE_YOUR_CALM,
        |s, good| {
            let payload = [&s.to_be_bytes()[..], &[0], good].concat();
            frame(
                kind::HEADERS,
                flag::END_HEADERS | flag::PRIORITY,
                s,
                &payload,
            )
        },
    ),
    ("a short PRIORITY", code::PROTOCOL_ERROR, |s, good| {
        [headers(s, good), frame(kind::PRIORITY, 0, s, &[0; 4])].concat()
    }),
    ("a short RST_STREAM", code::PROTOCOL_ERROR, |s, good| {
        [headers(s, good), frame(kind::RST_STREAM, 0, s, &[0; 3])].concat()
    }),
    ("a short WINDOW_UPDATE", code::PROTOCOL_ERROR, |s, good| {
        [headers(s, good), frame(kind::WINDOW_UPDATE, 0, s, &[0; 3])].concat()
    }),
    (
        "DATA padded beyond its end",
        code::PROTOCOL_ERROR,
        |s, good| {
            [
                headers(s, good),
                frame(kind::DATA, flag::PADDED, s, &[9, 0]),
            ]
            .concat()
        },
    ),
];

#[test]
fn each_ends_the_connection() {
    const CONNECTIONS: usize = 10;
    const REQUESTS: u32 = 5000;
    for (name, code, offence) in OFFENCES {
        let scene = Scene::new();
        let target = Target::sink();
        let good = connect(&target.addr());
        let all: Vec<u8> = (0..REQUESTS)
            .flat_map(|n| offence(2 * n + 1, &good))
            .collect();
        for _ in 0..CONNECTIONS {
            let seen = Peer::connect(scene.port).flood([&all]);
            // Beyond the limit of streams they are refused, and what is sent on those is an offence of its own.
            let either = [code, code::PROTOCOL_ERROR].map(Some);
            assert!(either.contains(&seen.goaway), "{name}: {seen:?}");
        }
        let told = format!(
            "{CONNECTIONS} connections with {REQUESTS} requests each, GOAWAY, {} dials",
            target.accepted()
        );
        scene.end(name, BOUND, &told);
    }
}

/// Trailers are the tunnel's own business to refuse (RFC 9113 §8.5), and h2 does not count that. What was dialled for
/// them goes with them.
#[test]
fn trailers() {
    const ROUNDS: usize = 100;
    const TUNNELS: usize = 10;
    let scene = Scene::new();
    let target = Target::sink();
    let mut peer = Peer::connect(scene.port);
    let trailers = block(&[("a", "b")]);
    for _ in 0..ROUNDS {
        let streams: Vec<u32> = (0..TUNNELS).map(|_| peer.ask(&target.addr())).collect();
        for &stream in &streams {
            peer.send(&frame(kind::HEADERS, ENDED, stream, &trailers))
                .expect("send");
        }
        let mut reset = 0;
        while reset < TUNNELS {
            let frame = peer.read().expect("a reset");
            if frame.kind == kind::RST_STREAM {
                assert_eq!(frame.code(), code::PROTOCOL_ERROR);
                reset += 1;
            }
        }
        // Its queue must not overflow: a dial would wait a second.
        target.accepted();
    }
    let told = format!("{} requests, {} dials", ROUNDS * TUNNELS, target.accepted());
    drop(peer);
    scene.end("trailers", BOUND, &told);
}

/// Every stream that there may be is refused, and the answers are not read.
#[test]
fn refusals_unread() {
    let scene = Scene::new();
    let mut peer = Peer::connect(scene.port);
    let bad = connect("nowhere");
    let all: Vec<u8> = (0..peer.limit)
        .flat_map(|n| headers(2 * n + 1, &bad))
        .collect();
    let sent = peer.fill(&all, all.len()).expect("no end");
    let told = format!(
        "{} refusals, {sent} of {} octets taken",
        peer.limit,
        all.len()
    );
    drop(peer);
    scene.end("refusals, nothing read", 2 * BOUND, &told);
}
