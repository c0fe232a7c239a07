//! How much of a head is taken: interim answers, bytes, lines.

use super::{opens, payload};
use crate::client::LIMIT;
use crate::client::child::Tunnel;
use crate::client::expect::{Failure, Scene, TARGET, check};
use crate::client::peer::{OK, Peer};
use crate::support::process::peak_memory;
use std::io;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc::channel;

fn interim(count: usize) -> String {
    let mut train = String::new();
    for n in 0..count {
        let answer = ["100 Continue", "102 Processing", "103 Early Hints", "199 x"][n % 4];
        train += &format!("HTTP/1.1 {answer}\r\nLink: <{n}>\r\n\r\n");
    }
    train
}

/// Any number of interim answers up to 32, glued to the final one or each by itself (RFC 9110 §15.2).
#[test]
fn interim_answers() {
    for count in [1, 2, 31, 32] {
        opens(&format!("{count} in one piece"), move |conn| {
            let mut wire = (interim(count) + OK).into_bytes();
            wire.extend(payload());
            conn.send(wire)
        });
    }
    opens("each by itself", |conn| {
        for answer in interim(32).split_inclusive("\r\n\r\n") {
            conn.send_alone(answer)?;
        }
        conn.send(OK)?;
        conn.send(payload())
    });
    opens("a final answer behind an empty interim one", |conn| {
        conn.send_alone("HTTP/1.1 100\r\n\r\n")?;
        conn.send(OK)?;
        conn.send(payload())
    });
    // What they say is not what the final answer says.
    let refused = "HTTP/1.1 100 Continue\r\nProxy-Status: p;error=dns_error\r\n\r\n\
                   HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nno!";
    let scene = Scene::through(Peer::answering(refused));
    let failure = Failure::refused(101, "proxy", "403 No").body("no!");
    check("refused after 100", &scene, &failure.hint("*"));
}

/// A cause to refuse the answer for its size, which no hint can mend.
fn too_much(name: &str, answer: Vec<u8>, cause: &'static str) {
    let scene = Scene::through(Peer::new(move |conn| {
        conn.send(&answer)?;
        conn.read_to_end().map(drop)
    }));
    check(name, &scene, &Failure::new(101, "CONNECT", "proxy", cause));
}

#[test]
fn more_interim_answers_than_anybody_needs() {
    let cause = "more than 32 interim (1xx) answers";
    for count in [33, 34, 100] {
        let name = format!("{count} interim answers");
        too_much(&name, (interim(count) + OK).into_bytes(), cause);
    }
}

/// A head of this many bytes in this many lines, the status line counted and the empty one not.
fn head(bytes: usize, lines: usize) -> Vec<u8> {
    let mut head = String::from("HTTP/1.1 200 OK\r\n");
    for _ in 2..lines {
        head += "A: b\r\n";
    }
    let fill = bytes - head.len() - "F: \r\n\r\n".len();
    head += &format!("F: {}\r\n\r\n", "x".repeat(fill));
    assert_eq!(head.len(), bytes);
    head.into_bytes()
}

#[test]
fn large_heads() {
    for (bytes, lines) in [(10 * 1024, 2), (16 * 1024, 2), (16 * 1024, 128)] {
        opens(&format!("{bytes} bytes, {lines} lines"), move |conn| {
            conn.send(head(bytes, lines))?;
            conn.send(payload())
        });
    }
    let cause = "in the answer the message head is longer than 16384 bytes";
    too_much("one byte more", head(16 * 1024 + 1, 2), cause);
    too_much("17 KiB", head(17 * 1024, 2), cause);
    too_much(
        "a line without end",
        head(17 * 1024, 2)[..17 * 1024 - 4].into(),
        cause,
    );
    let cause = "in the answer the message head has more than 128 lines";
    too_much("one line more", head(16 * 1024, 129), cause);
    too_much("10,000 lines", head(128 * 1024, 10_000), cause);
}

/// A head of a GiB: it is refused after a few KiB, and no more than that is ever held.
#[test]
fn a_gibibyte_of_head() {
    let (sender, taken) = channel();
    let (begun, begins) = channel();
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let peer = Peer::new(move |conn| {
        conn.send_alone("HTTP/1.1 200 OK\r\nA: ")?;
        begun.send(()).map_err(io::Error::other)?;
        wait.lock().expect("go").recv().map_err(io::Error::other)?;
        let chunk = [b'x'; 64 * 1024];
        let mut count = 0_u64;
        while count < 1 << 30 && conn.send(chunk).is_ok() {
            count += chunk.len() as u64;
        }
        sender.send(count).map_err(io::Error::other)
    });
    let tunnel = Tunnel::start(["-x", &peer.url(), TARGET], Stdio::null(), Stdio::null());
    begins.recv_timeout(LIMIT).expect("a head that has begun");
    let before = peak_memory(tunnel.pid()).expect("a running program");
    let mut peak = before;
    go.send(()).expect("a script that waits");
    // The last look that finds it alive saw nearly all of its life.
    while let Some(now) = peak_memory(tunnel.pid()) {
        peak = peak.max(now);
    }
    let ended = tunnel.wait();
    assert_eq!(ended.code, 101, "{ended:?}");
    assert!(
        ended.stderr.contains("longer than 16384 bytes"),
        "{ended:?}"
    );
    let growth = peak.saturating_sub(before);
    assert!(growth < 1 << 20, "{before} bytes grew by {growth}");
    // The rest is what the kernel's buffers took.
    let taken = taken.recv_timeout(LIMIT).expect("a count");
    assert!(taken < 64 << 20, "{taken} bytes were taken");
}
