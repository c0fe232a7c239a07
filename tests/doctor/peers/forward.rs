//! tinyproxy and Apache: CONNECT over HTTP/1.1.

use super::expect::{Absent, NULL, Present, doctor, is, says};
use crate::support::Target;
use crate::support::peers::{Apache, Tinyproxy};

#[test]
fn tinyproxy_that_allows_all() {
    let tinyproxy = Tinyproxy::start();
    let target = Target::echo();
    let report = doctor(&["-x", &tinyproxy.url, "--eof", &target.addr()]);
    report.expect_no_login(0);
    report.expect(
        0,
        &[
            ("ways.h1.verdict", is("open")),
            ("ways.h1.status", is(200)),
            // It has HTTP/1 only.
            ("ways.h2.verdict", is("unsupported")),
            ("ways.h2-post.verdict", is("unsupported")),
            // No ReversePath: a request must name a whole URL.
            ("ways.h1-post.verdict", is("unsupported")),
            ("ways.h1-post.status", is(400)),
            // No ConnectPort. It says 500 "Unable to connect" of a name that does not exist.
            ("ports.443.verdict", is("not_refused")),
            ("ports.22.verdict", is("not_refused")),
            ("ports.22.status", is(500)),
            ("identity.product", is("tinyproxy")),
            ("identity.proxy_agent", says("tinyproxy/")),
            ("interception.verdict", is("none")),
            // It closes both sides when one of them ends or is reset.
            ("ends.h1.client_first", is("reply_lost")),
            ("ends.h1.target_first", is("cut")),
            ("ends.h1.target_reset", is("clean_end")),
            ("ends.h1.client_reset", is("clean_end")),
            ("findings.half_close_lost", Present),
            ("best.carrier", is("h1")),
        ],
    );
}

/// `ConnectPort 443`.
#[test]
fn tinyproxy_that_allows_one_port() {
    let tinyproxy = Tinyproxy::only_port(443);
    let target = Target::echo();
    let report = doctor(&["-x", &tinyproxy.url, &target.addr()]);
    let own = format!("ports.{}.verdict", target.port);
    report.expect(
        101,
        &[
            ("ways.h1.verdict", is("refused")),
            ("ways.h1.status", is(403)),
            ("ports.443.verdict", is("not_refused")),
            ("ports.80.verdict", is("refused")),
            ("ports.22.verdict", is("refused")),
            ("ports.8443.verdict", is("refused")),
            (own.as_str(), is("refused")),
            ("findings.port_refused", Present),
            ("best", NULL),
            ("ask", says(target.addr())),
        ],
    );
    assert_eq!(target.accepted(), 0);

    // 500 "Unable to connect" to a name that does not exist, on the port that is allowed: CONNECT is.
    let report = doctor(&["-x", &tinyproxy.url]);
    report.expect(
        0,
        &[
            ("ways.h1.verdict", is("spoken")),
            ("ways.h1.status", is(500)),
            ("ports.443.verdict", is("not_refused")),
            ("ports.22.verdict", is("refused")),
            ("findings.connect_refused", Absent),
            ("best.carrier", is("h1")),
        ],
    );
}

#[test]
fn apache_that_allows_the_port() {
    let target = Target::echo();
    // AllowCONNECT takes ranges, and this one has the oracle's port in it.
    let apache = Apache::allowing_ports("1-65535");
    let report = doctor(&["-x", &apache.url, "--eof", &target.addr()]);
    report.expect_no_login(0);
    report.expect(
        0,
        &[
            ("ways.h1.verdict", is("open")),
            ("ways.h1.status", is(200)),
            // mod_http2 is not loaded.
            ("ways.h2.verdict", is("unsupported")),
            ("ways.h2-post.verdict", is("unsupported")),
            // A request without a whole URL is for a file of its own, and there is none; it answers once it has the
            // request's content.
            ("ways.h1-post.verdict", is("unsupported")),
            ("ways.h1-post.status", is(404)),
            ("identity.product", is("apache")),
            ("identity.proxy_agent", says("Apache/")),
            ("interception.verdict", is("none")),
            // mod_proxy_connect copies each way to its own end; that an end was a reset gets lost.
            ("ends.h1.client_first", is("kept")),
            ("ends.h1.target_first", is("kept")),
            ("ends.h1.target_reset", is("clean_end")),
            ("ends.h1.client_reset", is("clean_end")),
            ("findings.half_close_lost", Absent),
            ("findings.reset_hidden", Present),
            ("best.carrier", is("h1")),
        ],
    );
}

/// `AllowCONNECT 443`. mod_proxy_connect looks the name up before it looks at the port, so a name that does not exist
/// tells nothing about ports: 502 for all of them.
#[test]
fn apache_that_allows_one_port() {
    let target = Target::echo();
    let apache = Apache::allowing(443);
    let report = doctor(&["-x", &apache.url, &target.addr()]);
    let own = format!("ports.{}.verdict", target.port);
    report.expect(
        101,
        &[
            ("ways.h1.verdict", is("refused")),
            ("ways.h1.status", is(403)),
            // Whether it is the port or the host, only Apache knows.
            (own.as_str(), is("unknown")),
            ("ports.443.verdict", is("unknown")),
            ("ports.80.verdict", is("unknown")),
            ("ports.22.verdict", is("unknown")),
            ("ports.22.status", is(502)),
            ("findings.connect_refused", Present),
            ("findings.port_refused", Absent),
            ("best", NULL),
            ("ask", says(target.addr())),
        ],
    );
    assert_eq!(target.accepted(), 0);

    // Nor is anything claimed without a target, where doctor's own is refused.
    let report = doctor(&["-x", &apache.url]);
    report.expect(
        0,
        &[
            ("ways.h1.verdict", is("spoken")),
            ("ports.443.verdict", is("unknown")),
            ("ports.22.verdict", is("unknown")),
            ("findings.port_refused", Absent),
        ],
    );
}
