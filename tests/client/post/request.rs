//! What leaves for the terminator, byte by byte, and when.

use super::{GREETING, GREETS, LAST, OK, POST, chunk};
use crate::client::LIMIT;
use crate::client::expect::TARGET;
use crate::client::peer::Peer;
use crate::support::{Feed, Pattern, connect, sha256};
use std::io;
use std::sync::mpsc::channel;
use std::time::Duration;

/// A terminator that takes the whole of a connection and then answers with an empty tunnel.
fn sent(args: &[&str], stdin: Feed) -> (String, Vec<u8>) {
    let (sender, received) = channel();
    let peer = Peer::new(move |conn| {
        conn.send(OK)?;
        let mut content = Vec::new();
        while !content.ends_with(LAST) {
            content.extend(conn.read_exact(1)?);
        }
        conn.send(LAST)?;
        let rest = conn.read_to_end()?;
        sender
            .send([content, rest].concat())
            .map_err(io::Error::other)
    });
    let run = connect(["-x", &peer.url(), TARGET]).args(POST).args(args);
    run.feed(stdin).limit(LIMIT).run().expect_code(0);
    let content = received.recv_timeout(LIMIT).expect("what was sent");
    (peer.heads().remove(0), content)
}

#[test]
fn the_head_is_as_documented() {
    let version = env!("CARGO_PKG_VERSION");
    let common = format!("User-Agent: tuncat/{version}\r\n");
    let of_post = "Content-Type: application/octet-stream\r\nIncremental: ?1\r\n\
                   Tuncat-Greeting: ?1\r\n";
    let coding = "Transfer-Encoding: chunked\r\n\r\n";
    for (args, path, host, fields) in [
        (
            &[][..],
            "/.well-known/masque/tcp/host.invalid/22/",
            None,
            "",
        ),
        (&["--path", "/"], "/", Some(TARGET), ""),
        (&["--path", "/a?b=c"], "/a?b=c", Some(TARGET), ""),
        (
            &["--path", "/t/{port}/{host}"],
            "/t/22/host.invalid",
            None,
            "",
        ),
        (
            &["-H", "X-A: b"],
            "/.well-known/masque/tcp/host.invalid/22/",
            None,
            "X-A: b\r\n",
        ),
        (
            &["-H", "Host: other.test", "--path", "/"],
            "/",
            Some("other.test"),
            "",
        ),
    ] {
        let (head, content) = sent(args, Feed::Null);
        assert_eq!(content, LAST);
        // Without a host of its own it is asked for as an origin.
        let (line, rest) = head.split_once("\r\nHost: ").expect("a Host field");
        assert_eq!(line, format!("POST {path} HTTP/1.1"));
        let (named, rest) = rest.split_once("\r\n").expect("more fields");
        match host {
            Some(host) => assert_eq!(named, host),
            None => assert!(named.starts_with("127.0.0.1:"), "{named}"),
        }
        assert_eq!(rest, format!("{common}{of_post}{fields}{coding}"));
    }
}

#[test]
fn a_password_goes_where_origins_look() {
    let (head, _) = sent(&["-U", "me:secret", "--proxy-auth", "basic"], Feed::Null);
    assert!(
        head.contains("\r\nAuthorization: Basic bWU6c2VjcmV0\r\n"),
        "{head}"
    );
    assert!(!head.contains("Proxy-Authorization"), "{head}");
}

/// One connection carries one request: well-formed chunks, one last chunk, and nothing behind it.
#[test]
fn the_content_is_chunked() {
    let (_, content) = sent(&[], Feed::Bytes(b"hello".to_vec()));
    assert_eq!(content, [chunk("hello"), LAST.to_vec()].concat());

    let (_, content) = sent(&[], Feed::Pattern(8, 1_000_000));
    let mut rest = &content[..];
    let mut payload = Vec::new();
    loop {
        let at = rest
            .windows(2)
            .position(|two| two == b"\r\n")
            .expect("a line");
        let size = std::str::from_utf8(&rest[..at]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        let (data, after) = rest[at + 2..].split_at(size);
        payload.extend_from_slice(data);
        rest = after.strip_prefix(b"\r\n").expect("an end of the chunk");
        if size == 0 {
            break;
        }
    }
    assert_eq!(rest, b"");
    assert_eq!(sha256(&payload), Pattern::sha256(8, 1_000_000));
}

/// RFC 9931: what a client has ready to send stays here until the terminator has said yes, greeting and all.
#[test]
fn no_payload_before_the_answer() {
    const QUIET: Duration = Duration::from_millis(200);
    let (sender, early) = channel();
    let peer = Peer::new(move |conn| {
        let mut bytes = conn.read_within(QUIET)?;
        conn.send_alone("HTTP/1.1 100 Continue\r\n\r\n")?;
        bytes.extend(conn.read_within(QUIET)?);
        conn.send_alone(GREETS)?;
        bytes.extend(conn.read_within(QUIET)?);
        sender.send(bytes).map_err(io::Error::other)?;
        conn.send(chunk(GREETING))?;
        let hello = conn.read_exact(chunk("hello").len())?;
        conn.send([&hello, LAST].concat())?;
        conn.read_to_end().map(drop)
    });
    let run = connect(["-x", &peer.url(), TARGET])
        .args(POST)
        .stdin("hello");
    let output = run.limit(LIMIT).run().expect_clean();
    assert_eq!(
        early.recv_timeout(LIMIT),
        Ok(Vec::new()),
        "payload before the answer"
    );
    assert_eq!(output.stdout, b"hello");
}
