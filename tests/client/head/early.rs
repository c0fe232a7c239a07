//! What must not leave early, and what must not come late.

use super::{opens, payload};
use crate::client::LIMIT;
use crate::client::expect::{Scene, TARGET};
use crate::client::kernel::wait_until_read;
use crate::client::peer::Peer;
use crate::support::{Feed, Pattern, connect, wait_for};
use std::io;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// RFC 9931: what a client has ready to send stays here until the proxy has said yes.
#[test]
fn no_payload_before_the_answer() {
    const LEN: u64 = 100_000;
    const QUIET: Duration = Duration::from_millis(300);
    let (sender, early) = channel();
    let peer = Peer::new(move |conn| {
        let mut bytes = conn.read_within(QUIET)?;
        conn.send_alone("HTTP/1.1 100 Continue\r\n\r\n")?;
        bytes.extend(conn.read_within(QUIET)?);
        conn.send_alone("HTTP/1.1 200 OK\r\n")?;
        bytes.extend(conn.read_within(QUIET)?);
        sender.send(bytes).map_err(io::Error::other)?;
        conn.send("\r\n")?;
        io::copy(&mut &conn.stream, &mut &conn.stream).map(drop)
    });
    let run = connect(["-x", &peer.url(), TARGET]).feed(Feed::Pattern(8, LEN));
    let output = run.limit(LIMIT).run().expect_clean();
    let early = early.recv_timeout(LIMIT);
    assert_eq!(early, Ok(Vec::new()), "payload before the answer");
    assert_eq!(output.stdout_sha256, Pattern::sha256(8, LEN));
}

/// And never, when the proxy says no.
#[test]
fn no_payload_after_a_refusal() {
    for answer in [
        "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "SSH-2.0-x\r\n",
    ] {
        let (sender, payload) = channel();
        let peer = Peer::new(move |conn| {
            conn.send(answer)?;
            // Everything until it is gone, with or without a reset.
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut &conn.stream, &mut bytes).ok();
            sender.send(bytes).map_err(io::Error::other)
        });
        let scene = Scene::through(peer).stdin(|| Feed::Bytes(b"GET / HTTP/1.1\r\n\r\n".into()));
        let output = scene.run(&[]);
        assert!(output.code > 60, "{answer}: {output:?}");
        let payload = wait_for("the client's end", || payload.try_recv().ok());
        assert_eq!(payload, b"", "{answer}");
    }
}

/// The deadline is for the whole answer, not for each of its bytes.
#[test]
fn a_drip_beyond_the_deadline() {
    let peer = Peer::new(|conn| {
        conn.send("HTTP/1.1 200 OK\r\nA: ")?;
        while conn.send("x").is_ok() {
            thread::sleep(Duration::from_millis(30));
        }
        Ok(())
    });
    let scene = Scene::through(peer);
    let output = scene.run(&["-w", "1"]);
    let elapsed = output.elapsed;
    let line = output.expect_failure(28);
    assert!(line.contains("no answer within 1 s"), "{line}");
    let range = Duration::from_secs(1)..Duration::from_secs(3);
    assert!(range.contains(&elapsed), "{elapsed:?}");
}

/// The same drip within the deadline is an answer as any other.
#[test]
fn a_drip_within_the_deadline() {
    opens("a slow head", |conn| {
        for byte in b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n" {
            conn.send([*byte])?;
            thread::sleep(Duration::from_millis(10));
        }
        wait_until_read(&conn.stream)?;
        conn.send(payload())
    });
}
