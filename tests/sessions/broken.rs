//! A connection that dies while a CONNECT is under way: the proxy may have acted on it, so nobody asks again.

use super::raw;
use crate::attacks::frames::PREFACE;
use crate::client::peer::{Conn, Peer};
use crate::client::tls::{Authority, with_alpn};
use crate::support::{Target, connect};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A proxy whose connections die of the first request, after it has shown that it speaks HTTP/2.
struct Dying {
    target: Target,
    requests: Arc<AtomicUsize>,
}

impl Dying {
    fn start(tls: Option<Arc<ServerConfig>>) -> Dying {
        let requests = Arc::new(AtomicUsize::new(0));
        let count = requests.clone();
        let target = Target::start(move |socket, _| match &tls {
            None => die(&socket, &count),
            Some(config) => {
                let session = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
                let mut stream = StreamOwned::new(session, socket);
                stream.conn.complete_io(&mut stream.sock)?;
                match stream.conn.alpn_protocol() {
                    Some(b"h2") => die(stream, &count),
                    _ => {
                        stream.read_exact(&mut [0])?;
                        count.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    }
                }
            }
        });
        Dying { target, requests }
    }

    /// One request by one connection, and no word of a version that it does not speak.
    #[track_caller]
    fn fails(&self, args: &[&str]) {
        let run = connect(args).args(["target.test:1"]).run();
        let line = run.expect_failure(7);
        assert!(!line.contains("not HTTP/2"), "{line}");
        assert_eq!(self.requests.load(Ordering::SeqCst), 1, "{line}");
        assert_eq!(self.target.accepted(), 1, "{line}");
    }
}

fn die<S: Read + Write>(stream: S, requests: &AtomicUsize) -> io::Result<()> {
    raw::session(stream, &[], |stream, _| {
        requests.fetch_add(1, Ordering::SeqCst);
        raw::taken_in(stream)?;
        Err(io::ErrorKind::ConnectionAborted.into())
    })
}

#[test]
fn a_request_under_way_over_tls_is_not_repeated() {
    let authority = Authority::new();
    let config = with_alpn(&authority.config("127.0.0.1", 2100), &["h2", "http/1.1"]);
    let proxy = Dying::start(Some(config));
    let url = format!("https://{}", proxy.target.addr());
    let file = authority.file();
    let file = file.to_str().expect("a path in UTF-8");
    proxy.fails(&["-x", &url, "--cacert", file, "--via", "h2,h1"]);
}

#[test]
fn a_request_under_way_in_the_clear_is_not_repeated() {
    let proxy = Dying::start(None);
    let url = format!("http://{}", proxy.target.addr());
    proxy.fails(&["-x", &url, "--via", "h2,h1"]);
    let proxy = Dying::start(None);
    proxy.fails(&["-x", &format!("h2c://{}", proxy.target.addr())]);
}

/// What has never said anything in HTTP/2 did not take the request either (RFC 9113 §3.4): the next carrier is tried.
#[test]
fn a_port_without_http2_is_asked_over_http1() {
    let close = |conn: &Conn| conn.end();
    let refuse = |conn: &Conn| {
        conn.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
        conn.end()
    };
    type Answer = fn(&Conn) -> io::Result<()>;
    for answer in [close as Answer, refuse as Answer] {
        let proxy = Peer::raw(move |conn| {
            let head = conn.read_head()?;
            if PREFACE.starts_with(head.as_bytes()) {
                answer(&conn)?;
                return conn.read_to_end().map(drop);
            }
            conn.send("HTTP/1.1 200 OK\r\n\r\nhello")?;
            conn.end()?;
            conn.read_to_end().map(drop)
        });
        let run = connect(["-x", &proxy.url(), "--via", "h2,h1", "target.test:1"]);
        assert_eq!(run.run().expect_clean().stdout, b"hello");
        assert_eq!(proxy.heads().len(), 2, "{:?}", proxy.heads());
    }
}
