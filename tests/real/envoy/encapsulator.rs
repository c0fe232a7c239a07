//! Envoy opens the tunnels, tuncat ends them.

use super::WHO;
use crate::real::whole;
use crate::support::peers::{Certificate, Envoy, Upstream};
use crate::support::{Serve, Target};

/// Two ends of tunnels to a target.
struct Way {
    envoy: Envoy,
    _serve: Serve,
    _certificate: Option<Certificate>,
}

type Start = fn(&Target) -> Way;

fn h1(target: &Target) -> Way {
    clear(target, Upstream::Http1)
}

fn h2c(target: &Target) -> Way {
    clear(target, Upstream::Http2)
}

fn h2_tls(target: &Target) -> Way {
    let certificate = Certificate::new();
    let serve = Serve::with(&["--cert", &certificate.cert(), "--key", &certificate.key()]);
    let upstream = Upstream::Http2Tls(&certificate);
    Way {
        envoy: Envoy::encapsulating(&target.addr(), serve.port, upstream),
        _serve: serve,
        _certificate: Some(certificate),
    }
}

fn clear(target: &Target, upstream: Upstream<'_>) -> Way {
    let serve = Serve::start();
    Way {
        envoy: Envoy::encapsulating(&target.addr(), serve.port, upstream),
        _serve: serve,
        _certificate: None,
    }
}

fn echo(start: Start) {
    let target = Target::echo();
    whole::echo_twice(start(&target).envoy.port);
}

fn client_ends_first(start: Start) {
    let target = whole::answers_after_eof();
    whole::client_ends_first(start(&target).envoy.port, &target);
}

fn target_ends_first(start: Start) {
    let target = whole::ends_first();
    whole::target_ends_first(start(&target).envoy.port, &target);
}

#[test]
fn echo_h1() {
    echo(h1);
}

#[test]
fn echo_h2c() {
    echo(h2c);
}

#[test]
fn echo_h2_tls() {
    echo(h2_tls);
}

/// Envoy closes both sides of an HTTP/1.1 tunnel when one of them ends: the answer after the end is lost.
#[test]
fn client_ends_first_h1() {
    let target = whole::answers_after_eof();
    let way = h1(&target);
    whole::client_ends_first_and_loses(way.envoy.port, &target, WHO);
}

#[test]
fn client_ends_first_h2c() {
    client_ends_first(h2c);
}

#[test]
fn client_ends_first_h2_tls() {
    client_ends_first(h2_tls);
}

/// For the same reason, what is sent after the far side's end does not arrive.
#[test]
fn target_ends_first_h1() {
    let target = whole::ends_first();
    let way = h1(&target);
    whole::target_ends_first_and_loses(way.envoy.port, WHO);
}

#[test]
fn target_ends_first_h2c() {
    target_ends_first(h2c);
}

#[test]
fn target_ends_first_h2_tls() {
    target_ends_first(h2_tls);
}
