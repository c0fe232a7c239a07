//! The excerpt of a refusal's body: what a person would read, fit for a terminal, and soon.

use crate::client::expect::{Failure, Row, Scene, check, check_all, row};
use crate::client::peer::{Conn, Peer};
use std::io;
use std::time::{Duration, Instant};

fn forbidden() -> Failure {
    Failure::refused(101, "proxy", "403 Forbidden").hint("*")
}

/// A 403 with these fields and this body.
fn body(
    name: &'static str,
    fields: &'static str,
    body: &'static [u8],
    excerpt: Option<&'static str>,
) -> Row {
    let mut answer = format!("HTTP/1.1 403 Forbidden\r\n{fields}\r\n").into_bytes();
    answer.extend_from_slice(body);
    let failure = match excerpt {
        Some(excerpt) => forbidden().body(excerpt),
        None => forbidden(),
    };
    let scene = move || Scene::through(Peer::answering(answer.clone()));
    row(name, scene, failure)
}

const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";

#[rustfmt::skip] // A row a line.
#[test]
fn excerpts() {
    check_all(vec![
        body("text", "Content-Length: 12\r\n", b"not for you\n", Some("not for you")),
        body("no length", "", b"until the end\n", Some("until the end")),
        body("lines and tabs", "", b"one\r\n\r\n\ttwo", Some("one two")),
        body("nothing", "Content-Length: 0\r\n", b"", None),
        body("only blanks", "", b" \r\n\t", None),
        body("more than the length", "Content-Length: 4\r\n", b"thisnot this", Some("this")),
        body("shorter than the length", "Content-Length: 400\r\n", b"cut", Some("cut")),
        body("a length that is none", "Content-Length: x\r\n", b"all", Some("all")),
        body("a length out of range", "Content-Length: 99999999999999999999999\r\n", b"all", Some("all")),
        body("HTML", HTML,
            b"<html><head><title>No</title><style>p { a }</style><script>alert(1)</script></head>\n<!-- no --><body>\
              <h1>Access&nbsp;Denied</h1><p class=\"x\">Rule &quot;ssh&quot; &lt;9&gt;</p></body></html>",
            Some("Access Denied Rule \\\"ssh\\\" <9>")),
        body("HTML that is not said to be", "Content-Type: text/plain\r\n", b"<b>no</b>", Some("<b>no</b>")),
        body("a title", "", b"\x1b]0;title\x07\x1b[2J\x1b[31mred", Some("\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{1b}[31mred")),
        body("escapes in HTML", HTML, b"<p>\x1b[2J\x9b\x00</p>", Some("\\u{1b}[2J\\x9b\\u{0}")),
        body("C1 controls", "", "a\u{9b}2Jb".as_bytes(), Some("a\\u{9b}2Jb")),
        body("text that runs backwards", "", "a\u{202e}b".as_bytes(), Some("a\\u{202e}b")),
        body("letters", "", "für dich nicht: нет".as_bytes(), Some("für dich nicht: нет")),
        body("Latin-1", "", b"f\xfcr", Some("f\\xfcr")),
        body("quotes", "", b"a \"b\" \\", Some("a \\\"b\\\" \\\\")),
        body("much of it", "", &[b'x'; 5000], Some(concat!(
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"))),
    ]);
}

/// The frames of a chunked body are none of its text (RFC 9112 §7.1).
#[rustfmt::skip]
#[test]
fn excerpts_of_chunked_bodies() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    check_all(vec![
        body("one chunk", chunked, b"b\r\nnot for you\r\n0\r\n\r\n", Some("not for you")),
        body("two chunks", chunked, b"4\r\nnot \r\n7;x=y\r\nfor you\r\n0\r\n\r\n", Some("not for you")),
        body("HTML in a chunk", "Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n",
            b"9\r\n<p>no</p>\r\n0\r\n\r\n", Some("no")),
        body("no last chunk", chunked, b"5\r\nshort\r\n", Some("short")),
    ]);
}

/// Nothing that a proxy sends reaches the terminal as it is.
#[test]
fn no_control_character_in_any_part() {
    let answer = "HTTP/1.1 502 \x1b[2J\u{9b}\r\nProxy-Status: \"\x1b\";error=\"a\x07\"\r\n\
                  X-Squid-Error: \x1b]0;x\x07\r\nLocation: \x1b[1m\r\nRetry-After: \x08\r\n\
                  Proxy-Authenticate: \x1b[5m\r\n\r\n\x1b[2J\x7f";
    for status in ["302", "403", "407", "429", "502", "999"] {
        let answer = answer.replace("502", status);
        let scene = Scene::through(Peer::answering(answer));
        for more in [&[][..], &["--json"], &["-vvv"]] {
            let output = scene.run(more);
            let control = |c: char| c.is_control() && c != '\n';
            assert!(
                !output.stderr.contains(control) && output.code > 60,
                "{status}: {:?}",
                output.stderr
            );
        }
    }
}

/// What is there is shown at once or after a moment; the rest is not waited for.
fn shown_soon(script: fn(Conn) -> io::Result<()>, excerpt: &'static str) {
    let started = Instant::now();
    let scene = Scene::through(Peer::new(script));
    check(excerpt, &scene, &forbidden().body(excerpt));
    let elapsed = started.elapsed();
    assert!(
        elapsed < Duration::from_secs(4),
        "two runs took {elapsed:?}"
    );
}

/// `Connection: keep-alive`, with a length: the proxy waits for the next request.
#[test]
fn a_body_of_known_length_on_a_kept_connection() {
    shown_soon(
        |conn| {
            conn.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")?;
            conn.read_to_end().map(drop)
        },
        "no",
    );
}

#[test]
fn a_body_that_never_ends() {
    shown_soon(
        |conn| {
            conn.send("HTTP/1.1 403 Forbidden\r\n\r\nno")?;
            conn.read_to_end().map(drop)
        },
        "no",
    );
}

#[test]
fn a_body_that_comes_after_its_head() {
    shown_soon(
        |conn| {
            conn.send_alone("HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\n")?;
            conn.send_alone("no ")?;
            conn.send("way!")?;
            conn.read_to_end().map(drop)
        },
        "no way!",
    );
}

/// A proxy that closes with a reset right behind its answer.
#[test]
fn a_body_with_a_reset_behind_it() {
    shown_soon(
        |conn| {
            conn.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno")?;
            conn.reset()
        },
        "no",
    );
}

/// Of a body without end only the beginning is taken.
#[test]
fn a_flood_for_a_body() {
    let (sender, sent) = std::sync::mpsc::channel();
    let peer = Peer::new(move |conn| {
        conn.send("HTTP/1.1 403 Forbidden\r\n\r\n")?;
        let mut count = 0_u64;
        while count < 1 << 30 && conn.send([b'x'; 64 * 1024]).is_ok() {
            count += 64 * 1024;
        }
        sender.send(count).map_err(io::Error::other)
    });
    let line = Scene::through(peer).run(&[]).expect_failure(101);
    assert!(line.contains("xxx…\""), "{line}");
    let sent = sent.recv_timeout(crate::support::TIMEOUT).expect("a count");
    assert!(sent < 64 << 20, "{sent} bytes of a body were taken");
}
