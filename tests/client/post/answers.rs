//! Answers to POST that open no tunnel: exit code, line and object, word for word.

use super::{GREETING, GREETS, LAST, OK, chunk, through};
use crate::client::expect::{Failure, Row, Scene, check_all, row};
use crate::client::peer::Peer;

const NO_POST: &str = "check that 'tuncat serve', or Envoy, answers POST there, and see --path";
const BUFFERED: &str = "turn off the buffering of what is on the way (nginx: *)*";
const FORBIDDEN: &str = "the proxy's rules do not let you reach TARGET*";
const UNREACHABLE: &str = "the proxy could not reach TARGET; check name and port*";

/// A final answer, and what it means.
fn answer(name: &'static str, head: &'static str, body: impl AsRef<[u8]>, failure: Failure) -> Row {
    let head = format!("HTTP/1.1 {head}\r\n\r\n").into_bytes();
    let answer = [&head, body.as_ref()].concat();
    let scene = move || through(Peer::answering(answer.clone()));
    row(name, scene, failure.by_post())
}

#[rustfmt::skip] // A row a line.
#[test]
fn every_refusal() {
    let unsupported = |cause| Failure::refused(102, "proxy", cause).hint(NO_POST);
    let buffered = |cause| Failure::refused(102, "proxy", cause).hint(BUFFERED);
    let refused = |cause| Failure::refused(101, "proxy", cause);
    let unreachable = |cause| Failure::refused(103, "target", cause).hint(UNREACHABLE);
    let who = |cause| Failure::refused(67, "user", cause);
    check_all(vec![
        answer("400", "400 Bad Request", "", unsupported("400 Bad Request")),
        answer("404", "404 Not Found", "", unsupported("404 Not Found")),
        answer("404 with a page", "404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 16", "<h1>nothing</h1>",
            unsupported("404 Not Found").body("nothing")),
        answer("404 in chunks", "404 Not Found\r\nTransfer-Encoding: chunked", [chunk("not"), chunk("hing"), LAST.to_vec()].concat(),
            unsupported("404 Not Found").body("nothing")),
        answer("405", "405 Method Not Allowed\r\nAllow: GET", "", unsupported("405 Method Not Allowed")),
        answer("421", "421 Misdirected Request", "", unsupported("421 Misdirected Request")),
        answer("426", "426 Upgrade Required", "", unsupported("426 Upgrade Required")),
        answer("501", "501 Not Implemented", "", unsupported("501 Not Implemented")),
        answer("408", "408 Request Timeout", "", buffered("408 Request Timeout")),
        answer("411", "411 Length Required", "", buffered("411 Length Required")),
        answer("413", "413 Content Too Large", "", buffered("413 Content Too Large")),
        answer("505", "505 HTTP Version Not Supported", "",
            Failure::refused(102, "proxy", "505 HTTP Version Not Supported").hint("what is on the way must speak HTTP/1.1*")),
        answer("403", "403 Forbidden", "", refused("403 Forbidden").hint(FORBIDDEN)),
        answer("403 by a rule", "403 Forbidden\r\nProxy-Status: p;error=destination_ip_prohibited", "",
            refused("403 Forbidden").token("destination_ip_prohibited").hint(FORBIDDEN)),
        answer("302", "302 Found\r\nLocation: /login", "",
            refused("302 Found").hint("it points to \"/login\", which is not followed")),
        answer("101", "101 Switching Protocols\r\nUpgrade: x", "", refused("101 Switching Protocols").hint("*")),
        answer("500", "500 Oops", "", refused("500 Oops").hint("*")),
        answer("429", "429 Too Many Requests\r\nRetry-After: 120", "",
            Failure::refused(104, "proxy", "429 Too Many Requests").hint("try again after 120*")),
        answer("401", "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"", "",
            who("401 Unauthorized").hint("give a user with -U USER and a password*")),
        answer("401 without Basic", "401 Unauthorized\r\nWWW-Authenticate: Bearer", "",
            who("401 Unauthorized").hint("it asks for Bearer; Bearer is only used with --proxy-auth bearer")),
        answer("401 with a token", "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nProxy-Status: p;error=http_request_denied", "",
            who("401 Unauthorized").token("http_request_denied").hint("give a user with -U USER and a password*")),
        answer("407", "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"", "",
            who("407 Proxy Authentication Required").hint("give a user with -U USER and a password*")),
        answer("502", "502 Bad Gateway", "", unreachable("502 Bad Gateway")),
        answer("503", "503 Service Unavailable", "", unreachable("503 Service Unavailable")),
        answer("504", "504 Gateway Timeout", "", unreachable("504 Gateway Timeout")),
        answer("refused", "502 Bad Gateway\r\nProxy-Status: p;error=connection_refused", "",
            unreachable("502 Bad Gateway").token("connection_refused")),
        answer("dns_error", "502 Bad Gateway\r\nProxy-Status: p;error=dns_error", "",
            Failure::refused(6, "target", "502 Bad Gateway").token("dns_error").hint("the proxy does not know the name in TARGET*")),
    ]);
}

/// A password that is wrong.
#[test]
fn a_401_to_a_password() {
    let fields = "WWW-Authenticate: Basic realm=\"x\"\r\n";
    let answer = format!("HTTP/1.1 401 Unauthorized\r\n{fields}\r\n");
    let scene = move || {
        through(Peer::answering(answer.clone()))
            .args(&["-U", "me:wrong"])
            .connections(2)
    };
    let failure = Failure::refused(67, "user", "401 Unauthorized");
    let failure = failure.hint("check user name and password").by_post();
    check_all(vec![row("401", scene, failure)]);
}

#[rustfmt::skip]
#[test]
fn every_success_that_is_no_tunnel() {
    let no_tunnel = |status, cause| Failure::new(102, "POST", "proxy", cause).status(status).hint(NO_POST);
    let html = "POST was answered with 200, but it is an HTML page, not a tunnel";
    let coding = "POST was answered with 200, but its Transfer-Encoding is not chunked alone";
    check_all(vec![
        answer("204", "204 No Content", "", no_tunnel(204, "POST was answered with 204, but a 204 has no tunnel in it")),
        answer("205", "205 Reset Content", "", no_tunnel(205, "POST was answered with 205, but a 205 has no tunnel in it")),
        answer("206", "206 Partial Content\r\nContent-Range: bytes 0-1/2\r\nContent-Length: 2", "ab",
            no_tunnel(206, "POST was answered with 206, but a 206 has no tunnel in it").body("ab")),
        answer("a document", "200 OK\r\nContent-Length: 7", "welcome",
            no_tunnel(200, "POST was answered with 200, but it is a finished document of 7 bytes, not a tunnel").body("welcome")),
        answer("an empty document", "200 OK\r\nContent-Length: 0", "",
            no_tunnel(200, "POST was answered with 200, but it is a finished document of 0 bytes, not a tunnel")),
        answer("a length and chunks", "200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", [chunk("hi"), LAST.to_vec()].concat(),
            no_tunnel(200, "POST was answered with 200, but it is a finished document of 5 bytes, not a tunnel").body("hi")),
        answer("a page in chunks", "200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked",
            [chunk("<title>Hi</title>"), chunk("<p>there</p>"), LAST.to_vec()].concat(), no_tunnel(200, html).body("there")),
        answer("a page until the end", "200 OK\r\nContent-Type: text/html; charset=utf-8", "<p>there</p>", no_tunnel(200, html).body("there")),
        answer("a coding", "200 OK\r\nTransfer-Encoding: gzip", "x", no_tunnel(200, coding).body("x")),
        answer("two codings", "200 OK\r\nTransfer-Encoding: gzip, chunked", chunk("x"), no_tunnel(200, coding).body("1 x")),
        answer("two codings in two fields", "200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked", chunk("x"),
            no_tunnel(200, coding).body("1 x")),
        answer("chunks of chunks", "200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", chunk("x"),
            no_tunnel(200, coding).body("x")),
    ]);
}

fn nonsense(name: &'static str, answer: &[u8], failure: Failure) -> Row {
    let answer = answer.to_vec();
    let scene = move || through(Peer::answering(answer.clone()));
    row(name, scene, failure.by_post())
}

/// Answers that are none, and more of them than anybody needs.
#[rustfmt::skip]
#[test]
fn every_answer_that_is_none() {
    let none = |cause| Failure::new(105, "POST", "proxy", cause).hint("*");
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    let flood = [interim.repeat(100).as_bytes(), OK.as_bytes(), LAST].concat();
    check_all(vec![
        nonsense("garbage", b"\x00\x01\xff", none("the answer is not HTTP: \"\\u{0}\\u{1}\\xff\"")),
        nonsense("an SSH server", b"SSH-2.0-x\r\n", none("the answer is not HTTP: *")),
        nonsense("chunks without a head", &chunk("hello"), none("the answer is not HTTP: *")),
        nonsense("100 interim answers", &flood,
            Failure::new(101, "POST", "proxy", "more than 32 interim (1xx) answers")),
    ]);
}

/// What a terminator says first, and did not.
#[rustfmt::skip]
#[test]
fn every_wrong_greeting() {
    let wrong = || Failure::new(102, "POST", "proxy", "the tunnel does not begin as its terminator said");
    let broken = |cause| Failure::new(56, "POST", "proxy", cause);
    let greets = |bytes: &[u8]| [GREETS.as_bytes(), bytes].concat();
    check_all(vec![
        nonsense("another one", &greets(&chunk("tuncat!")), wrong()),
        nonsense("a page", &greets(&chunk("<html></html>")), wrong()),
        nonsense("nothing in it", &greets(LAST), broken("the tunnel broke before it had begun: *")),
        nonsense("half of it", &greets(&[&chunk(&GREETING[..3]), LAST].concat()), broken("the tunnel broke before it had begun: *")),
        nonsense("no chunk", &greets(b"tuncat\n"), broken("the tunnel broke before it had begun: not chunked content: *")),
        nonsense("cut off", &greets(b"7\r\ntun"),
            broken("the tunnel broke before it had begun: the content was cut off before its end")),
    ]);
}

/// A refusal is sent to people who read; nothing of stdin goes to whoever refuses.
#[test]
fn no_payload_after_a_refusal() {
    for answer in [
        "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
    ] {
        let (sender, payload) = std::sync::mpsc::channel();
        let peer = Peer::new(move |conn| {
            conn.send(answer)?;
            // Everything until it is gone, with or without a reset.
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut &conn.stream, &mut bytes).ok();
            sender.send(bytes).map_err(std::io::Error::other)
        });
        let scene: Scene = through(peer).stdin(|| crate::support::Feed::Bytes(b"secret".into()));
        assert!(scene.run(&[]).code > 100, "{answer}");
        let payload = payload.recv_timeout(crate::client::LIMIT);
        assert_eq!(payload, Ok(Vec::new()), "{answer}");
    }
}
