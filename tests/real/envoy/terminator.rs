//! tuncat opens the tunnels, Envoy ends them.

use super::WHO;
use crate::real::whole;
use crate::support::peers::{Certificate, Envoy};
use crate::support::{ClosedPort, Feed, Listen, Pattern, Target, connect, pattern};
use socket2::SockRef;
use std::io::{Read, Write};
use std::time::Duration;

/// A target, an Envoy that ends tunnels there, and the options to reach it.
struct Way {
    _envoy: Envoy,
    _certificate: Option<Certificate>,
    args: Vec<String>,
    carrier: &'static str,
    target: Target,
}

type Start = fn(Target) -> Way;

fn h1(target: Target) -> Way {
    clear(target, "http", "h1")
}

fn h2c(target: Target) -> Way {
    clear(target, "h2c", "h2")
}

fn h2_tls(target: Target) -> Way {
    let certificate = Certificate::new();
    let envoy = Envoy::terminating_tls(target.port, &certificate);
    let args = ["-x", &envoy.url("https"), "--cacert", &certificate.cert()];
    Way {
        args: args.map(str::to_owned).into(),
        carrier: "h2",
        _certificate: Some(certificate),
        _envoy: envoy,
        target,
    }
}

fn clear(target: Target, scheme: &str, carrier: &'static str) -> Way {
    let envoy = Envoy::terminating(target.port);
    Way {
        args: vec!["-x".to_owned(), envoy.url(scheme)],
        carrier,
        _certificate: None,
        _envoy: envoy,
        target,
    }
}

impl Way {
    fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }

    fn listen(&self) -> Listen {
        whole::listen(&self.args(), &self.target)
    }
}

mod h1 {
    each!(super::h1;
        connect_to_echo connect_and_end_first_and_lose target_ends_first_after_few_bytes
        listen_to_echo listen_and_client_ends_first_and_loses listen_and_target_ends_first_and_loses);
}

mod h2c {
    each!(super::h2c;
        connect_to_echo connect_and_end_first target_ends_first_after_few_bytes
        listen_to_echo listen_and_client_ends_first target_ends_first);
}

mod h2_tls {
    each!(super::h2_tls;
        connect_to_echo connect_and_end_first target_ends_first_after_few_bytes
        listen_to_echo listen_and_client_ends_first target_ends_first);
}

fn connect_to_echo(start: Start) {
    let way = start(Target::echo());
    whole::connect_to_echo(&way.args(), way.carrier, &way.target);
}

fn connect_and_end_first(start: Start) {
    let way = start(whole::answers_after_eof());
    whole::connect_and_end_first(&way.args(), way.carrier, &way.target);
}

/// Envoy closes both sides of an HTTP/1.1 tunnel when one of them ends. All that was sent arrives, the answer after the
/// end is lost, and the user gets a hint.
fn connect_and_end_first_and_lose(start: Start) {
    let way = start(whole::answers_after_eof());
    whole::connect_and_end_first_and_lose(&way.args(), &way.target, WHO);
}

fn listen_to_echo(start: Start) {
    let way = start(Target::echo());
    whole::echo_twice(way.listen().ports[0]);
}

fn listen_and_client_ends_first(start: Start) {
    let way = start(whole::answers_after_eof());
    whole::client_ends_first(way.listen().ports[0], &way.target);
}

/// As [`connect_and_end_first_and_lose`].
fn listen_and_client_ends_first_and_loses(start: Start) {
    let way = start(whole::answers_after_eof());
    whole::client_ends_first_and_loses(way.listen().ports[0], &way.target, WHO);
}

/// The other way round: what is sent after the target's end does not arrive.
fn listen_and_target_ends_first_and_loses(start: Start) {
    let way = start(whole::ends_first());
    whole::target_ends_first_and_loses(way.listen().ports[0], WHO);
}

/// Envoy resets an HTTP/2 tunnel (INTERNAL_ERROR) when the target ends before the client, and drops what it has not
/// sent yet. Here that is told, and never taken for an end.
fn target_ends_first(start: Start) {
    let way = start(whole::ends_first());
    whole::connect_to_one_that_ends_first_and_may_be_cut(&way.args(), &way.target);
    whole::target_ends_first_and_may_be_cut(way.listen().ports[0]);
}

/// What it can send at once arrives whole, with the end, and then comes a reset (NO_ERROR) that takes nothing back.
fn target_ends_first_after_few_bytes(start: Start) {
    const FEW: u64 = 3000;
    let way = start(Target::ends_first(7, FEW));
    let output = connect(way.args())
        .arg(way.target.addr())
        .feed(Feed::Open(Vec::new()))
        .run()
        .expect_clean();
    assert_eq!(output.stdout_sha256, Pattern::sha256(7, FEW));
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
    let way = h2c(Target::start(|stream, _| {
        (&stream).write_all(&pattern(3, SENT))?;
        (&stream).read_exact(&mut [0; 5])?;
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))
    }));
    let output = connect(way.args())
        .arg(way.target.addr())
        .feed(Feed::Open(b"hello".to_vec()))
        .run();
    assert_eq!(output.stdout, pattern(3, SENT));
    output.expect_failure(56);
}
