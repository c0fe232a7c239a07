//! The answer in pieces, and the answer that is cut short, at every place.

use super::{GREETING, GREETS, LAST, POST, chunk, payload};
use crate::client::LIMIT;
use crate::client::expect::TARGET;
use crate::client::peer::{Conn, Peer};
use crate::support::{Output, connect};
use std::io;
use std::ops::Range;
use std::thread;

/// A whole answer: a greeting, [`payload`] in chunks of many kinds, a trailer.
fn wire() -> Vec<u8> {
    let payload = payload();
    let (first, rest) = payload.split_at(3);
    let (middle, last) = rest.split_at(20);
    let mut wire = GREETS.as_bytes().to_vec();
    wire.extend(chunk(GREETING));
    wire.extend(chunk(first));
    wire.extend(b"0014;a=\"b\";c\r\n");
    wire.extend([middle, b"\r\n"].concat());
    wire.extend(chunk(last));
    wire.extend(b"0\r\nX: y\r\n\r\n");
    wire
}

/// Where the answer's content begins, its greeting is whole, and its payload is.
fn marks() -> [usize; 3] {
    let wire = wire();
    let greeting = GREETS.len() + chunk(GREETING).len() - 2;
    [
        GREETS.len(),
        greeting,
        wire.len() - "0\r\nX: y\r\n\r\n".len() - 2,
    ]
}

/// Runs a client for each of `cuts`, which its target's port tells the script.
fn every_cut(
    cuts: Range<usize>,
    script: impl Fn(Conn, usize) -> io::Result<()> + Send + Sync + 'static,
    check: impl Fn(usize, Output) + Sync,
) {
    let count = cuts.len();
    let peer = Peer::raw(move |conn| {
        let head = conn.read_head()?;
        let port = head.split('/').nth(5).and_then(|port| port.parse().ok());
        let cut: usize = port.expect("a port in the path");
        script(conn, cut - 1)
    });
    let url = peer.url();
    thread::scope(|scope| {
        for first in 0..4 {
            let (url, check, cuts) = (&url, &check, cuts.clone());
            scope.spawn(move || {
                for cut in cuts.skip(first).step_by(4) {
                    let target = TARGET.replace("22", &(cut + 1).to_string());
                    let run = connect(["-x", url, &target]).args(POST).limit(LIMIT);
                    check(cut, run.run());
                }
            });
        }
    });
    assert_eq!(peer.accepted(), count);
}

#[test]
fn every_cut_of_a_whole_answer() {
    let whole = wire();
    every_cut(
        0..whole.len(),
        move |conn, cut| {
            if cut > 0 {
                conn.send_alone(&whole[..cut])?;
            }
            // It may go as soon as it has all.
            conn.send(&whole[cut..])?;
            conn.read_to_end().map(drop)
        },
        |cut, output| {
            let output = output.expect_clean();
            assert!(output.stdout == payload(), "cut {cut}: {output:?}");
        },
    );
}

/// No end of the connection is an end of the content, wherever it comes; what came before it is kept.
#[test]
fn every_end_within_an_answer() {
    let whole = wire();
    let [content, greeted, paid] = marks();
    every_cut(
        0..whole.len(),
        move |conn, cut| {
            conn.send(&whole[..cut])?;
            conn.end()?;
            conn.read_to_end().map(drop)
        },
        move |cut, output| {
            let code = match cut {
                _ if cut < content => 7,
                _ if cut < greeted => 56,
                _ => 18,
            };
            assert_eq!(output.code, code, "cut {cut}: {output:?}");
            assert!(payload().starts_with(&output.stdout), "cut {cut}");
            assert_eq!(output.stdout == payload(), cut >= paid, "cut {cut}");
        },
    );
}

#[test]
fn every_reset_within_an_answer() {
    let whole = wire();
    let [content, _, paid] = marks();
    every_cut(
        0..whole.len(),
        move |conn, cut| {
            conn.send(&whole[..cut])?;
            conn.reset()
        },
        move |cut, output| {
            let code = if cut < content { 7 } else { 56 };
            assert_eq!(output.code, code, "cut {cut}: {output:?}");
            assert!(payload().starts_with(&output.stdout), "cut {cut}");
            assert_eq!(output.stdout == payload(), cut >= paid, "cut {cut}");
        },
    );
}

#[test]
fn one_byte_at_a_time() {
    every_cut(
        0..1,
        |conn, _| {
            conn.send_alone("HTTP/1.1 100 Continue\r\n\r\n")?;
            for byte in wire() {
                conn.send([byte])?;
                thread::yield_now();
            }
            conn.read_to_end().map(drop)
        },
        |_, output| assert!(output.expect_clean().stdout == payload()),
    );
}

/// More than any buffer glued to the head, in one chunk and in many.
#[test]
fn a_megabyte_glued_to_the_head() {
    const LEN: usize = 1 << 20;
    let bytes = crate::support::pattern(6, LEN);
    for size in [LEN, 1000, 17] {
        let mut wire = GREETS.as_bytes().to_vec();
        wire.extend(chunk(GREETING));
        wire.extend(bytes.chunks(size).flat_map(chunk));
        wire.extend(LAST);
        let output = super::through(Peer::answering(wire)).run(&[]);
        assert!(output.expect_clean().stdout == bytes, "chunks of {size}");
    }
}
