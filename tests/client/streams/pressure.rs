//! Whoever is slow slows the other side down; nothing piles up in between.

use crate::client::LIMIT;
use crate::client::child::Tunnel;
use crate::client::expect::TARGET;
use crate::client::peer::{OK, OK_KEEPS, Peer};
use crate::client::tls::{Authority, TlsPeer};
use crate::support::process::peak_memory;
use crate::support::{Digest, Pattern, wait_for};
use rustix::process::Signal;
use std::io::{self, Read, Write};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const LEN: u64 = 96 << 20;
/// More than the kernel holds on the way: the buffers of both ends of a connection, and a pipe.
const IN_FLIGHT: u64 = 32 << 20;
/// More than one tunnel needs (300 to 440 KiB over TLS, with the pages of code that are used for the first time), and far
/// less than what is to be carried.
const GROWTH: u64 = 1024 * 1024;

/// Waits until the counter has stood still for a while, and gives its value.
fn wait_stalled(counter: &AtomicU64) -> u64 {
    const STILL: Duration = Duration::from_millis(500);
    let mut seen = (counter.load(Ordering::SeqCst), Instant::now());
    wait_for("a stalled sender", || {
        let now = counter.load(Ordering::SeqCst);
        if now != seen.0 {
            seen = (now, Instant::now());
        }
        (now > 0 && seen.1.elapsed() > STILL).then_some(now)
    })
}

/// Writes the pattern and counts what was taken.
fn pour(seed: u64, mut sink: impl Write, counter: &AtomicU64) -> io::Result<()> {
    let mut pattern = Pattern::new(seed, LEN);
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let count = pattern.fill(&mut chunk);
        if count == 0 {
            return Ok(());
        }
        sink.write_all(&chunk[..count])?;
        counter.fetch_add(count as u64, Ordering::SeqCst);
    }
}

/// Opens a tunnel whose far side pours once it has read a byte, and reads stdout late.
fn slow_reader(args: &[&str], counter: &AtomicU64, open: impl Fn() -> bool) {
    let mut tunnel = Tunnel::piped(args);
    wait_for("the tunnel", || open().then_some(()));
    let before = peak_memory(tunnel.pid()).expect("a running program");
    tunnel.write("x");
    let stalled = wait_stalled(counter);
    assert!(stalled < IN_FLIGHT, "{stalled} bytes are in flight");
    let mut digest = Digest::new();
    let mut stdout = tunnel.take_stdout();
    io::copy(&mut (&mut stdout).take(LEN / 2), &mut digest).expect("read stdout");
    let after = peak_memory(tunnel.pid()).expect("a running program");
    io::copy(&mut stdout, &mut digest).expect("read stdout");
    assert_eq!(digest.finish(), (LEN, Pattern::sha256(30, LEN)));
    let growth = after.saturating_sub(before);
    assert!(growth < GROWTH, "{before} bytes of memory grew by {growth}");
    tunnel.wait().expect_clean();
}

#[test]
fn a_slow_reader_of_stdout_slows_the_far_side() {
    let counter = Arc::new(AtomicU64::new(0));
    let taken = Arc::clone(&counter);
    let peer = Peer::new(move |conn| {
        conn.send(OK)?;
        conn.read_exact(1)?;
        pour(30, &conn.stream, &taken)?;
        conn.end()?;
        conn.read_to_end().map(drop)
    });
    let args = ["-x", &peer.url(), TARGET];
    slow_reader(&args, &counter, || !peer.heads().is_empty());
}

/// TLS must not read ahead of whoever takes its bytes.
#[test]
fn a_slow_reader_of_stdout_slows_the_far_side_over_tls() {
    let authority = Authority::new();
    let counter = Arc::new(AtomicU64::new(0));
    let taken = Arc::clone(&counter);
    let peer = TlsPeer::new(authority.config("127.0.0.1", 2100), move |mut conn| {
        conn.send(OK)?;
        conn.stream.read_exact(&mut [0])?;
        pour(30, &mut conn.stream, &taken)?;
        conn.end()?;
        conn.stream.read_to_end(&mut Vec::new()).map(drop)
    });
    let root = authority.file();
    let root = root.to_str().expect("a path in UTF-8");
    let args = ["-x", &peer.url(), "--cacert", root, TARGET];
    slow_reader(&args, &counter, || !peer.heads().is_empty());
}

#[test]
fn a_slow_far_side_slows_stdin() {
    let (go, wait) = channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let (sender, received) = channel();
    let peer = Peer::new(move |conn| {
        conn.send(OK_KEEPS)?;
        wait.lock().expect("go").recv().map_err(io::Error::other)?;
        let mut digest = Digest::new();
        io::copy(&mut &conn.stream, &mut digest)?;
        sender.send(digest.finish()).map_err(io::Error::other)
    });
    let mut tunnel = Tunnel::start(["-x", &peer.url(), TARGET], Stdio::piped(), Stdio::null());
    wait_for("the tunnel", || (!peer.heads().is_empty()).then_some(()));
    let before = peak_memory(tunnel.pid()).expect("a running program");
    let counter = Arc::new(AtomicU64::new(0));
    let (stdin, taken) = (tunnel.take_stdin(), Arc::clone(&counter));
    let feeder = std::thread::spawn(move || pour(31, stdin, &taken));
    let stalled = wait_stalled(&counter);
    assert!(stalled < IN_FLIGHT, "{stalled} bytes are in flight");
    let after = peak_memory(tunnel.pid()).expect("a running program");
    let growth = after.saturating_sub(before);
    assert!(growth < GROWTH, "{before} bytes of memory grew by {growth}");
    go.send(()).expect("a script that waits");
    tunnel.wait().expect_clean();
    feeder.join().expect("feeder").expect("all of it");
    let received = received.recv_timeout(LIMIT).expect("a clean end");
    assert_eq!(received, (LEN, Pattern::sha256(31, LEN)));
}

/// Neither direction waits for the other: one stalls, and the other one carries on.
#[test]
fn one_stalled_direction_leaves_the_other_alone() {
    const OTHER: u64 = 16 << 20;
    let counter = Arc::new(AtomicU64::new(0));
    let taken = Arc::clone(&counter);
    let (sender, received) = channel();
    let peer = Peer::new(move |conn| {
        conn.send(OK)?;
        let flooding = conn.stream.try_clone()?;
        let taken = Arc::clone(&taken);
        std::thread::spawn(move || pour(32, flooding, &taken));
        let mut digest = Digest::new();
        io::copy(&mut (&conn.stream).take(OTHER), &mut digest)?;
        sender.send(digest.finish()).map_err(io::Error::other)
    });
    let mut tunnel = Tunnel::piped(["-x", &peer.url(), TARGET]);
    let stdin = tunnel.take_stdin();
    wait_stalled(&counter);
    // Nobody reads stdout, and all of this goes through.
    std::thread::spawn(move || io::copy(&mut Pattern::new(33, OTHER), &mut { stdin }));
    let received = received.recv_timeout(LIMIT).expect("what went out");
    assert_eq!(received, (OTHER, Pattern::sha256(33, OTHER)));
}

/// A reader that stopped does not keep the program from ending.
#[test]
fn a_signal_while_stdout_is_full() {
    let counter = Arc::new(AtomicU64::new(0));
    let taken = Arc::clone(&counter);
    let peer = Peer::new(move |conn| {
        conn.send(OK)?;
        pour(34, &conn.stream, &taken)
    });
    let mut tunnel = Tunnel::piped(["-x", &peer.url(), TARGET]);
    let _unread = tunnel.take_stdout();
    wait_stalled(&counter);
    let sent = Instant::now();
    tunnel.signal(Signal::TERM);
    let ended = tunnel.wait();
    assert!(sent.elapsed() < Duration::from_secs(2), "{ended:?}");
    assert_eq!((ended.code, ended.stderr.as_str()), (143, ""));
}
