//! The tunnel breaks: the exit code, the line, the counts, and every byte that came before.

use super::{LAST, OK, POST, chunk, tunnel};
use crate::client::expect::{Failure, Row, Scene, TARGET, check_all, row};
use crate::client::peer::{Conn, Peer};
use crate::client::tls::{Authority, TlsConn, TlsPeer};
use crate::support::Feed;
use std::io;

fn reset(cause: &'static str) -> Failure {
    Failure::new(56, "tunnel", "target", cause)
        .hint("the target, the proxy or a firewall between ended it by force")
}

fn cut(cause: &'static str) -> Failure {
    Failure::new(18, "tunnel", "proxy", cause).hint("the last bytes may be missing")
}

/// An answer with `answer` in a chunk, and then this.
fn broken(name: &'static str, then: fn(Conn) -> io::Result<()>, failure: Failure) -> Row {
    let scene = move || {
        let peer = Peer::new(move |conn| {
            conn.send([OK.as_bytes(), &chunk("answer")].concat())?;
            then(conn)
        });
        tunnel(peer).stdout(b"answer")
    };
    row(name, scene, failure)
}

/// The same over TLS.
fn broken_tls(name: &'static str, then: fn(TlsConn) -> io::Result<()>, failure: Failure) -> Row {
    let scene = move || {
        let authority = Authority::new();
        let peer = TlsPeer::new(authority.config("127.0.0.1", 2100), move |mut conn| {
            conn.send([OK.as_bytes(), &chunk("answer")].concat())?;
            then(conn)
        });
        let root = authority.file();
        let root = root.to_str().expect("a path in UTF-8");
        Scene::new(&["-x", &peer.url(), "--cacert", root, TARGET])
            .args(&POST)
            .stdout(b"answer")
            .hop(format!("tunnel to {TARGET}"), peer.addr())
            .keep((authority, peer))
    };
    row(name, scene, failure)
}

fn end(conn: &Conn) -> io::Result<()> {
    conn.end()?;
    conn.read_to_end().map(drop)
}

fn end_tls(mut conn: TlsConn) -> io::Result<()> {
    conn.end()?;
    // The client may go without another word.
    io::copy(&mut conn.stream.sock, &mut io::sink()).map(drop)
}

#[rustfmt::skip] // A row a line.
#[test]
fn every_break() {
    let after = "the tunnel was cut off without an end after 0 bytes sent and 6 received";
    let by_force = "the tunnel was reset after 0 bytes sent and 6 received";
    check_all(vec![
        broken("FIN between chunks", |conn| end(&conn), cut(after)),
        broken("FIN in a size", |conn| { conn.send("5")?; end(&conn) }, cut(after)),
        broken("FIN in the last chunk", |conn| { conn.send("0\r\n")?; end(&conn) }, cut(after)),
        broken("FIN in a trailer", |conn| { conn.send("0\r\nA: b\r\n")?; end(&conn) }, cut(after)),
        broken("RST", Conn::reset, reset(by_force)),
        broken("RST in the last chunk", |conn| { conn.send("0\r\n")?; conn.reset() }, reset(by_force)),
        broken_tls("TLS: FIN alone", TlsConn::cut, cut(after)),
        broken_tls("TLS: close_notify", end_tls, cut(after)),
        broken_tls("TLS: RST", TlsConn::reset, reset(by_force)),
    ]);
}

/// What came before is kept, also where it came together with what is wrong.
#[rustfmt::skip]
#[test]
fn every_malformed_chunk() {
    let bad = |cause| Failure::new(56, "tunnel", "network", cause);
    let rows = [
        ("no size", "\r\n", "the tunnel broke (not chunked content: a chunk has no size) after 0 bytes sent and 6 received"),
        ("a negative size", "-5\r\n", "the tunnel broke (not chunked content: a chunk has no size) *"),
        ("0x", "0x5\r\n", "the tunnel broke (not chunked content: a chunk's size is not hexadecimal) *"),
        ("no digit", "5g\r\n", "the tunnel broke (not chunked content: a chunk's size is not hexadecimal) *"),
        ("LF alone", "5\nhello", "the tunnel broke (not chunked content: *) *"),
        ("CR alone", "5\rhello", "the tunnel broke (not chunked content: CR without LF) *"),
        ("a size without end", "ffffffffffffffffff\r\n", "the tunnel broke (not chunked content: a chunk is too large) *"),
        ("another answer", "HTTP/1.1 502 Bad Gateway\r\n\r\n", "the tunnel broke (not chunked content: a chunk has no size) *"),
        ("a trailer without CR", "0\r\nA: b\n\r\n", "the tunnel broke (not chunked content: a line ends with LF alone) *"),
    ];
    let together = |wrong: &'static str| Peer::new(move |conn| {
        conn.send([OK.as_bytes(), &chunk("answer"), wrong.as_bytes()].concat())?;
        conn.read_to_end().map(drop)
    });
    let apart = |wrong: &'static str| Peer::new(move |conn| {
        conn.send_alone([OK.as_bytes(), &chunk("answer")].concat())?;
        conn.send(wrong)?;
        conn.read_to_end().map(drop)
    });
    check_all(rows.into_iter().flat_map(|(name, wrong, cause)| [
        row(name, move || tunnel(together(wrong)).stdout(b"answer"), bad(cause)),
        row(name, move || tunnel(apart(wrong)).stdout(b"answer"), bad(cause)),
    ]).collect());
}

/// Both directions are counted, whichever has ended.
#[rustfmt::skip]
#[test]
fn both_counts() {
    let takes_all = |conn: &Conn| conn.read_exact(chunk("hello").len() + LAST.len());
    check_all(vec![
        row("after our end", move || tunnel(Peer::new(move |conn| {
            conn.send(OK)?;
            takes_all(&conn)?;
            conn.send(chunk("answer"))?;
            conn.reset()
        })).stdin(|| Feed::Bytes(b"hello".into())).stdout(b"answer"),
            reset("the tunnel was reset after 5 bytes sent and 6 received")),
        row("before our end", || tunnel(Peer::new(|conn| {
            conn.send(OK)?;
            conn.read_exact(chunk("hello").len())?;
            conn.send(chunk("answer"))?;
            conn.end()?;
            conn.read_to_end().map(drop)
        })).stdin(|| Feed::Open(b"hello".into())).stdout(b"answer"),
            cut("the tunnel was cut off without an end after 5 bytes sent and 6 received")),
    ]);
}

/// Neither extensions nor trailers nor sizes without end are gathered: the program says so and does not grow.
#[test]
fn floods() {
    for (beginning, cause) in [
        ("5;", "a chunk's extensions are too long"),
        ("0\r\nA: ", "the trailers are too long"),
        ("0", "a chunk is too large"),
    ] {
        let (sender, taken) = std::sync::mpsc::channel();
        let peer = Peer::new(move |conn| {
            conn.send([OK, beginning].concat())?;
            let mut count = 0_u64;
            while count < 1 << 30 && conn.send([b'0'; 64 * 1024]).is_ok() {
                count += 64 * 1024;
            }
            sender.send(count).map_err(io::Error::other)
        });
        let line = tunnel(peer).run(&[]).expect_failure(56);
        assert!(line.contains(cause), "{line}");
        let taken = taken
            .recv_timeout(crate::support::TIMEOUT)
            .expect("a count");
        assert!(taken < 64 << 20, "{taken} bytes were taken");
    }
}
