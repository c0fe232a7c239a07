//! Answers other than 2xx, and answers that are none.

use crate::client::expect::{Failure, Row, Scene, TARGET, check_all, row};
use crate::client::peer::{OK, Peer};
use crate::support::{TIMEOUT, wait_for};
use std::thread;
use std::time::Instant;

const FORBIDDEN: &str = "the proxy's rules do not let you reach TARGET*";
const FAILED: &str = "the proxy failed*TARGET*";
const NO_CONNECT: &str = "check that this is a forward proxy that allows CONNECT";
const UNREACHABLE: &str = "the proxy could not reach TARGET; check name and port*";
const UNKNOWN: &str = "the proxy does not know the name in TARGET*";

/// A final answer with an empty body, and what it means.
fn answer(name: &'static str, status: &'static str, fields: &'static str, failure: Failure) -> Row {
    let scene = move || {
        Scene::through(Peer::answering(format!(
            "HTTP/1.1 {status}\r\n{fields}\r\n"
        )))
    };
    row(name, scene, failure)
}

#[rustfmt::skip] // A row a line.
pub fn rows() -> Vec<Row> {
    [refusals(), errors(), tokens(), authentication(), nonsense()].into_iter().flatten().collect()
}

#[rustfmt::skip]
fn refusals() -> Vec<Row> {
    let refused = |cause| Failure::refused(101, "proxy", cause);
    let unsupported = |cause| Failure::refused(102, "proxy", cause).hint(NO_CONNECT);
    let limited = |cause| Failure::refused(104, "proxy", cause);
    vec![
        answer("403", "403 Forbidden", "", refused("403 Forbidden").hint(FORBIDDEN)),
        answer("403 without a reason", "403", "", refused("403 Forbidden").hint(FORBIDDEN)),
        answer("404", "404 Not Found", "", refused("404 Not Found").hint(FORBIDDEN)),
        answer("408", "408 Request Timeout", "", refused("408 Request Timeout").hint("*")),
        answer("418", "418 I'm a teapot", "", refused("418 I'm a teapot").hint(FORBIDDEN)),
        answer("451", "451 Unavailable", "", refused("451 Unavailable").hint(FORBIDDEN)),
        answer("500", "500 Oops", "", refused("500 Oops").hint(FAILED)),
        answer("599", "599 Network", "", refused("599 Network").hint(FAILED)),
        answer("101", "101 Switching Protocols", "Upgrade: x\r\n", refused("101 Switching Protocols").hint("*")),
        answer("300", "300 Choices", "", refused("300 Choices").hint("redirects are not followed")),
        answer("304", "304 Not Modified", "", refused("304 Not Modified").hint("redirects are not followed")),
        answer("301", "301 Moved", "Location: https://login.test/?a=1\r\n",
            refused("301 Moved").hint("it points to \"https://login.test/?a=1\", which is not followed")),
        answer("302", "302 Found", "Location: /login\r\n",
            refused("302 Found").hint("it points to \"/login\", which is not followed")),
        answer("307", "307 Temporary Redirect", "Location: http://a/\x1b]0;x\x07\r\n",
            refused("307 Temporary Redirect").hint("it points to \"http://a/\\u{1b}]0;x\\u{7}\", which is not followed")),
        answer("308", "308 Permanent Redirect", "Location: http://a/\r\n",
            refused("308 Permanent Redirect").hint("it points to \"http://a/\", which is not followed")),
        answer("400", "400 Bad Request", "", unsupported("400 Bad Request")),
        answer("405", "405 Method Not Allowed", "Allow: GET\r\n", unsupported("405 Method Not Allowed")),
        answer("426", "426 Upgrade Required", "Upgrade: connect-tcp\r\n", unsupported("426 Upgrade Required")),
        answer("501", "501 Not Implemented", "", unsupported("501 Not Implemented")),
        answer("429", "429 Too Many Requests", "Retry-After: 120\r\n",
            limited("429 Too Many Requests").hint("try again after 120*")),
        answer("429 at a date", "429 Slow down", "Retry-After: Fri, 31 Dec 2027 23:59:59 GMT\r\n",
            limited("429 Slow down").hint("try again after Fri, 31 Dec 2027 23:59:59 GMT*")),
        answer("429 without a time", "429 Slow down", "", limited("429 Slow down").hint("try again later")),
    ]
}

#[rustfmt::skip]
fn errors() -> Vec<Row> {
    let unreachable = |cause| Failure::refused(103, "target", cause).hint(UNREACHABLE);
    vec![
        answer("502", "502 Bad Gateway", "", unreachable("502 Bad Gateway")),
        answer("503", "503 Service Unavailable", "", unreachable("503 Service Unavailable")),
        answer("504", "504 Gateway Timeout", "", unreachable("504 Gateway Timeout")),
        answer("refused", "502 Bad Gateway", "Proxy-Status: p; error=connection_refused\r\n",
            unreachable("502 Bad Gateway").token("connection_refused")),
        answer("terminated", "502 Bad Gateway", "proxy-status: \"a b\";error=connection_terminated; details=\"x\"\r\n",
            unreachable("502 Bad Gateway").token("connection_terminated")),
        answer("timeout", "504 Gateway Timeout", "Proxy-Status: p;error=connection_timeout\r\n",
            unreachable("504 Gateway Timeout").token("connection_timeout")),
        answer("unavailable", "503 No", "Proxy-Status: p;error=destination_unavailable\r\n",
            unreachable("503 No").token("destination_unavailable")),
        answer("unroutable", "502 No", "Proxy-Status: p;error=destination_ip_unroutable\r\n",
            unreachable("502 No").token("destination_ip_unroutable")),
        answer("limit", "503 No", "Proxy-Status: p;error=connection_limit_reached\r\n",
            unreachable("503 No").token("connection_limit_reached")),
        answer("an unknown token", "502 No", "Proxy-Status: p;error=something_new\r\n",
            unreachable("502 No").token("something_new")),
        answer("squid", "503 Service Unavailable", "X-Squid-Error: ERR_CONNECT_FAIL 111\r\n",
            unreachable("503 Service Unavailable").token("ERR_CONNECT_FAIL")),
    ]
}

/// The token says more than the status.
#[rustfmt::skip]
fn tokens() -> Vec<Row> {
    let unknown = |cause| Failure::refused(6, "target", cause).hint(UNKNOWN);
    let refused = |cause| Failure::refused(101, "proxy", cause);
    vec![
        answer("dns_error", "502 Bad Gateway", "Proxy-Status: p;error=dns_error;rcode=\"NXDOMAIN\"\r\n",
            unknown("502 Bad Gateway").token("dns_error")),
        answer("dns_timeout", "504 Gateway Timeout", "Proxy-Status: p;error=dns_timeout\r\n",
            unknown("504 Gateway Timeout").token("dns_timeout")),
        answer("not found", "500 Internal Server Error", "Proxy-Status: p;error=destination_not_found\r\n",
            unknown("500 Internal Server Error").token("destination_not_found")),
        answer("squid and a name", "503 Service Unavailable", "X-Squid-Error: ERR_DNS_FAIL 0\r\n",
            unknown("503 Service Unavailable").token("ERR_DNS_FAIL")),
        answer("prohibited, as RFC 9209 has it", "502 Bad Gateway", "Proxy-Status: p;error=destination_ip_prohibited\r\n",
            refused("502 Bad Gateway").token("destination_ip_prohibited").hint("*")),
        answer("prohibited", "403 Forbidden", "Proxy-Status: p;error=destination_ip_prohibited\r\n",
            refused("403 Forbidden").token("destination_ip_prohibited").hint(FORBIDDEN)),
        answer("denied", "403 Forbidden", "Proxy-Status: p;error=http_request_denied\r\n",
            refused("403 Forbidden").token("http_request_denied").hint(FORBIDDEN)),
        answer("internal", "500 Internal Server Error", "Proxy-Status: p;error=proxy_internal_error\r\n",
            refused("500 Internal Server Error").token("proxy_internal_error").hint(FAILED)),
        answer("the nearest of several", "502 Bad Gateway",
            "Proxy-Status: far;error=dns_error\r\nProxy-Status: mid, near;error=connection_refused\r\n",
            Failure::refused(103, "target", "502 Bad Gateway").token("connection_refused").hint(UNREACHABLE)),
        answer("no structured field", "502 Bad Gateway", "Proxy-Status: \x01;error=dns_error\r\n",
            Failure::refused(103, "target", "502 Bad Gateway").hint(UNREACHABLE)),
    ]
}

#[rustfmt::skip]
fn authentication() -> Vec<Row> {
    let asked = || Failure::refused(67, "user", "407 Proxy Authentication Required");
    let status = "407 Proxy Authentication Required";
    let with_password = |name, fields: &'static str, failure| {
        let answer = format!("HTTP/1.1 {status}\r\n{fields}\r\n");
        let scene = move || Scene::through(Peer::answering(answer.clone())).args(&["-U", "me:wrong"]).connections(2);
        row(name, scene, failure)
    };
    vec![
        answer("407 to nobody", status, "Proxy-Authenticate: Basic realm=\"x\"\r\n",
            asked().hint("give a user with -U USER and a password*")),
        with_password("407 to a password", "Proxy-Authenticate: Basic realm=\"x\"\r\n",
            asked().hint("check user name and password")),
        with_password("407 to a password, with a token",
            "Proxy-Authenticate: basic realm=\"x\"\r\nProxy-Status: p;error=http_request_denied\r\n",
            asked().token("http_request_denied").hint("check user name and password")),
        answer("407 without Basic", status, "Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n",
            asked().hint("it asks for Negotiate, NTLM; Negotiate: *")),
        with_password("407 without Basic to a password", "Proxy-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n",
            asked().hint("check user name and password (sent with Digest)")),
        // An origin's word, but some proxies say it of themselves.
        answer("401", "401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n",
            Failure::refused(67, "user", "401 Unauthorized").hint("give a user with -U USER*")),
        answer("407 without a scheme", status, "", asked().hint("the proxy does not say which scheme it wants")),
    ]
}

#[rustfmt::skip]
fn nonsense() -> Vec<Row> {
    let raw = |name, bytes: &'static [u8], cause, hint: &'static str| {
        let failure = Failure::new(105, "CONNECT", "proxy", cause).hint(hint);
        row(name, move || Scene::through(Peer::answering(bytes)), failure)
    };
    vec![
        raw("garbage", b"\x00\x01\x1b[2J\xff", "the answer is not HTTP: \"\\u{0}\\u{1}\\u{1b}[2J\\xff\"",
            "check the proxy's address and port"),
        raw("an SSH server", b"SSH-2.0-OpenSSH_9.2p1\r\n", "the answer is not HTTP: \"SSH-2.0-OpenSSH_9.2p1\\r\\n\"",
            "this is an SSH server, not a proxy"),
        raw("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x32",
            "the answer is not HTTP: \"\\u{15}\\u{3}\\u{1}\\u{0}\\u{2}\\u{2}2\"",
            "this port speaks TLS: write https:// for the proxy"),
        raw("HTTP/2", b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", "the answer is not HTTP: *", "*"),
        raw("HTTP/0.9", b"<html>hello</html>", "the answer is not HTTP: \"<html>hello</html>\"", "*"),
        raw("a newer version", b"HTTP/2 200 OK\r\n\r\n", "the answer is not HTTP*: \"HTTP/2 200 OK\\r\\n\\r\\n\"", "*"),
        raw("64 bytes of it", &[b'x'; 1000],
            "the answer is not HTTP: \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"", "*"),
        raw("no status", b"HTTP/1.1 OK\r\n\r\n", "the answer is not HTTP (the status*): \"HTTP/1.1 OK\\r\\n\\r\\n\"", "*"),
        raw("a status below 100", b"HTTP/1.1 099 x\r\n\r\n", "the answer is not HTTP (the status*): *", "*"),
        raw("a field without a colon", b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", "the answer is not HTTP (*): *", "*"),
        raw("a NUL in a field", b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n", "the answer is not HTTP (*): *", "*"),
    ]
}

#[test]
fn every_answer_that_opens_no_tunnel() {
    check_all(rows());
}

/// A redirect to somewhere that answers: nobody goes there.
#[test]
fn redirects_are_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Peer::answering(OK);
        let answer = format!(
            "HTTP/1.1 {status} Moved\r\nLocation: {}\r\n\r\n",
            elsewhere.url()
        );
        let scene = Scene::through(Peer::answering(answer));
        let line = scene.run(&[]).expect_failure(101);
        assert!(line.contains(&elsewhere.url()), "{line}");
        let proxy = scene.proxy.expect("a proxy");
        assert_eq!((proxy.accepted(), elsewhere.accepted()), (1, 0));
    }
}

/// One request, with what was asked for in it, and nothing of it twice.
#[test]
fn the_request_is_sent_once() {
    let scene = Scene::through(Peer::answering("HTTP/1.1 403 No\r\n\r\n"));
    scene.run(&["-H", "X-A: b c"]).expect_failure(101);
    let proxy = scene.proxy.expect("a proxy");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        proxy.heads(),
        [format!(
            "CONNECT {TARGET} HTTP/1.1\r\nHost: {TARGET}\r\nUser-Agent: tuncat/{version}\r\nX-A: b c\r\n\r\n"
        )]
    );
}

/// A proxy that asks for a password and closes is not asked again with the same one.
#[test]
fn a_407_ends_it_also_on_a_closed_connection() {
    let started = Instant::now();
    let scene = Scene::through(Peer::new(|conn| {
        conn.send(
            "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=\"x\"\r\nConnection: close\r\n\r\n",
        )
    }));
    let line = scene.run(&["-U", "a:b"]).expect_failure(67);
    assert!(line.contains("407 Who?"), "{line}");
    assert!(started.elapsed() < TIMEOUT);
    let proxy = scene.proxy.expect("a proxy");
    wait_for("the connection", || (proxy.accepted() > 0).then_some(()));
    thread::yield_now();
    let heads = proxy.heads();
    let with_password = heads.iter().filter(|h| h.contains("Authorization"));
    assert_eq!((with_password.count(), heads.len()), (1, 2), "{heads:?}");
}
