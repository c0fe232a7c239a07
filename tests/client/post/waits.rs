//! Something on the way gathers the request or the answer: that is found out and said, within the time for the set-up.

use super::{GREETING, GREETS, LAST, OK, chunk, through};
use crate::client::expect::Scene;
use crate::client::peer::{Conn, Peer};
use crate::support::Feed;
use std::io;
use std::thread;
use std::time::Duration;

/// Takes everything until the last chunk, as a proxy does that wants the whole request first.
fn gather(conn: &Conn) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    while !content.ends_with(LAST) {
        content.extend(conn.read_exact(1)?);
    }
    Ok(content)
}

/// Waits for its whole request, in which nothing of stdin may be: it was only asked. Then it answers.
fn gathering(answer: &'static str) -> Scene {
    let peer = Peer::new(move |conn| {
        assert_eq!(gather(&conn)?, LAST);
        conn.send(answer)?;
        conn.read_to_end().map(drop)
    });
    through(peer)
        .args(&["-w", "4"])
        .stdin(|| Feed::Open(b"secret".into()))
}

/// Says this and then nothing.
fn stopping(beginning: &[u8], limit: &str) -> Scene {
    let beginning = beginning.to_vec();
    let peer = Peer::new(move |conn| {
        conn.send(&beginning)?;
        conn.read_to_end().map(drop)
    });
    through(peer).args(&["-w", limit])
}

/// Half of a head is there when the question is asked, and is not lost by it.
fn half_a_head() -> Scene {
    let peer = Peer::new(|conn| {
        conn.send("HTTP/1.1 200 OK\r\nX: ")?;
        gather(&conn)?;
        conn.send("y\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        conn.read_to_end().map(drop)
    });
    through(peer).args(&["-w", "4"])
}

/// All of them wait, so all of them do it at once.
#[test]
fn what_is_held_back() {
    let late = "POST was answered only when its content had ended: something on the way holds the \
                request back until it is whole (or the target takes that long); turn off the \
                buffering of what is on the way (nginx: ";
    let kept = "the answer's head came and its content did not: something on the way holds the \
                answer back; turn off the buffering of what is on the way (nginx: ";
    let nothing = "no answer within 0.4 s; -w sets the limit";
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    let greets = |content: &[u8]| [GREETS.as_bytes(), content].concat();
    let rows = [
        (gathering(OK), 102, late.to_owned()),
        (
            gathering("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
            102,
            late.to_owned(),
        ),
        // A refusal is what it is, however late.
        (
            gathering("HTTP/1.1 502 Bad Gateway\r\n\r\n"),
            103,
            "502 Bad Gateway; the proxy could not reach".to_owned(),
        ),
        (half_a_head(), 102, late.to_owned()),
        (stopping(&greets(b""), "30"), 102, kept.to_owned()),
        (stopping(&greets(b"7\r\n"), "30"), 102, kept.to_owned()),
        (stopping(&greets(b"7\r\ntunca"), "30"), 102, kept.to_owned()),
        (stopping(&greets(b""), "0.4"), 102, kept.to_owned()),
        // The set-up's own time may be over before that.
        (stopping(b"", "0.4"), 28, nothing.to_owned()),
        (stopping(interim.as_bytes(), "0.4"), 28, nothing.to_owned()),
    ];
    thread::scope(|scope| {
        for (scene, code, text) in rows {
            scope.spawn(move || {
                let line = scene.run(&[]).expect_failure(code);
                assert!(line.contains(&text), "want: {text}\nhave: {line}");
            });
        }
    });
}

/// Slow is not held back: a greeting may take its time, and a target that says nothing is a tunnel all the same.
#[test]
fn a_slow_terminator_and_a_silent_target() {
    let peer = Peer::new(|conn| {
        conn.send_alone(GREETS)?;
        for byte in chunk(GREETING) {
            conn.send_alone([byte])?;
            // The pace of the peer.
            thread::sleep(Duration::from_millis(50));
        }
        gather(&conn)?;
        conn.send(LAST)?;
        conn.read_to_end().map(drop)
    });
    through(peer).run(&[]).expect_code(0);
    // Without a greeting nobody can tell, and silence is right.
    let peer = Peer::new(|conn| {
        conn.send(OK)?;
        conn.read_to_end().map(drop)
    });
    let scene = through(peer).stdin(|| Feed::Open(Vec::new()));
    let line = scene.run(&["-i", "1"]).expect_failure(28);
    assert!(line.contains("the idle time"), "{line}");
}
