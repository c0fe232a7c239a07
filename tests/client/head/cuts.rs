//! Heads in one piece and in many, and every one that opens a tunnel.

use super::{opens, payload};
use crate::client::LIMIT;
use crate::client::expect::Scene;
use crate::client::peer::{OK, Peer};
use crate::support::{Pattern, connect, pattern};
use std::thread;

fn port_of(head: &str) -> usize {
    let target = head.split(' ').nth(1).expect("a target");
    let port = target.rsplit(':').next().expect("a port");
    port.parse().expect("a number")
}

/// The answer and the first bytes of the tunnel in two segments, cut at every place.
#[test]
fn every_cut_between_head_and_payload() {
    const HEAD: &str = "HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\nX:\r\n\r\n";
    let mut wire = HEAD.as_bytes().to_vec();
    wire.extend(payload());
    let cuts = HEAD.len() + 64;
    let peer = Peer::raw(move |conn| {
        // Which cut is in the port that is asked for.
        let cut = port_of(&conn.read_head()?) - 1;
        if cut > 0 {
            conn.send_alone(&wire[..cut])?;
        }
        conn.send(&wire[cut..])?;
        conn.end()?;
        conn.read_to_end().map(drop)
    });
    let url = peer.url();
    thread::scope(|scope| {
        for first in 0..4 {
            let url = &url;
            scope.spawn(move || {
                for cut in (first..=cuts).step_by(4) {
                    let target = format!("host.invalid:{}", cut + 1);
                    let output = connect(["-x", url, &target]).limit(LIMIT).run();
                    let output = output.expect_clean();
                    assert!(output.stdout == payload(), "cut {cut}: {output:?}");
                }
            });
        }
    });
    assert_eq!(peer.accepted(), cuts + 1);
}

/// More than any buffer glued to the head.
#[test]
fn a_megabyte_glued_to_the_head() {
    const LEN: u64 = 1 << 20;
    let mut wire = OK.as_bytes().to_vec();
    wire.extend(pattern(6, LEN as usize));
    let scene = Scene::through(Peer::answering(wire));
    let output = scene.run(&[]).expect_clean();
    assert_eq!(output.stdout_sha256, Pattern::sha256(6, LEN));
}

#[test]
fn one_byte_at_a_time() {
    opens("dripped", |conn| {
        for byte in b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n" {
            conn.send_alone([*byte])?;
        }
        for byte in payload() {
            conn.send_alone([byte])?;
        }
        Ok(())
    });
}

#[test]
fn every_status_and_field_that_opens_a_tunnel() {
    for head in [
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 200 \r\n\r\n",
        "HTTP/1.1 201 Created\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/2\r\n\r\n",
        "HTTP/1.1 299 Sure\r\n\r\n",
        // RFC 9110 §9.3.6: both are ignored.
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nProxy-Status: p;error=dns_error\r\n\r\n",
        // What a client forgives (RFC 9112 §2.2, §5.1, §5.2).
        "HTTP/1.1 200 OK\nA: b\n\n",
        "HTTP/1.1 200 OK\r\nA : b\r\nC: d\r\n e\r\n\r\n",
        "HTTP/1.1 200 f\u{fc}r dich\r\nA: \u{fc}\r\n\r\n",
    ] {
        opens(head, move |conn| {
            conn.send(head)?;
            conn.send(payload())
        });
    }
}
