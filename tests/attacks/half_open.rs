//! Connections that begin and go no further.

use super::frames::{PREFACE, connect, frame, kind, settings};
use super::peer::Peer;
use super::scene::{MIB, Scene};
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// A request's head has ten seconds; the rest is for a busy machine.
const LIMIT: Duration = Duration::from_secs(15);

/// Connections that each begin in one way.
fn begin(port: u16, beginnings: &[&[u8]]) -> Vec<Peer> {
    let begin = |octets: &&[u8]| {
        let mut peer = Peer::silent(port);
        peer.send(octets).expect("begin");
        peer
    };
    beginnings.iter().map(begin).collect()
}

/// The server ends each of them in time.
#[track_caller]
fn all_end(peers: Vec<Peer>, begun: Instant) {
    for (n, mut peer) in peers.into_iter().enumerate() {
        let left = LIMIT.saturating_sub(begun.elapsed());
        peer.patience(left.max(Duration::from_millis(1)));
        let end = std::iter::from_fn(|| Some(peer.read())).find_map(Result::err);
        let end = end.expect("an end").kind();
        assert_ne!(end, ErrorKind::WouldBlock, "connection {n} is still open");
    }
}

/// Silent after a part of the preface, or an octet of it every now and then: the time is for all of it.
#[test]
fn half_a_preface() {
    let scene = Scene::new();
    let begun = Instant::now();
    let peers = begin(scene.port, &[&PREFACE[..1], &PREFACE[..10], &PREFACE[..23]]);
    let mut dripping = Peer::silent(scene.port);
    // To wait for an end sets the pace: 12 s for the whole.
    dripping.patience(Duration::from_millis(500));
    let end = PREFACE.iter().find(|&&octet| {
        let sent = dripping.send(&[octet]);
        let end = dripping.read().expect_err("nothing to answer").kind();
        sent.is_err() || end != ErrorKind::WouldBlock
    });
    assert!(end.is_some(), "still open after {:?}", begun.elapsed());
    all_end(peers, begun);
    let told = format!("4 connections, gone after {:.1?}", begun.elapsed());
    scene.end("half a preface", MIB, &told);
}

#[test]
fn no_request() {
    let scene = Scene::new();
    let settled = [PREFACE, &settings(&[])].concat();
    let half_a_frame = [&settled[..], &[0, 0, 50, kind::HEADERS]].concat();
    let block = frame(kind::HEADERS, 0, 1, &connect("a.test:443"));
    let half_a_block = [&settled[..], &block].concat();
    let begun = Instant::now();
    let beginnings = [PREFACE, &settled, &half_a_frame, &half_a_block];
    all_end(begin(scene.port, &beginnings), begun);
    scene.end("no request", MIB, "4 connections");
}
