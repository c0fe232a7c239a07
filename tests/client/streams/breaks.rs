//! The tunnel breaks: what arrived before is kept, and it is counted.

use crate::client::LIMIT;
use crate::client::child::{Tunnel, object};
use crate::client::expect::{Scene, TARGET};
use crate::client::peer::{OK, OK_KEEPS, Peer};
use crate::client::tls::{Authority, TlsPeer};
use crate::support::{Feed, Pattern, connect, pattern};
use std::io::{self, Read};
use std::process::Stdio;
use std::sync::mpsc::channel;

const SENT: u64 = 200_000;
const RECEIVED: u64 = 300_000;

/// A proxy that takes `SENT` bytes, gives `RECEIVED`, and resets.
fn resetting() -> Peer {
    Peer::new(|conn| {
        conn.send(OK)?;
        conn.read_exact(SENT as usize)?;
        conn.send(pattern(20, RECEIVED as usize))?;
        conn.reset()
    })
}

#[test]
fn a_reset_keeps_the_prefix_and_both_counts() {
    for stdin in [
        || Feed::Open(pattern(21, SENT as usize)),
        || Feed::Pattern(21, SENT),
    ] {
        let scene = Scene::through(resetting()).stdin(stdin);
        let output = scene.run(&["--json"]).expect_code(56);
        assert_eq!(output.stdout_len, RECEIVED);
        assert_eq!(output.stdout_sha256, Pattern::sha256(20, RECEIVED));
        let object = object(&output.stderr);
        assert_eq!(object["sent_bytes"], SENT, "{object}");
        assert_eq!(object["received_bytes"], RECEIVED, "{object}");
        assert_eq!(object["clean"], false);
        assert_eq!(object["error"]["kind"], "reset");

        let line = scene.run(&[]).expect_failure(56);
        let counts = format!("after {SENT} bytes sent and {RECEIVED} received");
        assert!(line.contains(&counts), "{line}");
    }
}

/// Also what the reader of stdout is late to read: the reset does not overtake it.
#[test]
fn a_reset_waits_for_a_slow_reader() {
    // Far more than the pipe holds, and less than one buffer of the program.
    const LATE: usize = 30_000;
    let (sender, reset) = channel();
    let peer = Peer::new(move |conn| {
        conn.send(OK)?;
        conn.send(pattern(22, LATE))?;
        conn.reset()?;
        sender.send(()).map_err(io::Error::other)
    });
    let (mut reader, writer) = io::pipe().expect("a pipe");
    rustix::pipe::fcntl_setpipe_size(&writer, 4096).expect("a small pipe");
    let mut tunnel = Tunnel::start(["-x", &peer.url(), TARGET], Stdio::null(), writer);
    reset.recv_timeout(LIMIT).expect("a reset");
    assert!(tunnel.running(), "it has something to deliver");
    let mut all = Vec::new();
    reader.read_to_end(&mut all).expect("read stdout");
    assert!(all == pattern(22, LATE), "{} bytes", all.len());
    assert_eq!(tunnel.wait().code, 56);
}

#[test]
fn a_cut_over_tls_keeps_the_prefix_and_both_counts() {
    let authority = Authority::new();
    let peer = TlsPeer::new(authority.config("127.0.0.1", 2100), |mut conn| {
        conn.send(OK)?;
        conn.stream.read_exact(&mut vec![0; SENT as usize])?;
        conn.send(pattern(23, RECEIVED as usize))?;
        conn.cut()
    });
    let root = authority.file();
    let output = connect(["-x", &peer.url(), "--json", TARGET])
        .arg("--cacert")
        .arg(root)
        .feed(Feed::Pattern(21, SENT))
        .limit(LIMIT)
        .run()
        .expect_code(18);
    assert_eq!(output.stdout_sha256, Pattern::sha256(23, RECEIVED));
    let object = object(&output.stderr);
    assert_eq!(object["sent_bytes"], SENT, "{object}");
    assert_eq!(object["received_bytes"], RECEIVED, "{object}");
    assert_eq!(object["error"]["kind"], "truncated");
}

/// The end over TLS is close_notify, in both directions, and each half by itself (RFC 8446 §6.1).
#[test]
fn a_clean_end_over_tls() {
    let authority = Authority::new();
    let (sender, received) = channel();
    let peer = TlsPeer::new(authority.config("127.0.0.1", 2100), move |mut conn| {
        conn.send(OK_KEEPS)?;
        // rustls says `Ok(0)` for close_notify only.
        let mut request = Vec::new();
        conn.stream.read_to_end(&mut request)?;
        sender.send(request).map_err(io::Error::other)?;
        conn.send("answer")?;
        conn.end()
    });
    let root = authority.file();
    let output = connect(["-x", &peer.url(), TARGET])
        .arg("--cacert")
        .arg(root)
        .stdin("hello")
        .limit(LIMIT)
        .run()
        .expect_clean();
    assert_eq!(output.stdout, b"answer");
    let request = received.recv_timeout(LIMIT);
    assert_eq!(request, Ok(b"hello".to_vec()));
}

/// `-v` counts as well, whatever the end.
#[test]
fn v_counts_both_ways() {
    let scene = Scene::through(resetting()).stdin(|| Feed::Pattern(21, SENT));
    let output = scene.run(&["-v"]).expect_code(56);
    let counts = format!("{SENT} bytes sent, {RECEIVED} received in ");
    assert!(output.stderr.contains(&counts), "{}", output.stderr);

    let peer = Peer::echo(OK_KEEPS);
    let run = connect(["-v", "-x", &peer.url(), TARGET]).stdin("hello");
    let output = run.run().expect_code(0);
    let counts = "5 bytes sent, 5 received in ";
    assert!(output.stderr.contains(counts), "{}", output.stderr);
    assert_eq!(output.stdout, b"hello");
}
