//! Envoy opens tunnels by POST (`use_post`), tuncat ends them.

use super::WHO;
use crate::real::whole;
use crate::support::peers::{Certificate, Envoy, Upstream};
use crate::support::{Serve, Target};
use std::io::ErrorKind;

/// Two ends of tunnels to a target.
struct Way {
    envoy: Envoy,
    _serve: Serve,
    _certificate: Option<Certificate>,
}

/// What names the target.
#[derive(Clone, Copy)]
enum Name {
    Authority,
    Path,
    Forward,
}

use Name::{Authority, Forward, Path};

type Start = fn(&Target, Name) -> Way;

const ALL: [Start; 3] = [h1, h2c, h2_tls];

fn h1(target: &Target, name: Name) -> Way {
    way(target, name, None, |_| Upstream::Http1)
}

fn h2c(target: &Target, name: Name) -> Way {
    way(target, name, None, |_| Upstream::Http2)
}

fn h2_tls(target: &Target, name: Name) -> Way {
    let certificate = Some(Certificate::new());
    way(target, name, certificate, |certificate| {
        Upstream::Http2Tls(certificate.expect("a certificate"))
    })
}

fn way(
    target: &Target,
    name: Name,
    certificate: Option<Certificate>,
    upstream: fn(Option<&Certificate>) -> Upstream<'_>,
) -> Way {
    let addr = target.addr();
    let path = format!("/.well-known/masque/tcp/127.0.0.1/{}/", target.port);
    let (authority, path, forward) = match name {
        Authority => (addr.as_str(), "/tunnel", None),
        Path => ("proxy.test", path.as_str(), None),
        Forward => ("proxy.test", "/", Some(["--forward", &addr])),
    };
    let files = certificate.as_ref().map(|c| [c.cert(), c.key()]);
    let mut args: Vec<&str> = forward.into_iter().flatten().collect();
    if let Some([cert, key]) = &files {
        args.extend(["--cert", cert, "--key", key]);
    }
    let serve = Serve::with(&args);
    let envoy = Envoy::posting(authority, path, serve.port, upstream(certificate.as_ref()));
    Way {
        envoy,
        _serve: serve,
        _certificate: certificate,
    }
}

#[test]
fn echo_h1() {
    let target = Target::echo();
    whole::echo_twice(h1(&target, Authority).envoy.port);
}

#[test]
fn every_name_on_every_version() {
    for start in ALL {
        for name in [Authority, Path, Forward] {
            let target = Target::echo();
            whole::dialogue(start(&target, name).envoy.port);
            assert_eq!(target.accepted(), 1);
        }
    }
}

/// Envoy closes both sides of an HTTP/1.1 tunnel when one of them ends: the answer after the end is lost.
#[test]
fn client_ends_first_h1() {
    let target = whole::answers_after_eof();
    let way = h1(&target, Authority);
    whole::client_ends_first_and_loses(way.envoy.port, &target, WHO);
}

#[test]
fn client_ends_first_h2() {
    for start in [h2c, h2_tls] {
        let target = whole::answers_after_eof();
        whole::client_ends_first(start(&target, Path).envoy.port, &target);
    }
}

/// For the same reason, what is sent after the far side's end does not arrive; and more often than not Envoy 1.40
/// crashes (SIGSEGV) when a `use_post` tunnel ends so. What has arrived by then is right.
#[test]
fn target_ends_first_h1() {
    let target = whole::ends_first();
    let way = h1(&target, Authority);
    whole::target_ends_first_and_may_break_everything(way.envoy.port);
}

#[test]
fn target_ends_first_h2() {
    for start in [h2c, h2_tls] {
        let target = whole::ends_first();
        whole::target_ends_first(start(&target, Path).envoy.port, &target);
    }
}

/// `serve` leaves out the last chunk and resets; on HTTP/1.1 Envoy makes an end of that, on HTTP/2 it hands it on.
#[test]
fn a_target_that_resets() {
    for (start, expected) in [
        (ALL[0], None),
        (ALL[1], Some(ErrorKind::ConnectionReset)),
        (ALL[2], Some(ErrorKind::ConnectionReset)),
    ] {
        let target = Target::resets(3, 1000);
        let way = start(&target, Authority);
        let end = whole::target_resets(way.envoy.port, 3, 1000);
        assert_eq!(end.err().map(|error| error.kind()), expected);
    }
}

/// The target sees that its client broke off.
#[test]
fn a_client_that_resets() {
    for start in ALL {
        let (target, ends) = Target::watcher(b"!");
        let way = start(&target, Authority);
        let kind = whole::client_resets(way.envoy.port, &ends);
        assert_eq!(kind, Some(ErrorKind::ConnectionReset));
    }
}
