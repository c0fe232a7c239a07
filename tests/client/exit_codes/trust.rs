//! TLS with the proxy that does not come about.

use crate::client::expect::{Failure, Row, Scene, TARGET, check_all, row};
use crate::client::peer::Peer;
use crate::client::tls::{Authority, TlsConn, TlsPeer, with_alpn};
use crate::support::{Serve, wait_for};
use std::io;

pub fn rows() -> Vec<Row> {
    [certificates(), handshakes()]
        .into_iter()
        .flatten()
        .collect()
}

/// A pin of nobody's key.
const WRONG_PIN: &str = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn open(mut conn: TlsConn) -> io::Result<()> {
    conn.send("HTTP/1.1 200 OK\r\n\r\nhello")?;
    conn.end()
}

/// A proxy with a certificate of `authority` for `host`, and the client's trust in `trusted`.
fn proxy(authority: &Authority, host: &str, year: i32, trusted: Option<&Authority>) -> Scene {
    let peer = TlsPeer::new(authority.config(host, year), open);
    let mut scene = Scene::new(&["-x", &peer.url(), TARGET]);
    if let Some(trusted) = trusted {
        let file = trusted.file();
        scene = scene.args(&["--cacert", file.to_str().expect("a path in UTF-8")]);
    }
    scene
        .hop(format!("proxy {}", peer.url()), peer.addr())
        .keep(NothingSent(peer))
}

/// Checks at the end that the proxy got no octet of a request.
struct NothingSent(TlsPeer);

impl Drop for NothingSent {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.0.accepted(), 3, "three runs, a connection each");
            assert_eq!(
                self.0.received(),
                0,
                "octets sent before the proxy was known"
            );
        }
    }
}

fn certificates() -> Vec<Row> {
    let untrusted = |cause| Failure::new(60, "TLS handshake", "proxy", cause);
    vec![
        row(
            "an authority that nobody knows",
            || proxy(&Authority::new(), "127.0.0.1", 2100, None),
            untrusted("the certificate is signed by an authority that is not trusted here (of CN=Test Proxy, by CN=Test Authority *)")
                .hint("give the authority's certificate with --cacert, or the key with --pin"),
        ),
        row(
            "another authority than the trusted one",
            || {
                let other = Authority::new();
                proxy(&Authority::new(), "127.0.0.1", 2100, Some(&other)).keep(other)
            },
            untrusted("the certificate is signed by an authority that is not trusted here (of CN=Test Proxy, by CN=Test Authority *)")
                .hint("give the authority's certificate with --cacert, or the key with --pin"),
        ),
        row(
            "another name",
            || {
                let authority = Authority::new();
                proxy(&authority, "other.test", 2100, Some(&authority)).keep(authority)
            },
            untrusted("certificate not valid for name \"127.0.0.1\"*other.test*")
                .hint("use the name that the certificate is for, --sni, or --pin"),
        ),
        row(
            "an expired certificate",
            || {
                let authority = Authority::new();
                proxy(&authority, "127.0.0.1", 2002, Some(&authority)).keep(authority)
            },
            untrusted("the certificate has expired on Tue, 31 Dec 2002 00:00:00 GMT (of*").hint("check this machine's clock*"),
        ),
        row(
            "another key than the pinned one",
            || {
                let authority = Authority::new();
                proxy(&authority, "127.0.0.1", 2100, Some(&authority))
                    .args(&["--pin", WRONG_PIN])
                    .keep(authority)
            },
            untrusted("the key of the certificate is none of the pinned ones")
                .hint("compare with the pin that its owner gives"),
        ),
        row(
            "a certificate of the proxy's own",
            || {
                let serve = Serve::with(&["--self-signed"]);
                let peer = format!("127.0.0.1:{}", serve.port);
                Scene::new(&["-x", &serve.url, "echo:"])
                    .hop(format!("proxy {}", serve.url), peer)
                    .keep(serve)
            },
            untrusted("the certificate is*").hint("*--pin"),
        ),
    ]
}

fn handshakes() -> Vec<Row> {
    let failed = |cause| Failure::new(35, "TLS handshake", "proxy", cause);
    vec![
        row(
            "a port that speaks clear HTTP",
            || clear(|conn| conn.send("HTTP/1.1 400 Bad Request\r\n\r\n")),
            failed("the answer is not TLS")
                .hint("if this port speaks clear HTTP, write http:// instead of https://"),
        ),
        row(
            "a port that speaks SSH",
            || clear(|conn| conn.send("SSH-2.0-OpenSSH_9.2p1\r\n")),
            failed("the answer is not TLS").hint("*http:// instead of https://"),
        ),
        row(
            "closed during the handshake",
            || clear(|conn| conn.end()),
            failed("the connection was closed during the handshake")
                .hint("check that this port speaks TLS (https://), not clear HTTP (http://)"),
        ),
        row(
            "no common protocol",
            || {
                let authority = Authority::new();
                let config = authority.config("127.0.0.1", 2100);
                let peer = TlsPeer::new(with_alpn(&config, &["h3"]), open);
                let root = authority.file();
                let root = root.to_str().expect("a path in UTF-8");
                Scene::new(&["-x", &peer.url(), "--cacert", root, TARGET])
                    .hop(format!("proxy {}", peer.url()), peer.addr())
                    .keep((authority, NothingSent(peer)))
            },
            failed("*").hint("over TLS the proxy offers none of the protocols that --via allows"),
        ),
    ]
}

/// A proxy in the clear that is spoken to with TLS: it reads the beginning of the ClientHello and runs the script.
fn clear(script: fn(&crate::client::peer::Conn) -> io::Result<()>) -> Scene {
    let peer = Peer::raw(move |conn| {
        assert_eq!(conn.read_exact(1)?, [22], "a handshake record");
        script(&conn)?;
        conn.read_to_end().map(drop)
    });
    let url = peer.url().replace("http:", "https:");
    Scene::new(&["-x", &url, TARGET])
        .hop(format!("proxy {url}"), peer.addr())
        .keep(peer)
}

#[test]
fn every_handshake_that_fails() {
    check_all(rows());
}

/// The other way round: TLS is expected, and it is spoken to in the clear.
#[test]
fn a_proxy_that_speaks_tls_spoken_to_in_the_clear() {
    let serve = Serve::with(&["--self-signed"]);
    let url = serve.url.replace("https:", "http:");
    let output = Scene::new(&["-x", &url, "echo:"]).run(&[]);
    let line = output.expect_failure(105);
    assert!(line.contains("https://"), "{line}");
}

/// What is trusted is served: the same certificates with the right name, root or pin, or with `-k`.
#[test]
fn every_way_to_trust() {
    let authority = Authority::new();
    let root = authority.file();
    let root = root.to_str().expect("a path in UTF-8");
    let right = TlsPeer::new(authority.config("127.0.0.1", 2100), open);
    let named = TlsPeer::new(authority.config("p.test", 2100), open);
    let expired = TlsPeer::new(authority.config("other.test", 2002), open);
    let port = named.addr().replace("127.0.0.1:", "");
    let (pinned, url) = (
        format!("p.test:{port}:127.0.0.1"),
        format!("https://p.test:{port}"),
    );
    for args in [
        &["-x", &right.url(), "--cacert", root][..],
        &["-x", &url, "--resolve", &pinned, "--cacert", root],
        &["-x", &expired.url(), "-k"],
    ] {
        let output = crate::support::connect(args).arg(TARGET).run();
        assert_eq!(output.expect_clean().stdout, b"hello");
    }
    let mut serve = Serve::with(&["--self-signed"]);
    let pin = serve.pin();
    for more in [
        &["--pin", &pin][..],
        // One of several is enough.
        &["--pin", WRONG_PIN, "--pin", &pin],
        &["-k"],
    ] {
        let run = crate::support::connect(["-x", &serve.url, "echo:"]);
        let output = run.args(more).stdin("hello").run().expect_clean();
        assert_eq!(output.stdout, b"hello");
    }
    wait_for("three requests", || {
        let heads = [&right, &named, &expired].map(|peer| peer.heads().len());
        (heads == [1, 1, 1]).then_some(())
    });
}
