//! Connections that never ask for anything do not keep others from being served, and go away by themselves.

use super::request::{connect, connect_request, open, read_head};
use super::tls::{Trust, client};
use crate::support::process::{descriptors, raise_descriptor_limit};
use crate::support::{Serve, Target, wait_until};
use rustix::process::Pid;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const CROWD: usize = 2000;
const SECOND: Duration = Duration::from_secs(1);

/// `CROWD` connections that say nothing or too little, which `serve` holds.
fn crowd(port: u16, pid: Pid, before: usize, beginning: &[u8]) -> Vec<TcpStream> {
    let silent: Vec<TcpStream> = (0..CROWD).map(|_| connect(port)).collect();
    for mut stream in silent.iter().step_by(2) {
        stream.write_all(beginning).expect("begin");
    }
    wait_until("all to be accepted", Instant::now() + 5 * SECOND, || {
        (descriptors(pid) >= before + CROWD).then_some(())
    });
    silent
}

/// The terminator lets all of them go once the time for a head is over, although none of them closes.
fn gone(silent: &[TcpStream], pid: Pid, before: usize, begun: Instant) {
    let what = "the descriptors to be back at the baseline";
    wait_until(what, begun + 20 * SECOND, || {
        (descriptors(pid) <= before).then_some(())
    });
    let took = begun.elapsed();
    assert!(took > 9 * SECOND, "dropped too early, after {took:?}");
    for mut stream in silent {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        let text = String::from_utf8_lossy(&answer);
        assert!(
            text.is_empty() || text.starts_with("HTTP/1.1 408 ") || answer[0] == 0x15,
            "{text}"
        );
    }
}

#[test]
fn a_good_client_among_silent_ones() {
    raise_descriptor_limit();
    let mut serve = Serve::start();
    let target = Target::echo();
    drop(open(serve.port, &target.addr()));
    let pid = serve.process().pid();
    let before = baseline(pid);
    let begun = Instant::now();
    let silent = crowd(serve.port, pid, before, b"CONNECT ");
    let mut worst = Duration::ZERO;
    for _ in 0..50 {
        let start = Instant::now();
        let mut good = open(serve.port, &target.addr());
        good.write_all(b"x").expect("send");
        good.read_exact(&mut [0]).expect("echo");
        worst = worst.max(start.elapsed());
    }
    assert!(worst < SECOND, "a set-up took {worst:?}");
    gone(&silent, pid, before, begun);
    drop(open(serve.port, &target.addr()));
}

/// The same where the silence is in the middle of a TLS handshake.
#[test]
fn a_good_client_among_silent_ones_over_tls() {
    raise_descriptor_limit();
    let mut serve = Serve::with(&["--self-signed"]);
    let pin = serve.pin();
    let target = Target::echo();
    let pid = serve.process().pid();
    let before = baseline(pid);
    let begun = Instant::now();
    let silent = crowd(serve.port, pid, before, b"\x16\x03\x01");
    let trust = Trust::Pin(pin.parse().expect("a pin"));
    let mut worst = Duration::ZERO;
    for _ in 0..10 {
        let start = Instant::now();
        let mut good = client(serve.port, &trust, rustls::ALL_VERSIONS, &[]).expect("handshake");
        let request = connect_request(&target.addr());
        good.write_all(request.as_bytes()).expect("ask");
        let head = read_head(&mut good).expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        worst = worst.max(start.elapsed());
    }
    assert!(worst < SECOND, "a set-up took {worst:?}");
    gone(&silent, pid, before, begun);
}

/// Descriptors once everything that was opened before is closed.
fn baseline(pid: Pid) -> usize {
    let mut last = (descriptors(pid), Instant::now());
    wait_until("quiet", Instant::now() + 10 * SECOND, || {
        let now = descriptors(pid);
        if now != last.0 {
            last = (now, Instant::now());
        }
        (last.1.elapsed() > SECOND / 4).then_some(now)
    })
}
