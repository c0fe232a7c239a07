//! Through nghttpx as an HTTP/2 forward proxy, which hands every tunnel on to `tuncat serve` by HTTP/1.1.
//!
//! It does not pass the end of the client's side on, so the targets end by themselves.

mod post;

use super::whole;
use crate::support::peers::{Certificate, Nghttpx};
use crate::support::{ClosedPort, Feed, Serve, Target, connect, pattern};

#[test]
fn connect_to_echo_h2c() {
    let serve = Serve::start();
    let proxy = Nghttpx::clear(serve.port);
    let target = whole::echo_that_closes();
    whole::connect_to_echo(&["-x", &proxy.url("h2c")], "h2", &target);
}

#[test]
fn connect_to_echo_h2_tls() {
    let serve = Serve::start();
    let certificate = Certificate::new();
    let proxy = Nghttpx::tls(serve.port, &certificate);
    let target = whole::echo_that_closes();
    let args = ["-x", &proxy.url("https"), "--cacert", &certificate.cert()];
    whole::connect_to_echo(&args, "h2", &target);
}

#[test]
fn listen_to_echo_h2c() {
    let serve = Serve::start();
    let proxy = Nghttpx::clear(serve.port);
    let target = whole::echo_that_closes();
    let listen = whole::listen(&["-x", &proxy.url("h2c")], &target);
    whole::echo_twice(listen.ports[0]);
}

#[test]
fn listen_to_echo_h2_tls() {
    let serve = Serve::start();
    let certificate = Certificate::new();
    let proxy = Nghttpx::tls(serve.port, &certificate);
    let target = whole::echo_that_closes();
    let args = ["-x", &proxy.url("https"), "--cacert", &certificate.cert()];
    let listen = whole::listen(&args, &target);
    whole::echo_twice(listen.ports[0]);
}

/// nghttpx 1.52 keeps the end of the client's side to itself, so a target that waits for it waits for ever.
#[test]
fn the_end_of_this_side_does_not_arrive() {
    let serve = Serve::start();
    let proxy = Nghttpx::clear(serve.port);
    let target = Target::answers_after_eof(1, 1);
    let line = connect(["-i", "1", "-x", &proxy.url("h2c"), &target.addr()])
        .stdin("hello")
        .run()
        .expect_failure(28);
    assert!(line.contains("5 bytes sent and 0 received"), "{line}");
}

#[test]
fn connect_to_one_that_ends_first() {
    let serve = Serve::start();
    let proxy = Nghttpx::clear(serve.port);
    let target = Target::ends_first(7, 3000);
    let output = connect(["-x", &proxy.url("h2c"), &target.addr()])
        .feed(Feed::Open(Vec::new()))
        .run()
        .expect_clean();
    assert_eq!(output.stdout, pattern(7, 3000));
}

/// It resets the stream right after the target's end, which comes whole; what is sent later is lost.
#[test]
fn target_ends_first() {
    let serve = Serve::start();
    let proxy = Nghttpx::clear(serve.port);
    let target = whole::ends_first();
    let listen = whole::listen(&["-x", &proxy.url("h2c")], &target);
    whole::target_ends_first_and_loses(listen.ports[0], "nghttpx");
}

#[test]
fn a_target_that_refuses_is_103() {
    let serve = Serve::start();
    let proxy = Nghttpx::clear(serve.port);
    let closed = ClosedPort::new();
    let line = connect(["-x", &proxy.url("h2c"), &closed.addr()])
        .run()
        .expect_failure(103);
    assert!(line.contains("502"), "{line}");
}
