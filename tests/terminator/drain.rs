//! SIGTERM: no new connections, live tunnels to their end, the rest aborted.

use super::request::connect;
use super::tunnels::{Stop, Tunnel, stop, tunnels};
use crate::support::process::descriptors;
use crate::support::{Listen, Serve, pattern, wait_for};
use rustix::process::Signal;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);
/// With tunnels cut off it ends as the signal would have ended it: 128 + SIGTERM.
const CUT_OFF: Option<i32> = Some(143);

/// Sends SIGTERM and waits until nothing is accepted any more.
#[track_caller]
fn terminate(serve: &mut Serve) {
    serve.process().signal(Signal::TERM);
    let port = serve.port;
    wait_for(
        "new connections to be refused",
        || match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Err(e) if e.kind() == ErrorKind::ConnectionRefused => Some(()),
            _ => None,
        },
    );
}

#[test]
fn without_tunnels_it_ends_at_once() {
    let serve = Serve::start();
    let begun = Instant::now();
    assert_eq!(serve.terminate().code(), Some(0));
    assert!(begun.elapsed() < 5 * SECOND, "{:?}", begun.elapsed());
}

/// Tunnels that are live at the signal carry on, both ways, to their own ends, and nothing of them is lost.
#[test]
fn live_tunnels_end_whole() {
    let mut serve = Serve::start();
    let mut live = tunnels(serve.port, 20);
    terminate(&mut serve);
    let payload = pattern(1, 500_000);
    for tunnel in &mut live {
        tunnel.carry(b"still here");
        assert!(serve.process().status().is_none(), "it did not wait");
        transfer(tunnel, &payload);
    }
    let begun = Instant::now();
    assert_eq!(serve.process().wait_exit().code(), Some(0));
    assert!(begun.elapsed() < 5 * SECOND, "{:?}", begun.elapsed());
}

/// All of `payload` each way at once, then both ends.
#[track_caller]
fn transfer(tunnel: &Tunnel, payload: &[u8]) {
    thread::scope(|scope| {
        for (from, to) in [(&tunnel.near, &tunnel.far), (&tunnel.far, &tunnel.near)] {
            scope.spawn(move || {
                (&mut &*from).write_all(payload).expect("send");
                from.shutdown(Shutdown::Write).expect("end");
            });
            scope.spawn(move || {
                let mut got = Vec::new();
                (&mut &*to).read_to_end(&mut got).expect("a clean end");
                assert!(got == payload, "{} bytes", got.len());
            });
        }
    });
}

/// Neither side of a tunnel that is cut may take that for an end.
#[track_caller]
fn all_reset(live: &[Tunnel]) {
    let count = |stops: Vec<Stop>| stops.iter().filter(|&&s| s == Stop::Clean).count();
    let near = count(live.iter().map(|t| stop(&t.near)).collect());
    let far = count(live.iter().map(|t| stop(&t.far)).collect());
    assert_eq!(
        (near, far),
        (0, 0),
        "of {} clients and targets so many saw a clean end",
        live.len()
    );
}

#[test]
fn after_the_drain_time_the_rest_is_aborted() {
    let mut serve = Serve::with(&["--drain", "500ms"]);
    let live = tunnels(serve.port, 200);
    let begun = Instant::now();
    serve.process().signal(Signal::TERM);
    let status = serve.process().wait_exit();
    let took = begun.elapsed();
    assert_eq!(status.code(), CUT_OFF, "{status}");
    assert!((SECOND / 2..5 * SECOND).contains(&took), "{took:?}");
    all_reset(&live);
}

#[test]
fn after_the_drain_time_tls_tunnels_are_aborted() {
    let mut serve = Serve::with(&["--drain", "500ms", "--self-signed"]);
    let pin = serve.pin();
    let args = ["-x", &serve.url, "--pin", &pin];
    let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    let spec = format!("0:{}", target.local_addr().expect("address"));
    let listen = Listen::start(&args, &[&spec]);
    let live = listened(&listen, &target, 50);
    serve.process().signal(Signal::TERM);
    assert_eq!(serve.process().wait_exit().code(), CUT_OFF);
    all_reset(&live);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut serve = Serve::start();
    let live = tunnels(serve.port, 200);
    terminate(&mut serve);
    let begun = Instant::now();
    serve.process().signal(Signal::TERM);
    let status = serve.process().wait_exit();
    let took = begun.elapsed();
    assert_eq!(status.code(), CUT_OFF, "{status}");
    assert!(took < SECOND, "{took:?}");
    all_reset(&live);
}

/// A connection that was accepted and has not asked for anything yet is no tunnel: it must not hold the drain up for as
/// long as a head may take.
#[test]
fn connections_without_a_request_do_not_hold_it_up() {
    let mut serve = Serve::start();
    let pid = serve.process().pid();
    let before = descriptors(pid);
    let silent: Vec<TcpStream> = (0..5).map(|_| connect(serve.port)).collect();
    let mut begun = connect(serve.port);
    begun.write_all(b"CONNECT ").expect("begin a request");
    wait_for("all to be accepted", || {
        (descriptors(pid) >= before + 6).then_some(())
    });
    let start = Instant::now();
    serve.process().signal(Signal::TERM);
    assert_eq!(serve.process().wait_exit().code(), Some(0));
    assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
    drop(silent);
}

/// The same in the middle of a TLS handshake.
#[test]
fn connections_without_a_handshake_do_not_hold_it_up() {
    let mut serve = Serve::with(&["--self-signed"]);
    let pid = serve.process().pid();
    let before = descriptors(pid);
    let silent: Vec<TcpStream> = (0..6).map(|_| connect(serve.port)).collect();
    for mut stream in silent.iter().step_by(2) {
        stream
            .write_all(b"\x16\x03\x01")
            .expect("begin a handshake");
    }
    wait_for("all to be accepted", || {
        (descriptors(pid) >= before + 6).then_some(())
    });
    let start = Instant::now();
    serve.process().signal(Signal::TERM);
    assert_eq!(serve.process().wait_exit().code(), Some(0));
    assert!(start.elapsed() < 3 * SECOND, "{:?}", start.elapsed());
}

/// `listen` cuts its tunnels off at the signal unless it is told to wait: a reset both ways there too.
#[test]
fn listen_aborts_what_is_live() {
    let serve = Serve::start();
    let target = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
    let spec = format!("0:{}", target.local_addr().expect("address"));
    let mut listen = Listen::start(&["-x", &serve.url], &[&spec]);
    let live = listened(&listen, &target, 100);
    listen.process().signal(Signal::TERM);
    assert_eq!(listen.process().wait_exit().code(), CUT_OFF);
    all_reset(&live);
}

/// Tunnels through a `listen`.
fn listened(listen: &Listen, target: &TcpListener, count: usize) -> Vec<Tunnel> {
    let tunnel = |_| {
        let near = connect(listen.ports[0]);
        let far = target.accept().expect("accept").0;
        let mut tunnel = Tunnel { near, far };
        tunnel.carry(b"hello");
        tunnel
    };
    (0..count).map(tunnel).collect()
}

/// Half an end is not an end.
#[test]
fn a_tunnel_with_half_closed_ends_is_live() {
    let mut serve = Serve::start();
    let mut live = tunnels(serve.port, 2);
    live[0].near.shutdown(Shutdown::Write).expect("end");
    live[1].far.shutdown(Shutdown::Write).expect("end");
    assert_eq!(stop(&live[0].far), Stop::Clean);
    assert_eq!(stop(&live[1].near), Stop::Clean);
    terminate(&mut serve);
    let mut byte = [0];
    live[0].far.write_all(b"a").expect("send");
    live[0].near.read_exact(&mut byte).expect("receive");
    live[1].near.write_all(b"b").expect("send");
    live[1].far.read_exact(&mut byte).expect("receive");
    live[0].far.shutdown(Shutdown::Write).expect("end");
    live[1].near.shutdown(Shutdown::Write).expect("end");
    assert_eq!(stop(&live[0].near), Stop::Clean);
    assert_eq!(stop(&live[1].far), Stop::Clean);
    assert_eq!(serve.process().wait_exit().code(), Some(0));
}
