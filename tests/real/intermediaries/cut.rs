//! Limits of intermediaries that cut tunnels off: the client fails, and is never told of an end. They are short here, but
//! not shorter than a busy machine may take for a line.

use super::scenes::to;
use super::{Way, both, haproxy, nginx};
use crate::real::MIB;
use crate::support::{Feed, TIMEOUT, Target};
use std::io;
use std::sync::{Mutex, mpsc};

/// A line goes there and back, and then the tunnel, which is idle, is cut off.
fn idle_is_cut(way: &Way) {
    let echo = Target::echo();
    let run = way.connect().arg(echo.addr());
    let output = run.feed(Feed::Open(b"hello".to_vec())).run();
    assert_eq!(output.stdout, b"hello");
    let (code, text) = way.cut();
    let line = output.expect_failure(code);
    let counts = way.counts(&echo.addr(), &line, text);
    assert_eq!(counts, "5 bytes sent and 5 received");
}

/// 60 s by default: nothing from the target.
#[test]
fn nginx_grpc_read_timeout() {
    let (old, new) = ("grpc_read_timeout 1d", "grpc_read_timeout 1s");
    both(|spoken| idle_is_cut(&nginx::but(spoken, old, new)));
}

/// 60 s by default: nothing from the client.
#[test]
fn nginx_client_body_timeout() {
    let (old, new) = ("client_body_timeout 1d", "client_body_timeout 1s");
    both(|spoken| idle_is_cut(&nginx::but(spoken, old, new)));
}

/// 60 s by default: a client that does not read.
#[test]
fn nginx_send_timeout() {
    let (old, new) = ("\n    send_timeout 1d", "\n    send_timeout 300ms");
    both(|spoken| {
        let way = nginx::but(spoken, old, new);
        let (tell, told) = mpsc::channel();
        let target = Target::start(move |stream, _| {
            let sent = io::copy(&mut io::repeat(b'x'), &mut &stream);
            tell.send(sent.map(drop)).ok();
            Ok(())
        });
        let listen = way.listen(&target.addr());
        let stream = to(listen.ports[0]);
        let sent = told.recv_timeout(TIMEOUT).expect("a target that is done");
        sent.expect_err("an endless stream");
        io::copy(&mut &stream, &mut io::sink()).expect_err("a clean end");
    });
}

/// 60 s by default: a target that does not read.
#[test]
fn nginx_grpc_send_timeout() {
    let (old, new) = ("grpc_send_timeout 1d", "grpc_send_timeout 300ms");
    both(|spoken| {
        let way = nginx::but(spoken, old, new);
        let (done, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let target = Target::start(move |_stream, _| {
            wait.lock().expect("a lock").recv().ok();
            Ok(())
        });
        let run = way.connect().arg(target.addr());
        let line = run.feed(Feed::Pattern(3, 64 * MIB)).run();
        let (code, text) = way.cut();
        way.counts(&target.addr(), &line.expect_failure(code), text);
        drop(done);
    });
}

/// 1 MiB by default, and it counts what has come: a tunnel is cut off in the middle.
#[test]
fn nginx_client_max_body_size() {
    let (old, new) = ("client_max_body_size 0", "client_max_body_size 10k");
    both(|spoken| {
        let way = nginx::but(spoken, old, new);
        let target = Target::sink();
        let run = way.connect().arg(target.addr());
        let output = run.feed(Feed::Open(vec![b'x'; 20_000])).run();
        let (code, text) = way.cut();
        let line = output.expect_failure(code);
        let counts = way.counts(&target.addr(), &line, text);
        assert_eq!(counts, "20000 bytes sent and 0 received");
    });
}

/// Nothing from the target. To an HTTP/2 client HAProxy ends the answer, and resets it only then.
#[test]
fn haproxy_timeout_server() {
    both(|spoken| idle_is_cut(&haproxy::defaults(spoken, "timeout server 1s")));
}
