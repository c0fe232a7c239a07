//! Names that have no address, connections that do not come about, and connections that break.

use crate::client::expect::{Failure, Row, Scene, TARGET, check_all, row};
use crate::client::kernel::wait_until_read;
use crate::client::peer::{Conn, OK, OK_KEEPS, Peer};
use crate::client::tls::{Authority, TlsConn, TlsPeer};
use crate::support::{ClosedPort, Feed, Serve};
use std::io;
use std::time::Instant;

pub fn rows() -> Vec<Row> {
    [names(), nobody(), before_an_answer(), in_the_middle()]
        .into_iter()
        .flatten()
        .collect()
}

const NAMES: &str = "check the name, and that this machine's DNS works";

/// Without asking anybody: an address of the other family, or given on the command line.
#[rustfmt::skip] // A row a line.
fn names() -> Vec<Row> {
    let named = |code, name, args: &'static [&'static str], hop: &'static str, cause| {
        let failure = Failure::new(code, "resolve", "network", cause).hint(NAMES);
        row(name, move || Scene::new(args).far_hop(hop), failure)
    };
    vec![
        named(5, "no IPv6 address of the proxy", &["-6", "-x", "http://127.0.0.1:1", TARGET],
            "proxy http://127.0.0.1:1", "127.0.0.1 has no IPv6 address"),
        named(5, "no IPv4 address of the proxy", &["-4", "-x", "https://p.test:8", TARGET, "--resolve", "p.test:8:::1"],
            "proxy https://p.test:8", "p.test has no IPv4 address"),
        named(6, "no IPv4 address of the target", &["-4", "[::1]:22"], "target [::1]:22", "[::1] has no IPv4 address"),
        named(6, "no IPv6 address of the target", &["-6", "--resolve", "t.test:22:127.0.0.1", "t.test:22"],
            "target t.test:22", "t.test has no IPv6 address"),
    ]
}

fn nobody() -> Vec<Row> {
    let refused = |blame, hint| {
        let cause = "Connection refused";
        Failure::new(7, "connect", blame, cause).hint(hint)
    };
    vec![
        row(
            "a closed port",
            || {
                let closed = ClosedPort::new();
                let url = format!("http://{}", closed.addr());
                Scene::new(&["-x", &url, TARGET])
                    .hop(format!("proxy {url}"), closed.addr())
                    .keep(closed)
            },
            refused("proxy", "check the proxy's address and port*"),
        ),
        row(
            "a closed port by name",
            || {
                let closed = ClosedPort::new();
                let url = format!("https://p.test:{}", closed.port);
                let pinned = format!("p.test:{}:127.0.0.1", closed.port);
                Scene::new(&["-x", &url, TARGET, "--resolve", &pinned])
                    .hop(format!("proxy {url}"), closed.addr())
                    .keep(closed)
            },
            refused("proxy", "check the proxy's address and port*"),
        ),
        row(
            "a closed port of the target",
            || {
                let closed = ClosedPort::new();
                Scene::new(&[&closed.addr()])
                    .hop(format!("target {}", closed.addr()), closed.addr())
                    .keep(closed)
            },
            refused("target", "*no proxy is used (see -x)"),
        ),
        row(
            "no unix socket",
            || Scene::new(&["unix:/nonexistent/socket"]).far_hop("target unix:/nonexistent/socket"),
            Failure::new(7, "connect", "target", "No such file or directory"),
        ),
        row(
            "a target that the proxy cannot reach",
            || {
                let (serve, closed) = (Serve::start(), ClosedPort::new());
                let scene = Scene::new(&["-x", &serve.url, &closed.addr()]);
                let peer = format!("127.0.0.1:{}", serve.port);
                scene
                    .hop(format!("proxy {}", serve.url), peer)
                    .keep((serve, closed))
            },
            Failure::refused(103, "target", "502 Bad Gateway")
                .token("connection_refused")
                .body("Connection refused")
                .hint("the proxy could not reach 127.0.0.1:*"),
        ),
    ]
}

#[rustfmt::skip]
fn before_an_answer() -> Vec<Row> {
    let raw = |name, script: fn(Conn) -> io::Result<()>, what: &'static str| {
        let failure = Failure::new(7, "CONNECT", "proxy", what).hint("check that this is an HTTP proxy*");
        row(name, move || Scene::through(Peer::raw(script)), failure)
    };
    let (closed, reset) = ("closed the connection before answering", "reset the connection before answering");
    vec![
        raw("closed after the request", |conn| conn.read_head().map(drop), closed),
        raw("closed before the request", |conn| { conn.end()?; conn.read_to_end().map(drop) }, closed),
        raw("closed within the head", |conn| { conn.read_head()?; conn.send("HTTP/1.1 200 OK\r\nVia:") }, closed),
        raw("closed before the empty line", |conn| { conn.read_head()?; conn.send("HTTP/1.1 200 OK\r\n") }, closed),
        raw("closed after an interim answer", |conn| { conn.read_head()?; conn.send("HTTP/1.1 100 Continue\r\n\r\n") }, closed),
        raw("reset after the request", |conn| { conn.read_head()?; conn.reset() }, reset),
        raw("reset within the head", |conn| { conn.read_head()?; conn.send("HTTP/1.1 2")?; conn.reset() }, reset),
        // What it did not read makes the kernel send a reset.
        raw("closed without reading", |conn| { wait_for_request(&conn)?; Ok(()) }, reset),
    ]
}

/// Waits for the first octet of the request and leaves it where it is.
fn wait_for_request(conn: &Conn) -> io::Result<()> {
    conn.stream.peek(&mut [0]).map(drop)
}

fn in_the_middle() -> Vec<Row> {
    let reset = |cause| {
        Failure::new(56, "tunnel", "target", cause)
            .hint("the target, the proxy or a firewall between ended it by force")
    };
    let cut =
        |cause| Failure::new(18, "tunnel", "proxy", cause).hint("the last bytes may be missing");
    vec![
        row(
            "reset while both sides speak",
            || {
                through(Peer::new(|conn| {
                    conn.send(OK)?;
                    conn.read_exact(5)?;
                    conn.send("answer")?;
                    conn.reset()
                }))
                .stdin(|| Feed::Open(b"hello".into()))
                .stdout(b"answer")
            },
            reset("the tunnel was reset after 5 bytes sent and 6 received"),
        ),
        row(
            "reset after our end",
            || {
                through(Peer::new(|conn| {
                    conn.send(OK_KEEPS)?;
                    conn.read_to_end()?;
                    conn.send("answer")?;
                    conn.reset()
                }))
                .stdin(|| Feed::Bytes(b"hello".into()))
                .stdout(b"answer")
            },
            reset("the tunnel was reset after 5 bytes sent and 6 received"),
        ),
        row(
            "reset while our end is held back",
            || {
                through(Peer::new(|conn| {
                    conn.send(OK)?;
                    conn.read_exact(5)?;
                    conn.reset()
                }))
                .args(&["--fin-delay", "60"])
                .stdin(|| Feed::Bytes(b"hello".into()))
            },
            reset("the tunnel was reset after 5 bytes sent and 0 received"),
        ),
        row(
            "reset over TLS",
            || {
                over_tls(|mut conn| {
                    conn.send("HTTP/1.1 200 OK\r\n\r\nanswer")?;
                    conn.reset()
                })
                .stdout(b"answer")
            },
            reset("the tunnel was reset after 0 bytes sent and 6 received"),
        ),
        row(
            "TLS without an end",
            || {
                over_tls(|mut conn| {
                    conn.send("HTTP/1.1 200 OK\r\n\r\nanswer")?;
                    conn.cut()
                })
                .stdout(b"answer")
            },
            cut("the tunnel was cut off without an end after 0 bytes sent and 6 received"),
        ),
    ]
}

/// As [`Scene::through`], for a tunnel that opens: then the tunnel is what breaks.
fn through(proxy: Peer) -> Scene {
    let addr = proxy.addr();
    Scene::through(proxy).hop(format!("tunnel to {TARGET}"), addr)
}

fn over_tls(script: fn(TlsConn) -> io::Result<()>) -> Scene {
    let authority = Authority::new();
    let peer = TlsPeer::new(authority.config("127.0.0.1", 2100), script);
    let root = authority.file();
    let root = root.to_str().expect("a path in UTF-8");
    Scene::new(&["-x", &peer.url(), "--cacert", root, TARGET])
        .hop(format!("tunnel to {TARGET}"), peer.addr())
        .keep((authority, peer))
}

#[test]
fn every_connection_that_fails() {
    check_all(rows());
}

/// A name that certainly does not exist (RFC 6761 §6.4), asked of the system's resolver. What that says is its own
/// matter, and so is how long it takes where there is no server to ask.
#[test]
fn names_that_do_not_exist() {
    for (args, code, start) in [
        (
            &["-x", "http://no.such.invalid:1", TARGET][..],
            5,
            "tuncat: resolve: proxy http://no.such.invalid:1: no.such.invalid: ",
        ),
        (
            &["no.such.invalid:22"],
            6,
            "tuncat: resolve: target no.such.invalid:22: no.such.invalid: ",
        ),
    ] {
        let line = crate::support::connect(args)
            .env("RES_OPTIONS", "timeout:1 attempts:1")
            .args(["-w", "8"])
            .limit(crate::client::LIMIT)
            .run()
            .expect_failure(code);
        let rest = line.strip_prefix(start).unwrap_or_else(|| panic!("{line}"));
        assert!(rest.ends_with(&format!("; {NAMES}")), "{line}");
    }
}

/// Nobody is there: that is known at once.
#[test]
fn a_closed_port_is_told_at_once() {
    let closed = ClosedPort::new();
    let url = format!("http://{}", closed.addr());
    let fastest = (0..5).map(|_| {
        let started = Instant::now();
        Scene::new(&["-x", &url, TARGET]).run(&[]).expect_failure(7);
        started.elapsed()
    });
    let fastest = fastest.min().expect("five runs");
    assert!(fastest.as_millis() < 100, "{fastest:?}");
}

/// The connection that broke is named by the first failure, and its bytes are there before it.
#[test]
fn a_reset_right_behind_a_large_answer() {
    const LEN: usize = 1 << 20;
    let peer = Peer::new(|conn| {
        conn.send(OK)?;
        conn.send(crate::support::pattern(3, LEN))?;
        wait_until_read(&conn.stream)?;
        conn.reset()
    });
    let output = through(peer).run(&[]).expect_code(56);
    assert_eq!(output.stdout_len, LEN as u64);
    assert_eq!(
        output.stdout_sha256,
        crate::support::Pattern::sha256(3, LEN as u64)
    );
}
