//! Streams that end as soon as they begin, because the client takes them back: rapid reset (CVE-2023-44487). A stream
//! that was reset no longer counts against the limit of streams, but the work for it was done.

use super::frames::{code, connect, headers, kind, ping, reset};
use super::peer::{ECHO, Peer};
use super::scene::{MIB, Scene};
use super::unanswering::Unanswering;
use crate::support::Target;

/// What all of it together may take.
const BOUND: u64 = 16 * MIB;

/// As fast as they can be sent, a million of them: the server sees them in heaps, and says that it is too much.
#[test]
fn rapid_reset() {
    const CONNECTIONS: usize = 500;
    const REQUESTS: u32 = 2000;
    let scene = Scene::new();
    let target = Target::sink();
    let block = connect(&target.addr());
    let pair = |n| [headers(2 * n + 1, &block), reset(2 * n + 1, code::CANCEL)].concat();
    let all: Vec<u8> = (0..REQUESTS).flat_map(pair).collect();
    for _ in 0..CONNECTIONS {
        let seen = Peer::connect(scene.port).flood([&all]);
        assert_eq!(seen.goaway, Some(code::ENHANCE_YOUR_CALM), "{seen:?}");
    }
    let dials = target.accepted();
    let told = format!("{CONNECTIONS} connections with {REQUESTS} requests each, {dials} dials");
    scene.end("rapid reset", BOUND, &told);
    assert!(dials < CONNECTIONS * 20, "{told}");
}

/// One at a time, so that each is taken up before it is taken back: how many went until the server had enough.
fn patient(port: u16, authority: &str, requests: usize) -> usize {
    let block = connect(authority);
    let mut peer = Peer::connect(port);
    for n in 0..requests {
        let stream = peer.stream();
        let ask = [headers(stream, &block), ping(1)].concat();
        // Once the server has had enough it may close before all of this has arrived.
        if peer.send(&ask).is_err() {
            return n;
        }
        loop {
            match peer.read().map(|frame| frame.kind) {
                Ok(kind::PING) => break,
                Ok(kind::GOAWAY) | Err(_) => return n,
                Ok(_) => {}
            }
        }
        if peer.send(&reset(stream, code::CANCEL)).is_err() {
            return n;
        }
    }
    requests
}

/// At a target that answers, at one within the server, and at one that leaves the dial waiting.
#[test]
fn patient_reset() {
    const REQUESTS: usize = 4000;
    let scene = Scene::new();
    let target = Target::sink();
    let waiting = Unanswering::new();
    let went = [&target.addr(), ECHO, &waiting.address]
        .map(|authority| patient(scene.port, authority, REQUESTS));
    let dials = target.accepted();
    scene.end(
        "patient reset",
        BOUND,
        &format!("{went:?} requests, {dials} dials"),
    );
    assert!(dials <= REQUESTS, "{dials}");
}

/// What is taken back before it is answered, as nearly all of it is here, is counted.
#[test]
fn patience_comes_to_an_end() {
    const REQUESTS: usize = 4000;
    let scene = Scene::new();
    let went = patient(scene.port, &Unanswering::new().address, REQUESTS);
    scene.end("patience", BOUND, &format!("{went} requests"));
    assert!(went < REQUESTS);
}

/// A lookup goes on in the system's resolver after nobody wants it any more, so those have to be bounded too. (Where the
/// resolver answers at once there is nothing to see.)
#[test]
fn patient_reset_of_names() {
    /// Lookups at once, and the threads of the runtime.
    const THREADS: usize = 64 + 16;
    let scene = Scene::new();
    let mut peer = Peer::connect(scene.port);
    let mut most = 0;
    for n in 0..500 {
        let stream = peer.ask(&format!("name-{n}.invalid:443"));
        peer.settled();
        peer.send(&reset(stream, code::CANCEL)).expect("take back");
        most = most.max(scene.threads());
    }
    scene.leave();
    assert!(most <= THREADS, "{most} threads");
}
