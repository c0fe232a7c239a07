//! A header block without an end: CONTINUATION flood (the class of CVE-2024-27316).

use super::frames::{block, code, connect, field, frame, integer, kind};
use super::peer::Peer;
use super::scene::{MIB, Scene};
use std::time::{Duration, Instant};

const FRAMES: usize = 100_000;

/// HEADERS without END_HEADERS, then so many CONTINUATIONs.
#[track_caller]
fn flood(name: &str, payload: &[u8]) {
    let scene = Scene::new();
    let mut peer = Peer::connect(scene.port);
    let stream = peer.stream();
    let begin = frame(kind::HEADERS, 0, stream, &connect("a.test:443"));
    peer.send(&begin).expect("begin");
    let one = frame(kind::CONTINUATION, 0, stream, payload);
    let start = Instant::now();
    let seen = peer.flood(std::iter::repeat_n(one, FRAMES));
    let took = start.elapsed();
    assert_eq!(seen.goaway, Some(code::ENHANCE_YOUR_CALM), "{seen:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
    scene.end(name, MIB, &format!("{FRAMES} frames, over in {took:.1?}"));
}

#[test]
fn empty() {
    flood("empty CONTINUATION", &[]);
}

#[test]
fn small() {
    flood("small CONTINUATION", &block(&[("a", "b")]));
}

#[test]
fn full() {
    flood("full CONTINUATION", &field(b"a", &[b'b'; 16_000]));
}

/// A hundred thousand fields, and each frame is whole.
#[test]
fn many_fields() {
    flood(
        "CONTINUATION of many fields",
        &field(b"a", b"b").repeat(1000),
    );
}

/// Each frame goes on with the value of one field.
#[test]
fn one_value() {
    // The name, and a length that no frame reaches.
    let mut field = vec![0, 1, b'a'];
    field.extend(integer(0, 7, 1 << 27));
    field.resize(16_000, b'b');
    flood("CONTINUATION of one value", &field);
}
