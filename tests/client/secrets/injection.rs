//! Nothing that is typed can end a line of the request early (RFC 9112 §11.1): it is refused, not escaped, and nothing is
//! sent.

use crate::client::LIMIT;
use crate::client::expect::{Scene, TARGET};
use crate::client::peer::{OK, Peer};
use crate::support::connect;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

#[test]
fn header_fields() {
    let peer = Peer::answering(OK);
    for field in [
        "X-A: b\r\nX-C: d",
        "X-A: b\nX-C: d",
        "X-A: b\rX-C: d",
        "X-A: b\r\n\r\nGET / HTTP/1.1",
        "X-A: b\r\n c",
        "X-A: b\r\n",
        "X-A: b\n",
        "X-A: \x01",
        "X-A: \x7f",
        "X-A: \x1b[2J",
        "X-A\r\n: b",
        "X\nA: b",
        "X A: b",
        "X-A : b",
        "X-A\t: b",
        " X-A: b",
        ": b",
        "",
        "Ünicode: b",
        "X\"A: b",
        "(X): b",
    ] {
        let scene = Scene::new(&["-x", &peer.url(), TARGET]);
        let output = scene.run(&["-H", field]);
        assert_eq!(output.code, 2, "{field:?}: {output:?}");
    }
    assert_eq!(peer.accepted(), 0);
}

/// NUL is not here: no argument of a program can have one.
#[test]
fn targets() {
    let peer = Peer::answering(OK);
    for target in [
        "host\r\nX-A: b:22",
        "host:22\r\nX-A: b",
        "host:22\r\n",
        "host:22\n",
        "host:22\r",
        "ho\rst:22",
        "ho\nst:22",
        "ho st:22",
        " host:22",
        "host:22 ",
        "host :22",
        "host: 22",
        "host:22 HTTP/1.1",
        "ho\tst:22",
        "h\u{a0}ost:22",
        "höst:22",
        "ho/st:22",
        "host:22/",
        "http://host:22",
        "host:22?x",
        "[::1\r\n]:22",
        "[::1%25eth0]:22",
        "host:+22",
        "host:２２",
    ] {
        let output = connect(["-x", &peer.url(), target]).limit(LIMIT).run();
        let line = output.expect_failure(2);
        assert!(line.starts_with("tuncat: arguments: target: "), "{line}");
    }
    for (host, port) in [
        ("host\r\nX-A: b", "22"),
        ("host", "22\r\nX-A: b"),
        ("host", "22 "),
        ("ho st", "22"),
        ("host:22", "22"),
    ] {
        let run = connect(["-x", &peer.url(), host, port]).limit(LIMIT);
        let line = run.run().expect_failure(2);
        assert!(line.starts_with("tuncat: arguments: target: "), "{line}");
    }
    assert_eq!(peer.accepted(), 0);
}

/// Octets that are no text are not sent either.
#[test]
fn octets_that_are_no_text() {
    let peer = Peer::answering(OK);
    for bytes in [&b"h\xffost:22"[..], b"host:22\xff", b"host:22\xc0\x8a"] {
        let run = connect(["-x", &peer.url()]).arg(OsStr::from_bytes(bytes));
        run.limit(LIMIT).run().expect_code(2);
    }
    let url = [b"http://h\xff@", peer.addr().as_bytes()].concat();
    let run = connect(["-x"]).arg(OsStr::from_bytes(&url)).arg(TARGET);
    run.limit(LIMIT).run().expect_code(2);
    assert_eq!(peer.accepted(), 0);
}

#[test]
fn proxies() {
    let peer = Peer::answering(OK);
    for url in [
        "http://PROXY\r\n",
        "http://PROXY\n",
        "http://PROXY ",
        "ht\ntp://PROXY",
        "http://\r\nPROXY",
    ] {
        let url = url.replace("PROXY", &peer.addr());
        let output = connect(["-x", &url, TARGET]).limit(LIMIT).run();
        assert_eq!(output.code, 2, "{url:?}: {output:?}");
    }
    // The second proxy is the target of the first one.
    for second in ["http://a\r\nX-A: b:1", "http://a b:1", "http://a:1\r\n"] {
        let args = ["-x", &peer.url(), "-x", second, TARGET];
        let output = connect(args).limit(LIMIT).run();
        assert_eq!(output.code, 2, "{second:?}: {output:?}");
    }
    assert_eq!(peer.accepted(), 0);
}

/// A path may hold anything, and travels encoded.
#[test]
fn unix_paths_are_encoded() {
    let peer = Peer::answering("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    let target = "unix:/tmp/a b\r\nX-A: c%é";
    let run = connect(["-x", &peer.url(), target]).limit(LIMIT);
    let output = run.run().expect_code(101);
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!output.stderr.contains(control), "{:?}", output.stderr);
    let head = &peer.heads()[0];
    let line =
        "CONNECT 2f746d702f6120620d0a582d413a206325c3a9.unix.tuncat.invalid:1 HTTP/1.1\r\nHost: 2f";
    assert!(head.starts_with(line), "{head}");
    assert_eq!(head.lines().count(), 4, "{head}");
}

/// What is allowed arrives as it was typed: replaced, removed, repeated.
#[test]
fn header_fields_that_are_sent() {
    let peer = Peer::answering("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    let args = ["-x", &peer.url(), "-U", "me:secret", TARGET];
    let fields = [
        "X-A:  b\tc ",
        "X-A: d",
        "User-Agent:",
        "Host: other",
        "X-B: é",
    ];
    let typed = fields.iter().flat_map(|field| ["-H", field]);
    let run = connect(args).args(typed);
    run.limit(LIMIT).run().expect_code(101);
    let head = &peer.heads()[0];
    let mut lines = head.split("\r\n");
    assert_eq!(
        lines.next(),
        Some(format!("CONNECT {TARGET} HTTP/1.1").as_str())
    );
    let lines: Vec<_> = lines
        .filter(|l| !l.starts_with("Proxy-Authorization: Basic "))
        .collect();
    assert_eq!(
        lines,
        ["X-A: b\tc", "X-A: d", "Host: other", "X-B: é", "", ""]
    );
}
