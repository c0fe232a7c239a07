//! Proxies that speak HTTP/2: nghttpx, Envoy, `tuncat serve`, node.

use super::expect::{Absent, NULL, Present, doctor, is, not, says};
use crate::support::peers::{Envoy, Nghttpx, NodeServer, Origin, Squid};
use crate::support::{Serve, Target};
use serde_json::json;

/// A forward proxy for HTTP/1.1 and HTTP/2 on one port, which hands every request on to squid.
#[test]
fn nghttpx_in_front_of_squid() {
    let squid = Squid::start();
    let proxy = Nghttpx::clear(squid.port);
    let target = Target::echo();
    let report = doctor(&["-x", &proxy.url("http"), "--eof", &target.addr()]);
    report.expect(
        0,
        &[
            ("ways.h1.verdict", is("open")),
            ("ways.h2.verdict", is("open")),
            ("ways.h2.status", is(200)),
            // --http2-proxy: a request must name a whole URL.
            ("ways.h1-post.verdict", is("unsupported")),
            ("ways.h1-post.status", is(400)),
            // It adds itself to `Via`.
            ("identity.via", says("nghttpx")),
            ("identity.product", is("nghttpx")),
            ("interception.verdict", is("none")),
            // It keeps the end of a stream to itself.
            ("ends.h2.client_first", is("stalled")),
            ("ends.h2.target_first", is("cut")),
            // The end of a connection ends all.
            ("ends.h1.client_first", is("reply_lost")),
            ("ends.h1.target_first", is("cut")),
            ("ends.h1.target_reset", is("clean_end")),
            ("ends.h1.client_reset", is("clean_end")),
            ("findings.half_close_lost", Present),
            ("best.carrier", Present),
        ],
    );
}

/// squid's answer comes through.
#[test]
fn nghttpx_in_front_of_a_squid_that_allows_one_port() {
    let squid = Squid::with(
        "acl SSL_ports port 443\n\
         http_access deny CONNECT !SSL_ports\n\
         http_access allow all\n",
    );
    let proxy = Nghttpx::clear(squid.port);
    let target = Target::echo();
    let report = doctor(&["-x", &proxy.url("h2c"), &target.addr()]);
    report.expect(
        101,
        &[
            ("ways.h2.verdict", is("refused")),
            ("ways.h2.status", is(403)),
            ("ports.443.verdict", is("not_refused")),
            ("ports.22.verdict", is("refused")),
            ("findings.port_refused", Present),
            ("best", NULL),
        ],
    );
}

/// Envoy ends every tunnel at one place, whatever the request names (a cluster with one address). So nothing that is
/// learnt by way of other targets is true, and what is sent to them comes to that place: nothing may, but for the first
/// octets of a handshake.
#[test]
fn envoy_that_ends_tunnels_at_one_place() {
    let (target, ends) = Target::watcher(b"");
    let envoy = Envoy::terminating(target.port);
    let report = doctor(&["-x", &envoy.url("http"), "--eof", &target.addr()]);
    report.expect(
        0,
        &[
            // codec_type AUTO, connect_matcher, allow_connect, allow_post.
            ("ways.h1.verdict", is("open")),
            ("ways.h2.verdict", is("open")),
            ("ways.h1-post.verdict", is("open")),
            ("ways.h2-post.verdict", is("open")),
            ("identity.server", is("envoy")),
            ("identity.product", is("envoy")),
            ("auth.required", is(false)),
            ("interception.verdict", is("unknown")),
            ("ends.h1.client_first", is("unknown")),
            ("ends.h2.target_first", is("unknown")),
            ("buffering.h1-post.request", not("until_bytes")),
            ("ports.22.verdict", not("refused")),
            ("findings.oracle_unreachable", Present),
            ("findings.half_close_lost", Absent),
            ("best.carrier", is("h2")),
        ],
    );
    for _ in 0..target.accepted() {
        let (bytes, _) = ends.recv().expect("the end of a connection");
        // A record of TLS (RFC 8446 §5.1) with a client's hello in it, and no more.
        let hello = match bytes[..] {
            [22, 3, _, high, low, 1, ..] => 5 + usize::from(u16::from_be_bytes([high, low])),
            _ => 0,
        };
        assert_eq!(bytes.len(), hello, "the target was sent {bytes:?}");
    }
}

/// The certificate that shows inside the tunnel is then another one than doctor's own, and nobody has looked in.
#[test]
fn envoy_that_ends_tunnels_at_a_tls_server() {
    let origin = Origin::start("127.0.0.1");
    let envoy = Envoy::terminating(origin.port());
    let report = doctor(&["-x", &envoy.url("h2c"), "host.example:443"]);
    report.expect(
        0,
        &[
            ("ways.h2.verdict", is("open")),
            ("interception.verdict", not("intercepted")),
            ("interception.verdict", not("none")),
            ("findings.tls_intercepted", Absent),
        ],
    );
}

/// Everything is there, and nothing is lost.
#[test]
fn serve() {
    let serve = Serve::start();
    let target = Target::echo();
    let report = doctor(&["-x", &serve.url, "--eof", &target.addr()]);
    report.expect(
        0,
        &[
            ("ways.h1.verdict", is("open")),
            ("ways.h2.verdict", is("open")),
            ("ways.h1-post.verdict", is("open")),
            ("ways.h2-post.verdict", is("open")),
            ("identity.product", is("tuncat")),
            ("identity.proxy_agent", says("tuncat/")),
            ("interception.verdict", is("none")),
            ("buffering.h1-post.request", is("none")),
            ("buffering.h1-post.answer", is("none")),
            ("buffering.h2-post.request", is("none")),
            ("buffering.h2-post.answer", is("none")),
            ("findings.half_close_lost", Absent),
            ("findings.reset_hidden", Absent),
            ("findings.truncation_hidden", Absent),
            ("best.carrier", is("h2")),
        ],
    );
    for carrier in ["h1", "h2", "h1-post", "h2-post"] {
        let at = |end: &str| format!("ends.{carrier}.{end}");
        report.expect(
            0,
            &[
                (at("client_first").as_str(), is("kept")),
                (at("target_first").as_str(), is("kept")),
                (at("target_reset").as_str(), is("reset")),
                (at("client_reset").as_str(), is("reset")),
            ],
        );
    }
}

/// Its HTTP/2 server in the clear takes no HTTP/1: it sends its SETTINGS and closes.
#[test]
fn node_that_speaks_http2_alone() {
    let script = include_str!("../../real/node/server.js");
    let proxy = NodeServer::clear(script, &json!({ "act": "tunnel" }));
    let target = Target::echo();
    let report = doctor(&["-x", &proxy.url("http"), &target.addr()]);
    report.expect(
        0,
        &[
            ("ways.h2.verdict", is("open")),
            ("ways.h1.verdict", not("open")),
            ("ways.h1.verdict", not("refused")),
            ("ways.h1.status", NULL),
            ("best.carrier", is("h2")),
            // `http://` alone would not say that it is HTTP/2.
            ("best.command", says("h2")),
        ],
    );
}
