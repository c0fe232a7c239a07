//! Frames that cost the client nothing and want an answer or some work of the server (RFC 9113 §10.5). h2 counts none of
//! them; what keeps them harmless is that it reads nothing while it cannot write its answers.

use super::frames::{code, frame, kind, ping, setting, settings, window_update};
use super::peer::{DISCARD, Peer};
use super::scene::{MIB, Scene};

const FRAMES: usize = 1_000_000;
const BOUND: u64 = 2 * MIB;

fn window(octets: u32) -> Vec<u8> {
    settings(&[(setting::INITIAL_WINDOW_SIZE, octets)])
}

/// A million, while the client reads on. What ends the connection is the last frame and none of them.
#[track_caller]
fn read(name: &str, one: &[u8], answer: Option<u8>) {
    const PIECE: usize = 1000;
    let scene = Scene::new();
    let pieces = std::iter::repeat_n(one.repeat(PIECE), FRAMES / PIECE);
    let seen = Peer::connect(scene.port).flood(pieces);
    assert_eq!(seen.goaway, Some(code::FRAME_SIZE_ERROR), "{seen:?}");
    let answers = answer.map_or(0, |kind| seen.count(kind));
    scene.end(name, BOUND, &format!("{FRAMES} frames, {answers} answers"));
}

/// As many as are taken from a client that reads nothing.
#[track_caller]
fn unread(name: &str, one: &[u8]) {
    let scene = Scene::new();
    let mut peer = Peer::connect(scene.port);
    let sent = peer
        .fill(&one.repeat(1000), one.len() * FRAMES)
        .expect("no end");
    let share = scene.idle_share();
    drop(peer);
    let told = format!(
        "{} of {FRAMES} frames taken, then {:.1} % of a CPU",
        sent / one.len(),
        share * 100.0
    );
    scene.end(name, BOUND, &told);
    assert!(share < 0.05, "{name}: {told}");
}

#[test]
fn pings() {
    read("PING", &ping(1), Some(kind::PING));
}

#[test]
fn pings_unread() {
    unread("PING, nothing read", &ping(1));
}

#[test]
fn settings_read() {
    read("SETTINGS", &window(1000), Some(kind::SETTINGS));
}

#[test]
fn settings_unread() {
    unread("SETTINGS, nothing read", &window(1000));
}

#[test]
fn unknown_kinds() {
    read("frames of no known kind", &frame(0xbe, 0, 0, &[]), None);
}

#[test]
fn priorities() {
    let on_another = frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 3, 0]);
    read("PRIORITY", &on_another, None);
}

#[test]
fn credit() {
    read("WINDOW_UPDATE", &window_update(0, 1), None);
}

/// A new initial window is applied to every stream (RFC 9113 §6.9.2): the dearest frame that there is.
#[test]
fn settings_for_many_tunnels() {
    const TUNNELS: usize = 1000;
    const ROUNDS: usize = 100;
    const PAIRS: usize = 50;
    let scene = Scene::new();
    let mut peer = Peer::connect(scene.port);
    for _ in 0..TUNNELS {
        peer.ask(DISCARD);
    }
    peer.answers(TUNNELS);
    let pairs = [window(1000), window(70_000)].concat().repeat(PAIRS);
    let before = scene.cpu();
    let seen = peer.flood(std::iter::repeat_n(pairs, ROUNDS));
    assert_eq!(seen.goaway, Some(code::FRAME_SIZE_ERROR), "{seen:?}");
    let each = (scene.cpu() - before) / u32::try_from(2 * ROUNDS * PAIRS).expect("a count");
    let told = format!(
        "{} frames for {TUNNELS} tunnels, {each:.1?} of CPU each",
        2 * ROUNDS * PAIRS
    );
    scene.end("SETTINGS for many tunnels", 16 * MIB, &told);
}
