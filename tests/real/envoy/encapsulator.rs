//! Envoy opens the tunnels, tuncat ends them.

use super::WHO;
use crate::real::whole;
use crate::support::peers::{Certificate, Envoy, Upstream};
use crate::support::{Serve, Target};

/// A target, and an Envoy whose port leads to it.
struct Way {
    envoy: Envoy,
    _serve: Serve,
    _certificate: Option<Certificate>,
    target: Target,
}

type Start = fn(Target) -> Way;

fn h1(target: Target) -> Way {
    clear(target, Upstream::Http1)
}

fn h2c(target: Target) -> Way {
    clear(target, Upstream::Http2)
}

fn h2_tls(target: Target) -> Way {
    let certificate = Certificate::new();
    let serve = Serve::with(&["--cert", &certificate.cert(), "--key", &certificate.key()]);
    let upstream = Upstream::Http2Tls(&certificate);
    Way {
        envoy: Envoy::encapsulating(&target.addr(), serve.port, upstream),
        _serve: serve,
        _certificate: Some(certificate),
        target,
    }
}

fn clear(target: Target, upstream: Upstream<'_>) -> Way {
    let serve = Serve::start();
    Way {
        envoy: Envoy::encapsulating(&target.addr(), serve.port, upstream),
        _serve: serve,
        _certificate: None,
        target,
    }
}

mod h1 {
    each!(super::h1; echo client_ends_first_and_loses target_ends_first_and_loses);
}

mod h2c {
    each!(super::h2c; echo client_ends_first target_ends_first);
}

mod h2_tls {
    each!(super::h2_tls; echo client_ends_first target_ends_first);
}

fn echo(start: Start) {
    let way = start(Target::echo());
    whole::echo_twice(way.envoy.port);
}

fn client_ends_first(start: Start) {
    let way = start(whole::answers_after_eof());
    whole::client_ends_first(way.envoy.port, &way.target);
}

/// Envoy closes both sides of an HTTP/1.1 tunnel when one of them ends: the answer after the end is lost.
fn client_ends_first_and_loses(start: Start) {
    let way = start(whole::answers_after_eof());
    whole::client_ends_first_and_loses(way.envoy.port, &way.target, WHO);
}

fn target_ends_first(start: Start) {
    let way = start(whole::ends_first());
    whole::target_ends_first(way.envoy.port, &way.target);
}

/// For the same reason, what is sent after the far side's end does not arrive.
fn target_ends_first_and_loses(start: Start) {
    let way = start(whole::ends_first());
    whole::target_ends_first_and_loses(way.envoy.port, WHO);
}
