//! More streams than the server allows.

use super::frames::{code, connect, headers, kind, status};
use super::peer::{ECHO, Peer};
use super::scene::{MIB, Scene};
use super::unanswering::Unanswering;

/// Those that are too many are refused (RFC 9113 §5.1.2), the others are served.
#[test]
fn too_many_at_once() {
    const TOO_MANY: usize = 500;
    let scene = Scene::new();
    let mut peer = Peer::connect(scene.port);
    let limit = usize::try_from(peer.limit).expect("a limit");
    assert!(limit <= 10_000, "{limit}");
    let first = peer.tunnel(ECHO);
    let streams: Vec<u32> = (1..limit + TOO_MANY).map(|_| peer.stream()).collect();
    let block = connect(ECHO);
    let all: Vec<u8> = streams.iter().flat_map(|&s| headers(s, &block)).collect();
    peer.send(&all).expect("ask");
    let mut refused = 0;
    for _ in &streams {
        let frame = peer.read().expect("an answer");
        match frame.kind {
            kind::HEADERS => assert_eq!(status(&frame.payload), 200),
            kind::RST_STREAM => {
                assert_eq!(frame.code(), code::REFUSED_STREAM);
                refused += 1;
            }
            _ => panic!("{frame:?}"),
        }
    }
    assert_eq!(refused, TOO_MANY);
    for stream in [first, streams[0], streams[limit - 2]] {
        assert_eq!(peer.echo(stream, b"alive"), b"alive");
    }
    drop(peer);
    scene.end(
        "too many streams",
        64 * MIB,
        &format!("{limit} tunnels, {refused} refused"),
    );
}

/// Each request waits for its target; then the client goes.
#[test]
fn dials_that_hang() {
    const REQUESTS: usize = 900;
    let scene = Scene::new();
    let waiting = Unanswering::new();
    let mut peer = Peer::connect(scene.port);
    let block = connect(&waiting.address);
    let streams: Vec<u32> = (0..REQUESTS).map(|_| peer.stream()).collect();
    let all: Vec<u8> = streams.iter().flat_map(|&s| headers(s, &block)).collect();
    peer.send(&all).expect("ask");
    scene.wait_for_more_connections(REQUESTS);
    drop(peer);
    scene.end("dials that hang", 32 * MIB, &format!("{REQUESTS} requests"));
}
