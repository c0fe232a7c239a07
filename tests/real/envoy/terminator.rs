//! tuncat opens the tunnels, Envoy ends them.

use super::WHO;
use crate::real::whole;
use crate::support::peers::{Certificate, Envoy};
use crate::support::{ClosedPort, Feed, Pattern, Target, connect, pattern};
use socket2::SockRef;
use std::io::{Read, Write};
use std::time::Duration;

/// An Envoy that ends tunnels at a target, and the options to reach it.
struct Way {
    _envoy: Envoy,
    _certificate: Option<Certificate>,
    args: Vec<String>,
    carrier: &'static str,
}

type Start = fn(&Target) -> Way;

fn h1(target: &Target) -> Way {
    clear(target, "http", "h1")
}

fn h2c(target: &Target) -> Way {
    clear(target, "h2c", "h2")
}

fn h2_tls(target: &Target) -> Way {
    let certificate = Certificate::new();
    let envoy = Envoy::terminating_tls(target.port, &certificate);
    let args = ["-x", &envoy.url("https"), "--cacert", &certificate.cert()];
    Way {
        args: args.map(str::to_owned).into(),
        carrier: "h2",
        _certificate: Some(certificate),
        _envoy: envoy,
    }
}

fn clear(target: &Target, scheme: &str, carrier: &'static str) -> Way {
    let envoy = Envoy::terminating(target.port);
    Way {
        args: vec!["-x".to_owned(), envoy.url(scheme)],
        carrier,
        _certificate: None,
        _envoy: envoy,
    }
}

impl Way {
    fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }
}

fn connect_to_echo(start: Start) {
    let target = Target::echo();
    let way = start(&target);
    whole::connect_to_echo(&way.args(), way.carrier, &target);
}

fn connect_and_end_first(start: Start) {
    let target = whole::answers_after_eof();
    let way = start(&target);
    whole::connect_and_end_first(&way.args(), way.carrier, &target);
}

fn listen_to_echo(start: Start) {
    let target = Target::echo();
    let way = start(&target);
    let listen = whole::listen(&way.args(), &target);
    whole::echo_twice(listen.ports[0]);
}

fn listen_and_client_ends_first(start: Start) {
    let target = whole::answers_after_eof();
    let way = start(&target);
    let listen = whole::listen(&way.args(), &target);
    whole::client_ends_first(listen.ports[0], &target);
}

/// Envoy resets an HTTP/2 tunnel (INTERNAL_ERROR) when the target ends before the client, and drops what it has not
/// sent yet. Here that is told, and never taken for an end.
fn target_ends_first(start: Start) {
    let target = whole::ends_first();
    let way = start(&target);
    whole::connect_to_one_that_ends_first_and_may_be_cut(&way.args(), &target);
    let listen = whole::listen(&way.args(), &target);
    whole::target_ends_first_and_may_be_cut(listen.ports[0]);
}

/// What it can send at once arrives whole, with the end, and then comes a reset (NO_ERROR) that takes nothing back.
fn target_ends_first_after_few_bytes(start: Start) {
    const FEW: u64 = 3000;
    let target = Target::ends_first(7, FEW);
    let way = start(&target);
    let output = connect(way.args())
        .arg(target.addr())
        .feed(Feed::Open(Vec::new()))
        .run()
        .expect_clean();
    assert_eq!(output.stdout_sha256, Pattern::sha256(7, FEW));
}

#[test]
fn connect_to_echo_h1() {
    connect_to_echo(h1);
}

#[test]
fn connect_to_echo_h2c() {
    connect_to_echo(h2c);
}

#[test]
fn connect_to_echo_h2_tls() {
    connect_to_echo(h2_tls);
}

/// Envoy closes both sides of an HTTP/1.1 tunnel when one of them ends. All that was sent arrives, the answer after the
/// end is lost, and the user gets a hint.
#[test]
fn connect_and_end_first_h1() {
    let target = whole::answers_after_eof();
    let way = h1(&target);
    whole::connect_and_end_first_and_lose(&way.args(), &target, WHO);
}

#[test]
fn connect_and_end_first_h2c() {
    connect_and_end_first(h2c);
}

#[test]
fn connect_and_end_first_h2_tls() {
    connect_and_end_first(h2_tls);
}

#[test]
fn listen_to_echo_h1() {
    listen_to_echo(h1);
}

#[test]
fn listen_to_echo_h2c() {
    listen_to_echo(h2c);
}

#[test]
fn listen_to_echo_h2_tls() {
    listen_to_echo(h2_tls);
}

/// As above.
#[test]
fn listen_and_client_ends_first_h1() {
    let target = whole::answers_after_eof();
    let way = h1(&target);
    let listen = whole::listen(&way.args(), &target);
    whole::client_ends_first_and_loses(listen.ports[0], &target, WHO);
}

#[test]
fn listen_and_client_ends_first_h2c() {
    listen_and_client_ends_first(h2c);
}

#[test]
fn listen_and_client_ends_first_h2_tls() {
    listen_and_client_ends_first(h2_tls);
}

/// The other way round: what is sent after the target's end does not arrive.
#[test]
fn listen_and_target_ends_first_h1() {
    let target = whole::ends_first();
    let way = h1(&target);
    let listen = whole::listen(&way.args(), &target);
    whole::target_ends_first_and_loses(listen.ports[0], WHO);
}

#[test]
fn target_ends_first_h2c() {
    target_ends_first(h2c);
}

#[test]
fn target_ends_first_h2_tls() {
    target_ends_first(h2_tls);
}

#[test]
fn target_ends_first_after_few_bytes_h1() {
    target_ends_first_after_few_bytes(h1);
}

#[test]
fn target_ends_first_after_few_bytes_h2c() {
    target_ends_first_after_few_bytes(h2c);
}

#[test]
fn target_ends_first_after_few_bytes_h2_tls() {
    target_ends_first_after_few_bytes(h2_tls);
}

#[test]
fn a_target_that_refuses_is_103() {
    let closed = ClosedPort::new();
    let envoy = Envoy::terminating(closed.port);
    for scheme in ["http", "h2c"] {
        let line = connect(["-x", &envoy.url(scheme), &closed.addr()])
            .run()
            .expect_failure(103);
        assert!(line.contains("503"), "{line}");
    }
}

/// On HTTP/2; on HTTP/1.1 Envoy makes an end of it.
#[test]
fn a_target_that_resets_is_56() {
    const SENT: usize = 1000;
    let target = Target::start(|stream, _| {
        (&stream).write_all(&pattern(3, SENT))?;
        (&stream).read_exact(&mut [0; 5])?;
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))
    });
    let way = h2c(&target);
    let output = connect(way.args())
        .arg(target.addr())
        .feed(Feed::Open(b"hello".to_vec()))
        .run();
    assert_eq!(output.stdout, pattern(3, SENT));
    output.expect_failure(56);
}
