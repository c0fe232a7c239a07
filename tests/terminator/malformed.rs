//! Requests that are not right get 400 and nothing is dialled, however close to a right one they are.

use super::authorities::authorities;
use super::request::{ask, ask_for, connect_request, open};
use crate::support::{Serve, Target};

/// Sends every request; each has to be refused with 400, and the target must see no connection but the one at the end
/// that proves it was there.
#[track_caller]
fn all_refused(target: &Target, requests: &[String]) {
    let serve = Serve::start();
    for request in requests {
        let answer = ask(serve.port, request);
        assert_eq!(answer.status, 400, "{request:?}: {}", answer.text);
        answer.refuses(400, "http_request_error");
    }
    drop(open(serve.port, &target.addr()));
    assert_eq!(target.accepted(), 1, "something was dialled");
}

#[test]
fn authorities_that_are_none() {
    let target = Target::sink();
    let all = authorities(target.port);
    let all: Vec<_> = all.iter().map(|to| connect_request(to)).collect();
    assert!(all.len() >= 200, "{}", all.len());
    all_refused(&target, &all);
}

/// White space and control characters in the request line, at every place where somebody might forgive them.
#[test]
fn request_lines_that_are_none() {
    let target = Target::sink();
    let at = target.addr();
    let host = format!("Host: {at}\r\n\r\n");
    let mut all = Vec::new();
    let (name, port) = at.split_once(':').expect("a port");
    for bad in [
        " ", "\t", "\0", "\x01", "\x0b", "\x0c", "\r", "\x1b", "\x7f", "\u{80}", "\u{a0}", "é",
    ] {
        for authority in [
            format!("{bad}{at}"),
            format!("{at}{bad}"),
            format!("{name}{bad}:{port}"),
            format!("{name}:{bad}{port}"),
            format!("127.0{bad}.0.1:{port}"),
        ] {
            all.push(format!("CONNECT {authority} HTTP/1.1\r\n{host}"));
        }
        all.push(format!("CONNECT{bad} {at} HTTP/1.1\r\n{host}"));
        all.push(format!("{bad}CONNECT {at} HTTP/1.1\r\n{host}"));
        all.push(format!("CONNECT {at} HTTP/1.1{bad}\r\n{host}"));
        all.push(format!("CONNECT {at} {bad}HTTP/1.1\r\n{host}"));
    }
    for line in [
        format!("CONNECT {at}"),
        format!("CONNECT {at} "),
        "CONNECT  HTTP/1.1".to_owned(),
        "CONNECT HTTP/1.1".to_owned(),
        "CONNECT".to_owned(),
        format!("CONNECT\t{at}\tHTTP/1.1"),
        format!("CONNECT {at} http/1.1"),
        format!("CONNECT {at} HTTP /1.1"),
        format!("CONNECT {at} HTTPS/1.1"),
        format!("CONNECT {at} ICY"),
        format!("CON NECT {at} HTTP/1.1"),
        format!("CONNECT {at} {at} HTTP/1.1"),
        format!("C(NNECT {at} HTTP/1.1"),
        format!("\"CONNECT\" {at} HTTP/1.1"),
        format!("CONNECT {at} HTTP/1.1 HTTP/1.1"),
        format!("{}ECT {at} HTTP/1.1", "CONN".repeat(20)),
    ] {
        all.push(format!("{line}\r\n{host}"));
    }
    // Line ends.
    all.push(format!("CONNECT {at} HTTP/1.1\nHost: {at}\n\n"));
    all.push(format!("CONNECT {at} HTTP/1.1\n{host}"));
    all.push(format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\n\r\n"));
    all.push(format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n\n"));
    all.push(format!("CONNECT {at} HTTP/1.1\r\r\n{host}"));
    all_refused(&target, &all);
}

/// Fields that break the grammar, claim content, or name another host than the request line.
#[test]
fn fields_that_are_wrong() {
    let target = Target::sink();
    let at = target.addr();
    let mut all = Vec::new();
    for fields in [
        // RFC 9112 §5: names and their colons.
        format!("Host : {at}\r\n"),
        format!("Host\t: {at}\r\n"),
        format!(" Host: {at}\r\n"),
        format!("Host: {at}\r\n folded\r\n"),
        format!("Host: {at}\r\n\tfolded\r\n"),
        format!("Host: {at}\r\nX: a\r\n b\r\n"),
        format!("Host: {at}\r\nno colon\r\n"),
        format!("Host: {at}\r\n: no name\r\n"),
        format!("Host: {at}\r\nX Y: a\r\n"),
        format!("Host: {at}\r\nX(Y): a\r\n"),
        format!("Host: {at}\r\nX\u{e9}: a\r\n"),
        format!("Host: {at}\r\nX: a\0b\r\n"),
        format!("Host: {at}\r\nX: a\rb\r\n"),
        format!("Host: {at}\r\nX: a\x01b\r\n"),
        format!("Host: {at}\r\nX: a\x1b[2J\r\n"),
        format!("Host: {at}\r\nX: a\x7fb\r\n"),
        // RFC 9112 §3.2: one Host, and the same as the authority.
        String::new(),
        "Host:\r\n".to_owned(),
        "Host: \r\n".to_owned(),
        format!("Host: {at}\r\nHost: {at}\r\n"),
        format!("Host: {at}\r\nhOST: {at}\r\n"),
        format!("Host: {at}\r\nHost:\r\n"),
        format!("Host: {at}, {at}\r\n"),
        "Host: other.test\r\n".to_owned(),
        format!("Host: 127.0.0.1:{}\r\n", target.port ^ 1),
        "Host: 127.0.0.1:\r\n".to_owned(),
        "Host: 127.0.0.1:80\r\n".to_owned(),
        "Host: 127.0.0.2\r\n".to_owned(),
        format!("Host: http://{at}\r\n"),
        format!("Host: {at}/\r\n"),
        format!("Host: u@{at}\r\n"),
        format!("Host: {at} x\r\n"),
        "X-Host: 127.0.0.1\r\n".to_owned(),
        // RFC 9110 §9.3.6, RFC 9112 §6: no content, and no claim of any.
        format!("Host: {at}\r\nContent-Length: 1\r\n"),
        format!("Host: {at}\r\nContent-Length: -1\r\n"),
        format!("Host: {at}\r\nContent-Length: +0\r\n"),
        format!("Host: {at}\r\nContent-Length: 0x0\r\n"),
        format!("Host: {at}\r\nContent-Length: 0, 0\r\n"),
        format!("Host: {at}\r\nContent-Length: 0,5\r\n"),
        format!("Host: {at}\r\nContent-Length:\r\n"),
        format!("Host: {at}\r\nContent-Length: 0\r\nContent-Length: 5\r\n"),
        format!("Host: {at}\r\nContent-Length: 99999999999999999999\r\n"),
        format!("Host: {at}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Host: {at}\r\nTransfer-Encoding: identity\r\n"),
        format!("Host: {at}\r\nTransfer-Encoding:\r\n"),
        format!("Host: {at}\r\nTransfer-Encoding: gzip, chunked\r\n"),
        format!("Host: {at}\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
        format!("Host: {at}\r\ntRANSFER-eNCODING: xchunked\r\n"),
    ] {
        all.push(format!("CONNECT {at} HTTP/1.1\r\n{fields}\r\n"));
    }
    all_refused(&target, &all);
}

/// What is not HTTP/1 at all is told so at its first bytes, without waiting for a whole head.
#[test]
fn other_protocols() {
    let serve = Serve::start();
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\x05\x01\x00",
        b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00",
        b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
        b"\xff\xfe\xfd",
        b"{\"a\":1}\r\n\r\n",
        b"<html>\r\n",
        b"PROXY\xffTCP4",
    ] {
        let answer = ask(serve.port, garbage);
        let expected = if garbage.starts_with(b"PRI") {
            505
        } else {
            400
        };
        answer.refuses(expected, "http_request_error");
    }
}

/// Near misses of all of the above that are right, so that the rest is known to be refused for what is wrong with it.
#[test]
fn what_is_right_is_served() {
    let target = Target::sink();
    let serve = Serve::start();
    let (at, port) = (target.addr(), target.port);
    for (authority, fields) in [
        (at.clone(), format!("Host: {at}\r\n")),
        (at.clone(), "Host: 127.0.0.1\r\n".to_owned()),
        (at.clone(), format!("hOST:{at}\r\n")),
        (at.clone(), format!("Host: \t {at} \t\r\n")),
        (at.clone(), format!("Host: {at}\r\nContent-Length: 0\r\n")),
        (
            at.clone(),
            format!("Host: {at}\r\nX:\r\nY: a\tb \u{e9}\r\n"),
        ),
        (
            format!("LocalHost:{port}"),
            format!("Host: lOCALhOST:{port}\r\n"),
        ),
        (
            format!("localhost.:{port}"),
            format!("Host: localhost.:{port}\r\n"),
        ),
        (
            format!("2130706433:{port}"),
            format!("Host: 2130706433:{port}\r\n"),
        ),
        (
            format!("[::ffff:127.0.0.1]:{port}"),
            format!("Host: [::ffff:127.0.0.1]:{port}\r\n"),
        ),
    ] {
        let stream = super::request::connect(serve.port);
        let request = format!("CONNECT {authority} HTTP/1.1\r\n{fields}\r\n");
        std::io::Write::write_all(&mut &stream, request.as_bytes()).expect("ask");
        let head = super::request::read_head(&stream).expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 "), "{request:?}: {head}");
    }
    let answer = ask_for(serve.port, "127.0.0.1:0");
    answer.refuses(400, "http_request_error");
}
