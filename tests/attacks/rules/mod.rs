//! One broken rule of RFC 9113 at a time, on a connection with a live tunnel: what the server makes of it.

mod control;
mod streams;

use super::frames::{code, connect, flag, frame, kind, ping, settings};
use super::peer::{ECHO, Peer};
use super::scene::{MIB, Scene};

/// What a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The frame is taken or ignored.
    Fine,
    /// A stream error, which may be made the connection's.
    Stream(u32),
    Connection(u32),
}

use Verdict::{Connection, Fine, Stream};

type Rule = (&'static str, &'static str, Vec<u8>, Verdict);

/// The stream of the live tunnel, and those behind it.
const LIVE: u32 = 1;
const NEXT: u32 = 3;
const IDLE: u32 = 101;
const ENDED: u8 = flag::END_HEADERS | flag::END_STREAM;

fn setting(name: u16, value: u32) -> Vec<u8> {
    settings(&[(name, value)])
}

/// A request in one frame with these flags, and in front of its block this.
fn request(flags: u8, front: &[u8]) -> Vec<u8> {
    frame(
        kind::HEADERS,
        flags,
        NEXT,
        &[front, &connect(ECHO)].concat(),
    )
}

/// What came of the frames that were sent: what the server did until it had answered PINGs, or ended the connection.
fn verdict(peer: &mut Peer) -> Verdict {
    // RST_STREAM waits for its turn among the streams, and an answer to a PING does not.
    const PINGS: u64 = 3;
    let mut verdict = Fine;
    for mark in 90..90 + PINGS {
        // It may be gone already.
        peer.send(&ping(mark)).ok();
        loop {
            let frame = peer.read().expect("a GOAWAY before the end");
            match frame.kind {
                kind::GOAWAY => return Connection(frame.code()),
                kind::RST_STREAM => verdict = Stream(frame.code()),
                kind::PING if frame.payload == mark.to_be_bytes() => break,
                _ => {}
            }
        }
    }
    verdict
}

/// h2 calls most errors PROTOCOL_ERROR, and takes some of a stream for the connection's.
fn keeps(asked: Verdict, got: Verdict) -> bool {
    match (asked, got) {
        (Connection(_) | Stream(_), Connection(code::PROTOCOL_ERROR)) => true,
        (Stream(_), Stream(code::PROTOCOL_ERROR)) => true,
        (Stream(a), Connection(b)) => a == b,
        _ => asked == got,
    }
}

#[track_caller]
fn kept(name: &str, rules: Vec<Rule>) {
    let scene = Scene::new();
    let (count, mut exact, mut wrong) = (rules.len(), 0, Vec::new());
    for (section, what, octets, asked) in rules {
        let mut peer = Peer::connect(scene.port);
        assert_eq!(peer.tunnel(ECHO), LIVE);
        peer.send(&octets).expect("send");
        let got = verdict(&mut peer);
        exact += usize::from(got == asked);
        if !keeps(asked, got) {
            wrong.push(format!("{section} {what}: {got:?} for {asked:?}"));
        } else if got != asked {
            eprintln!("RFC 9113 {section} {what}: {got:?} for {asked:?}");
        }
    }
    scene.end(name, MIB, &format!("{count} rules, {exact} to the letter"));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn of_frames_and_streams() {
    kept("rules of frames and streams", streams::rules());
}

#[test]
fn of_control_frames() {
    kept("rules of control frames", control::rules());
}
