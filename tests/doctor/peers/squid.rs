//! squid: CONNECT over HTTP/1.1, and rules for everything.

use super::expect::{Absent, NULL, Present, Rows, doctor, is, not, says};
use crate::support::Target;
use crate::support::peers::{LOGIN, Squid};
use serde_json::json;

#[test]
fn squid_that_allows_all() {
    let squid = Squid::start();
    let target = Target::echo();
    let report = doctor(&["-x", &squid.url, "--eof", &target.addr()]);
    report.expect_no_login(0);
    report.expect(
        0,
        &[
            ("proxy", is(squid.url.as_str())),
            ("target", is(target.addr())),
            ("tls", NULL),
            // http_access allow all.
            ("ways.h1.verdict", is("open")),
            ("ways.h1.status", is(200)),
            ("ways.h1.setup_ms.total", Present),
            // squid 5 has no HTTP/2, and answers its preface with 400 ERR_INVALID_URL.
            ("ways.h2.verdict", is("unsupported")),
            ("ways.h2-post.verdict", is("unsupported")),
            // http_port without `accel`: a request must name a whole URL.
            ("ways.h1-post.verdict", is("unsupported")),
            ("ways.h1-post.status", is(400)),
            // No rule on ports. It makes 500 ERR_CANNOT_FORWARD of a name that its resolver does not answer for.
            ("ports.443.verdict", is("not_refused")),
            ("ports.80.verdict", is("not_refused")),
            ("ports.22.verdict", is("not_refused")),
            ("ports.8443.verdict", is("not_refused")),
            ("ports.22.status", is(500)),
            // `Server` and `Via` of its error pages: visible_hostname, version.
            ("identity.product", is("squid")),
            ("identity.server", says("squid/")),
            ("identity.via", says("squid.test (squid/")),
            // No ssl_bump.
            ("interception.verdict", is("none")),
            // It closes both sides when one of them ends (half_closed_clients is off), whichever it is, and a reset
            // is an end to it, like any other.
            ("ends.h1.client_first", is("reply_lost")),
            ("ends.h1.target_first", is("cut")),
            ("ends.h1.target_reset", is("clean_end")),
            ("ends.h1.client_reset", is("clean_end")),
            ("ends.h2", Absent),
            ("findings.half_close_lost", Present),
            ("findings.truncation_hidden", Present),
            ("findings.reset_hidden", Present),
            ("findings.connect_refused", Absent),
            ("findings.port_refused", Absent),
            ("idle", NULL),
            ("best.carrier", is("h1")),
            ("best.command", says("tuncat connect")),
            ("best.command", says(squid.url.as_str())),
            ("best.ssh_config", says("ProxyCommand tuncat connect")),
            ("best.ssh_config", says("%h %p")),
        ],
    );
}

/// As the `squid.conf` of Debian has it.
#[test]
fn squid_that_allows_one_port() {
    let squid = Squid::with(
        "acl SSL_ports port 443\n\
         acl CONNECT method CONNECT\n\
         http_access deny CONNECT !SSL_ports\n\
         http_access allow all\n",
    );
    let ports: Rows = &[
        ("ports.443.verdict", is("not_refused")),
        ("ports.80.verdict", is("refused")),
        ("ports.22.verdict", is("refused")),
        ("ports.22.status", is(403)),
        ("ports.8443.verdict", is("refused")),
    ];
    let target = Target::echo();
    let report = doctor(&["-x", &squid.url, &target.addr()]);
    report.expect(101, ports);
    let own = format!("ports.{}.verdict", target.port);
    report.expect(
        101,
        &[
            ("ways.h1.verdict", is("refused")),
            ("ways.h1.status", is(403)),
            ("ways.h1.setup_ms", NULL),
            (own.as_str(), is("refused")),
            ("findings.port_refused", Present),
            ("best", NULL),
            ("ask", says(target.addr())),
        ],
    );
    assert_eq!(target.accepted(), 0);

    // Nothing is asked for, so it is enough that CONNECT gets as far as the name, on the port that is allowed.
    let report = doctor(&["-x", &squid.url]);
    report.expect(0, ports);
    report.expect(
        0,
        &[
            ("target", NULL),
            ("ways.h1.verdict", is("spoken")),
            ("best.carrier", is("h1")),
        ],
    );
}

/// The target's port and no other, so doctor's own target cannot be reached: what it would have told stays unknown, and
/// is not made up.
#[test]
fn squid_that_allows_nothing_but_the_target() {
    let target = Target::echo();
    let port = target.port;
    let squid = Squid::with(&format!(
        "acl there port {port}\n\
         http_access deny !there\n\
         http_access allow all\n"
    ));
    let report = doctor(&["-x", &squid.url, "--eof", "--idle", "1", &target.addr()]);
    let own = format!("ports.{port}.verdict");
    report.expect(
        0,
        &[
            ("ways.h1.verdict", is("open")),
            (own.as_str(), is("open")),
            ("ports.443.verdict", is("refused")),
            ("ports.22.verdict", is("refused")),
            ("interception.verdict", is("unknown")),
            ("ends.h1.client_first", is("unknown")),
            ("ends.h1.target_first", is("unknown")),
            ("ends.h1.target_reset", is("unknown")),
            ("ends.h1.client_reset", is("unknown")),
            ("idle.h1.verdict", not("alive")),
            ("idle.h1.verdict", not("cut")),
            ("findings.oracle_unreachable", Present),
            ("findings.half_close_lost", Absent),
            ("findings.idle_cut", Absent),
            ("findings.connect_refused", Absent),
            ("best.carrier", is("h1")),
        ],
    );
}

/// `auth_param basic`, `http_access deny all` for everybody else.
#[test]
fn squid_that_asks_for_a_login() {
    let squid = Squid::with_login(LOGIN);
    let target = Target::echo();
    let sent = || {
        let log = squid.access_log();
        log.lines().filter(|line| line.contains(" user ")).count()
    };

    let report = doctor(&["-x", &squid.url, &target.addr()]);
    report.expect(
        67,
        &[
            ("auth.required", is(true)),
            // auth_param basic realm test.
            ("auth.challenges", is(json!(["Basic realm=\"test\""]))),
            ("auth.sent", is(false)),
            ("auth.accepted", NULL),
            ("ways.h1.verdict", is("auth_required")),
            ("ways.h1.status", is(407)),
            // The rules come before the name, so nothing is known of ports.
            ("ports.22.verdict", not("refused")),
            ("ports.22.verdict", not("not_refused")),
            ("findings.auth_required", Present),
            ("findings.auth_failed", Absent),
            ("findings.port_refused", Absent),
            ("best", NULL),
            ("identity.product", is("squid")),
        ],
    );
    assert_eq!(sent(), 0);

    let report = doctor(&["-x", &squid.url, "-U", "user:wrong", &target.addr()]);
    report.expect(
        67,
        &[
            ("auth.required", is(true)),
            ("auth.challenges", is(json!(["Basic realm=\"test\""]))),
            ("auth.sent", is(true)),
            ("auth.accepted", is(false)),
            ("ways.h1.verdict", is("auth_required")),
            ("findings.auth_failed", Present),
            ("best", NULL),
        ],
    );
    assert_eq!(
        sent(),
        1,
        "at most one failed login:\n{}",
        squid.access_log()
    );
    assert_eq!(target.accepted(), 0);

    let report = doctor(&["-x", &squid.url, "-U", "user:pass", &target.addr()]);
    report.expect(
        0,
        &[
            ("auth.sent", is(true)),
            ("auth.accepted", is(true)),
            ("ways.h1.verdict", is("open")),
            ("findings.auth_failed", Absent),
            ("best.carrier", is("h1")),
            ("best.command", says("-U user")),
        ],
    );
    let command = report.at("best.command").expect("a command").to_string();
    assert!(!command.contains("pass "), "no password: {command}");
}
