//! Signals end it quickly and quietly, and the far side does not take that for an end.

use crate::client::child::Tunnel;
use crate::client::expect::TARGET;
use crate::client::peer::{OK, OK_KEEPS, Peer};
use crate::support::tuncat::TUNCAT;
use crate::support::wait_for;
use rustix::process::Signal;
use std::io;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const SIGNALS: [(Signal, i32); 4] = [
    (Signal::TERM, 143),
    (Signal::INT, 130),
    (Signal::HUP, 129),
    (Signal::QUIT, 131),
];

/// How the client's side ended.
type End = io::Result<Vec<u8>>;

/// A proxy that echoes five octets and then tells how the client ends.
fn echo_once(answer: &'static str) -> (Peer, Receiver<End>) {
    let (sender, ends) = channel();
    let peer = Peer::new(move |conn| {
        conn.send(answer)?;
        conn.send(conn.read_exact(5)?)?;
        sender.send(conn.read_to_end()).map_err(io::Error::other)
    });
    (peer, ends)
}

fn is_abort(end: &End) -> bool {
    end.as_ref()
        .is_err_and(|e| e.kind() == io::ErrorKind::ConnectionReset)
}

#[test]
fn an_open_tunnel_ends_at_once_and_quietly() {
    for (signal, code) in SIGNALS {
        let (peer, ends) = echo_once(OK);
        let mut tunnel = Tunnel::piped(["-x", &peer.url(), TARGET]);
        tunnel.write("hello");
        assert_eq!(tunnel.read_exact(5), b"hello");
        let sent = Instant::now();
        tunnel.signal(signal);
        let ended = tunnel.wait();
        assert!(sent.elapsed() < Duration::from_secs(2), "{signal:?}");
        assert_eq!((ended.code, ended.stderr.as_str()), (code, ""));
        let end = wait_for("the client's end", || ends.try_recv().ok());
        assert!(is_abort(&end), "{signal:?}: {end:?}");
    }
}

/// The object is asked for, so it comes, and what it counts is what was carried.
#[test]
fn the_object_counts_what_was_carried() {
    for (signal, code) in SIGNALS {
        let (peer, _ends) = echo_once(OK);
        let mut tunnel = Tunnel::piped(["-x", &peer.url(), TARGET, "--json"]);
        tunnel.write("hello");
        assert_eq!(tunnel.read_exact(5), b"hello");
        tunnel.signal(signal);
        let object = tunnel.wait().expect_json(code);
        let error = &object["error"];
        assert_eq!(error["kind"], "signal");
        assert_eq!(error["exit_code"], code);
        assert_eq!(error["stage"], "tunnel");
        assert_eq!(error["blame"], "user");
        assert_eq!(error["cause"], format!("ended by signal {}", code - 128));
        let counts = (&object["sent_bytes"], &object["received_bytes"]);
        assert_eq!(counts, (&5.into(), &5.into()), "{object}");
    }
}

/// Before the tunnel is open, too.
#[test]
fn a_tunnel_that_is_not_open_yet() {
    for (signal, code) in SIGNALS {
        let peer = Peer::new(|conn| conn.read_to_end().map(drop));
        let mut tunnel = Tunnel::piped(["-x", &peer.url(), TARGET, "--json"]);
        wait_for("the request", || (!peer.heads().is_empty()).then_some(()));
        tunnel.signal(signal);
        let object = tunnel.wait().expect_json(code);
        assert_eq!(object["error"]["kind"], "signal");
        assert!(object["setup_ms"].is_null(), "{object}");
        // It was not a tunnel yet.
        assert_ne!(object["error"]["stage"], "tunnel", "{object}");
    }
}

/// After the end of stdin, while the answer is waited for, the end has been said already; the signal ends the waiting.
#[test]
fn a_tunnel_whose_answer_is_waited_for() {
    let (sender, ends) = channel();
    let peer = Peer::new(move |conn| {
        conn.send(OK_KEEPS)?;
        let request = conn.read_to_end()?;
        sender.send(request).map_err(io::Error::other)?;
        // Until the client is gone.
        while conn.send("x").is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    });
    let mut tunnel = Tunnel::piped(["-x", &peer.url(), TARGET]);
    tunnel.write("hello");
    tunnel.end_stdin();
    let request = wait_for("the request", || ends.try_recv().ok());
    assert_eq!(request, b"hello");
    tunnel.signal(Signal::TERM);
    let ended = tunnel.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (143, ""));
}

/// What nohup and shells have ignored for it stays ignored.
#[test]
fn a_signal_that_was_ignored_stays_so() {
    let (peer, _ends) = echo_once(OK);
    let mut command = Command::new("sh");
    command.args([
        "-c",
        r#"trap "" HUP INT; exec "$0" "$@""#,
        TUNCAT,
        "connect",
    ]);
    command.args(["-x", &peer.url(), TARGET]);
    let mut tunnel = Tunnel::command(command, Stdio::piped(), Stdio::piped());
    tunnel.write("hel");
    wait_for("the tunnel", || (!peer.heads().is_empty()).then_some(()));
    tunnel.signal(Signal::HUP);
    tunnel.signal(Signal::INT);
    tunnel.write("lo");
    assert_eq!(tunnel.read_exact(5), b"hello");
    tunnel.signal(Signal::TERM);
    assert_eq!(tunnel.wait().code, 143);
}

/// SIGPIPE is ignored: a broken pipe is an error with a code of its own.
#[test]
fn sigpipe_does_nothing() {
    let (peer, _ends) = echo_once(OK);
    let mut tunnel = Tunnel::piped(["-x", &peer.url(), TARGET]);
    tunnel.write("hel");
    wait_for("the tunnel", || (!peer.heads().is_empty()).then_some(()));
    tunnel.signal(Signal::PIPE);
    tunnel.write("lo");
    assert_eq!(tunnel.read_exact(5), b"hello");
}
