//! DATA that carries next to nothing, and credit in crumbs.

use super::frames::{code, data, flag, frame, kind, setting, window_update};
use super::peer::{DISCARD, ECHO, Peer, WINDOW};
use super::scene::{MIB, Scene};
use std::io;
use std::net::{Ipv4Addr, TcpListener};

const BOUND: u64 = 2 * MIB;

/// Accepts nothing and reads nothing; the kernel takes the connections.
fn unread() -> (TcpListener, String) {
    let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    let address = target.local_addr().expect("an address").to_string();
    (target, address)
}

/// Takes what came before the end, so that the tunnel can go.
fn read_out(target: &TcpListener) {
    let (mut far, _) = target.accept().expect("the server's dial");
    io::copy(&mut far, &mut io::sink()).ok();
}

/// An empty frame uses no credit, so nothing but a count bounds them.
#[track_caller]
fn of_nothing(name: &str, one: impl Fn(u32) -> Vec<u8>) {
    let scene = Scene::new();
    let mut peer = Peer::connect(scene.port);
    let stream = peer.tunnel(DISCARD);
    let seen = peer.flood(std::iter::repeat_n(one(stream).repeat(1000), 1000));
    assert_eq!(seen.goaway, Some(code::ENHANCE_YOUR_CALM), "{seen:?}");
    scene.end(name, BOUND, "a million frames");
}

#[test]
fn empty() {
    of_nothing("empty DATA", |stream| data(stream, &[]));
}

#[test]
fn padding_alone() {
    of_nothing("DATA of padding", |stream| {
        frame(kind::DATA, flag::PADDED, stream, &[0])
    });
}

/// As much as the window takes, a byte a frame, for a target that reads nothing. Another tunnel of the connection goes
/// on.
#[test]
fn a_byte_a_frame() {
    const PIECE: usize = 1000;
    let scene = Scene::new();
    let (target, address) = unread();
    let mut peer = Peer::connect(scene.port);
    let (echo, stalled) = (peer.tunnel(ECHO), peer.tunnel(&address));
    let piece = data(stalled, b"x").repeat(PIECE);
    for n in 0..WINDOW / PIECE {
        peer.send(&piece).expect("send");
        peer.settled();
        // 40,000 frames that it has not taken yet are abuse, and a busy machine may leave the tunnel's
        // thread without a turn while the session's reads on.
        if n % 10 == 0 {
            scene.wait_for_rest();
        }
    }
    assert_eq!(peer.echo(echo, b"still here"), b"still here");
    let share = scene.idle_share();
    drop(peer);
    read_out(&target);
    let told = format!("{WINDOW} frames, then {:.1} % of a CPU", share * 100.0);
    scene.end("a byte a frame", 16 * MIB, &told);
    assert!(share < 0.05, "{told}");
}

/// A few bytes in every tunnel that a client may have: that is use, not abuse.
#[test]
fn a_beat_in_every_tunnel() {
    let scene = Scene::new();
    let mut peer = Peer::connect(scene.port);
    let streams: Vec<u32> = (0..peer.limit).map(|_| peer.ask(ECHO)).collect();
    peer.answers(streams.len());
    // What comes back has room.
    peer.send(&window_update(0, 1 << 30)).expect("give credit");
    let beats: Vec<u8> = streams.iter().flat_map(|&s| data(s, &[7; 16])).collect();
    for _ in 0..10 {
        peer.send(&beats).expect("send");
        let mut back = 0;
        while back < streams.len() {
            let frame = peer.read().expect("an echo");
            assert_ne!(frame.kind, kind::GOAWAY, "{frame:?}");
            back += usize::from(frame.kind == kind::DATA);
        }
    }
    drop(peer);
    scene.end("a beat in every tunnel", 64 * MIB, "10 beats");
}

/// Padding counts against the window (RFC 9113 §6.9.1), and its credit has to come back although nobody reads it.
#[test]
fn padding_gets_its_credit_back() {
    /// Of 257 octets each: three windows.
    const FRAMES: usize = 3 * WINDOW / 257;
    let scene = Scene::new();
    let mut peer = Peer::connect(scene.port);
    let stream = peer.tunnel(ECHO);
    let payload = [&[255, b'x'][..], &[0; 255]].concat();
    let one = frame(kind::DATA, flag::PADDED, stream, &payload);
    for _ in 0..FRAMES {
        peer.send(&one).expect("send");
        assert_eq!(peer.until(kind::DATA, stream).payload, b"x");
    }
    drop(peer);
    scene.end("padded DATA", BOUND, &format!("{FRAMES} frames"));
}

/// More than the window allows is an error of the stream (RFC 9113 §6.9.1), and what was too much is not kept.
#[test]
fn more_than_the_window() {
    let scene = Scene::new();
    let (target, address) = unread();
    let mut peer = Peer::connect(scene.port);
    let stalled = peer.tunnel(&address);
    let seen = peer.flood(std::iter::repeat_n(data(stalled, &[0; 16_000]), 10_000));
    assert_eq!(
        seen.resets.get(&code::FLOW_CONTROL_ERROR),
        Some(&1),
        "{seen:?}"
    );
    read_out(&target);
    scene.end("more than the window", 8 * MIB, "160 MB of DATA");
}

/// The client opens its window a byte at a time: the server sends a byte at a time, and between two it does nothing.
#[test]
fn credit_in_crumbs() {
    const CRUMBS: usize = 20_000;
    let scene = Scene::new();
    let mut peer = Peer::with(scene.port, &[(setting::INITIAL_WINDOW_SIZE, 0)]);
    let stream = peer.tunnel("source-1000000.tuncat.invalid:19");
    let without = scene.idle_share();
    let crumb = [window_update(stream, 1), window_update(0, 1)].concat();
    for _ in 0..CRUMBS {
        peer.send(&crumb).expect("give credit");
        assert_eq!(peer.until(kind::DATA, stream).payload.len(), 1);
    }
    let after = scene.idle_share();
    drop(peer);
    let told = format!(
        "{CRUMBS} bytes, {:.1} % of a CPU before the first and {:.1} % after the last",
        without * 100.0,
        after * 100.0
    );
    scene.end("credit in crumbs", BOUND, &told);
    assert!(without < 0.05 && after < 0.05, "{told}");
}

/// A million crumbs at once, for a server that has octets waiting.
#[test]
fn crumbs_in_heaps() {
    let scene = Scene::new();
    let mut peer = Peer::with(scene.port, &[(setting::INITIAL_WINDOW_SIZE, 0)]);
    let stream = peer.tunnel("source-10000000.tuncat.invalid:19");
    let both = [window_update(stream, 1), window_update(0, 1)].concat();
    let seen = peer.flood(std::iter::repeat_n(both.repeat(500), 1000));
    assert_eq!(seen.goaway, Some(code::FRAME_SIZE_ERROR), "{seen:?}");
    let told = format!("a million frames, {} of DATA", seen.count(kind::DATA));
    scene.end("crumbs in heaps", BOUND, &told);
}
