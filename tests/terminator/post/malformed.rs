//! Requests that are not right are refused and nothing is dialled, however close to a right one they are.

use super::{CHUNKED, LAST, path_to, post};
use crate::support::{Serve, Target};
use crate::terminator::authorities::authorities;
use crate::terminator::request::{ask, connect};
use std::io::Write;

/// Sends every request, each with a content that would be right: each is refused, and the target sees no connection.
#[track_caller]
fn all_refused(target: &Target, requests: &[(u16, String)]) {
    let serve = Serve::start();
    for (status, request) in requests {
        let whole = [request.as_bytes(), LAST].concat();
        let answer = ask(serve.port, whole);
        assert_eq!(answer.status, *status, "{request:?}: {}", answer.text);
        let error = match status {
            403 => "http_request_denied",
            _ => "http_request_error",
        };
        answer.refuses(*status, error);
    }
    assert_eq!(target.accepted(), 0, "something was dialled");
}

/// RFC 9112 §6: one way to tell where the content ends, or none that two could read differently.
#[test]
fn framings() {
    let target = Target::sink();
    let path = path_to(&target.addr());
    let requests = [
        (400, "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        (400, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
        (400, "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
        (400, "Transfer-Encoding:\r\nContent-Length: 5\r\n"),
        (400, "Content-Length: 5\r\nContent-Length: 6\r\n"),
        (400, "Content-Length: 5\r\nContent-Length: 5\r\n"),
        (400, "Content-Length: 5, 5\r\n"),
        (400, "Content-Length: -5\r\n"),
        (400, "Content-Length: +5\r\n"),
        (400, "Content-Length: 0x5\r\n"),
        (400, "Content-Length: 5 5\r\n"),
        (400, "Content-Length:\r\n"),
        (400, "Content-Length: 99999999999999999999\r\n"),
        (501, "Transfer-Encoding: gzip\r\n"),
        (501, "Transfer-Encoding: gzip, chunked\r\n"),
        (501, "Transfer-Encoding: chunked, gzip\r\n"),
        (501, "Transfer-Encoding: chunked, chunked\r\n"),
        (
            501,
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            501,
            "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        ),
        (501, "Transfer-Encoding: identity\r\n"),
        (501, "Transfer-Encoding: xchunked\r\n"),
        (501, "Transfer-Encoding: \"chunked\"\r\n"),
        (501, "Transfer-Encoding: chunked;q=1\r\n"),
        (501, "Transfer-Encoding:\r\n"),
        // Grammar: these are no fields.
        (400, "Transfer-Encoding : chunked\r\n"),
        (400, "Transfer-Encoding\t: chunked\r\n"),
        (400, " Transfer-Encoding: chunked\r\n"),
        (400, "X: a\r\n Transfer-Encoding: chunked\r\n"),
        (400, "Transfer-Encoding: chun\0ked\r\n"),
        (400, "Transfer-Encoding: \x0bchunked\r\n"),
        (400, "X: a\nTransfer-Encoding: chunked\r\n"),
    ];
    let requests = requests.map(|(status, fields)| (status, post(&path, "proxy.test", fields)));
    all_refused(&target, &requests);
}

/// RFC 9112 §3.2: just one Host, and a version that has chunks.
#[test]
fn lines_and_hosts() {
    let target = Target::sink();
    let at = target.addr();
    let path = path_to(&at);
    let ok = post(&path, &at, CHUNKED);
    let line = |line: &str| ok.replacen(&format!("POST {path} HTTP/1.1"), line, 1);
    let host = |fields: &str| ok.replacen(&format!("Host: {at}\r\n"), fields, 1);
    let requests = [
        (505, line(&format!("POST {path} HTTP/1.0"))),
        (505, line(&format!("POST {path} HTTP/1.2"))),
        (505, line(&format!("POST {path} HTTP/2.0"))),
        (405, line(&format!("post {path} HTTP/1.1"))),
        (405, line(&format!("Post {path} HTTP/1.1"))),
        (405, line(&format!("PUT {path} HTTP/1.1"))),
        (405, line(&format!("POSTS {path} HTTP/1.1"))),
        (400, line(&format!("POST  {path} HTTP/1.1"))),
        (400, line(&format!("POST\t{path} HTTP/1.1"))),
        (400, line(&format!("POST {path}  HTTP/1.1"))),
        (400, line(&format!("POST {path}"))),
        (400, line(&format!("POST {path} {path} HTTP/1.1"))),
        (400, line("POST  HTTP/1.1")),
        (400, line("POST * HTTP/1.1")),
        (400, line(&format!("POST {at} HTTP/1.1"))),
        (400, line(&format!("POST https://{at}/ HTTP/1.1"))),
        (400, line(&format!("POST ftp://{at}/ HTTP/1.1"))),
        (400, line(&format!("POST http:/{at}/ HTTP/1.1"))),
        (400, line(&format!("POST http://u@{at}/ HTTP/1.1"))),
        (400, line(&format!("POST http://u:p@{at}/ HTTP/1.1"))),
        (400, line(&format!("POST http://{at}#f HTTP/1.1"))),
        (400, line("POST http:// HTTP/1.1")),
        (400, line("POST http:///x HTTP/1.1")),
        (400, line("POST http://127.0.0.1/ HTTP/1.1")),
        (400, host("")),
        (400, host(&format!("Host: {at}\r\nHost: {at}\r\n"))),
        (400, host(&format!("Host: {at}\r\nhost:\r\n"))),
        (400, host(&format!("Host : {at}\r\n"))),
        (400, host(&format!("X-Host: {at}\r\n"))),
    ];
    all_refused(&target, &requests);
}

/// Whatever no CONNECT may name, the Host of a POST may not either.
#[test]
fn authorities_that_are_none() {
    let target = Target::sink();
    let all = authorities(target.port);
    let requests: Vec<_> = all.iter().map(|at| (400, post("/", at, CHUNKED))).collect();
    all_refused(&target, &requests);
}

/// What a page can make a browser send opens no tunnel, wherever it goes to.
#[test]
fn requests_of_web_pages() {
    let target = Target::sink();
    let at = target.addr();
    let mut requests = Vec::new();
    for page in [
        "Origin: null",
        "Origin: http://127.0.0.1",
        "origin: https://a.test",
        "Origin:",
        "Referer: http://a.test/",
        "Sec-Fetch-Site: none",
        "Sec-Fetch-Site: same-origin",
    ] {
        for path in ["/", &path_to(&at)] {
            let fields = format!("{page}\r\n{CHUNKED}");
            requests.push((403, post(path, &at, &fields)));
        }
    }
    all_refused(&target, &requests);
}

/// Content that is none closes the tunnel without an end, and what came before it is all that arrives.
#[test]
fn chunks_that_are_none() {
    let serve = Serve::start();
    for wrong in [
        "\r\n",
        "-5\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "5g\r\nhello\r\n",
        " 5\r\nhello\r\n",
        "5\nhello\r\n",
        "5\rhello\r\n",
        "5\r\nhello!\r\n",
        "5\r\nhello\n",
        "5\r\nhell\r\n0\r\n\r\n",
        "ffffffffffffffff\r\n",
        "ffffffffffffffffffffffffffffffff5\r\nhello\r\n",
        "0\r\nA: b\n\r\n",
        "0\r\n\n",
        "GET / HTTP/1.1\r\n\r\n",
    ] {
        let (target, end) = Target::watcher(b"");
        let stream = super::open(serve.port, &super::request(&target.addr()));
        let content = [&super::chunk("before"), wrong.as_bytes()].concat();
        (&stream).write_all(&content).expect("send");
        let (got, kind) = end.recv_timeout(crate::support::TIMEOUT).expect("an end");
        assert!(got.starts_with(b"before"), "{wrong:?}: {got:?}");
        assert!(got.len() <= b"beforehello".len(), "{wrong:?}: {got:?}");
        let reset = std::io::ErrorKind::ConnectionReset;
        assert_eq!(kind, Some(reset), "{wrong:?}: the target saw an end");
        let broken = super::read_chunk(&stream).expect_err("a reset");
        assert_eq!(broken.kind(), reset, "{wrong:?}");
    }
    drop(connect(serve.port));
}
