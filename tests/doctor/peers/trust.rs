//! Certificates: of a proxy behind a private authority, and of a proxy that looks into TLS.

use super::expect::{Absent, NULL, Present, doctor, is, not, says};
use crate::support::peers::{Authority, Certificate, Mitmproxy, Origin, Squid};
use crate::support::{Serve, Target};
use serde_json::Value;

const NAME: &str = "Example Works Root";

#[test]
fn a_proxy_behind_a_private_authority() {
    let authority = Authority::named(NAME);
    let certificate = authority.issue("127.0.0.1");
    let files = (certificate.cert(), certificate.key());
    let serve = Serve::with(&["--cert", &files.0, "--key", &files.1]);
    let target = Target::echo();

    let report = doctor(&["-x", &serve.url, &target.addr()]);
    report.expect(
        60,
        &[
            ("tls.trusted", is(false)),
            ("tls.issuer", says(NAME)),
            ("tls.problem", not(Value::Null)),
            // Nothing is asked, nor any password sent, where nobody vouches for who it is.
            ("ways.h1.status", NULL),
            ("ways.h2.status", NULL),
            ("findings.certificate_not_trusted", Present),
            ("findings.certificate_not_trusted.hint", says("--cacert")),
            ("best", NULL),
        ],
    );
    assert_eq!(target.accepted(), 0);

    let root = authority.root();
    let report = doctor(&["-x", &serve.url, "--cacert", &root, &target.addr()]);
    report.expect(
        0,
        &[
            ("tls.trusted", is(true)),
            ("tls.issuer", says(NAME)),
            ("tls.problem", NULL),
            ("tls.version", is("TLSv1.3")),
            ("tls.alpn", is("h2")),
            ("ways.h1.verdict", is("open")),
            ("ways.h2.verdict", is("open")),
            ("findings.certificate_not_trusted", Absent),
            ("best.carrier", is("h2")),
            ("best.command", says("--cacert")),
        ],
    );
}

/// It makes up a certificate for every TLS server that a tunnel leads to; --ssl-insecure: whatever that one shows.
#[test]
fn mitmproxy_is_seen_inside_the_tunnel() {
    let mitmproxy = Mitmproxy::start();
    let target = Target::echo();
    let report = doctor(&["-x", &mitmproxy.url, &target.addr()]);
    report.expect(
        0,
        &[
            ("tls", NULL),
            ("ways.h1.verdict", is("open")),
            // It answers HTTP/2's preface with 400, as HTTP/1.1.
            ("ways.h2.verdict", is("unsupported")),
            // It answers 502 to a request that does not name a whole URL, once it has all of its content. That is no
            // word for POST tunnels.
            ("ways.h1-post.verdict", not("open")),
            ("ways.h1-post.verdict", not("spoken")),
            ("interception.verdict", is("intercepted")),
            // The subject of its CA.
            ("interception.issuer", says("mitmproxy")),
            ("findings.tls_intercepted", Present),
            ("findings.target_unreachable", Absent),
            ("identity.product", is("mitmproxy")),
            ("best.carrier", is("h1")),
        ],
    );
}

/// It takes only targets that are vouched for, here by one certificate that the oracle cannot have; then it shows a
/// certificate of its own all the same.
#[test]
fn mitmproxy_that_verifies_is_seen_too() {
    let other = Certificate::new();
    let mitmproxy = Mitmproxy::trusting(&other);
    let report = doctor(&["-x", &mitmproxy.url]);
    report.expect(
        0,
        &[
            ("interception.verdict", is("intercepted")),
            ("interception.issuer", says("mitmproxy")),
            ("findings.tls_intercepted", Present),
        ],
    );
}

/// `--allow-hosts`: it looks into nothing but what goes to the target. Doctor's own target does not show that, and the
/// target's certificate does.
#[test]
fn mitmproxy_that_looks_into_some_is_seen_at_the_target() {
    let origin = Origin::start("127.0.0.1");
    let hosts = format!(":{}$", origin.port());
    let mitmproxy = Mitmproxy::with(&["--ssl-insecure", "--allow-hosts", &hosts]);
    let there = ["--tls", "--direct", &origin.addr()];
    let report = doctor(&[&["-x", &mitmproxy.url], &there[..]].concat());
    report.expect(
        0,
        &[
            ("ways.h1.verdict", is("open")),
            ("interception.verdict", not("none")),
            ("interception.issuer", says("mitmproxy")),
            ("findings.tls_intercepted_likely", Present),
            ("direct.reachable", is(true)),
            ("direct.why", says("another certificate")),
        ],
    );

    // Where nobody looks, a certificate that nobody knows is no interception.
    let squid = Squid::start();
    let report = doctor(&[&["-x", &squid.url], &there[..]].concat());
    report.expect(
        0,
        &[
            ("interception.verdict", not("intercepted")),
            ("interception.verdict", not("likely")),
            ("findings.tls_intercepted", Absent),
            ("findings.tls_intercepted_likely", Absent),
            ("direct.why", says("the same certificate")),
        ],
    );
}
