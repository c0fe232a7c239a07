//! How much of a POST is held back on the way, with fronts that hold back a known number of bytes.

use super::examine;
use crate::client::peer::{Peer, read_head};
use crate::support::Serve;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::thread;

/// A front of `serve` that passes requests on once `octets` have come behind their heads (or their end), and answers
/// once `answer` have come behind theirs.
fn holding(serve: &Serve, octets: usize, answer: usize) -> Peer {
    let port = serve.port;
    Peer::raw(move |conn| {
        let head = read_head(&conn.stream)?;
        let back = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        let post = head.starts_with("POST ");
        let (from, to) = (conn.stream.try_clone()?, back.try_clone()?);
        let held = if post { octets } else { 0 };
        let sending = thread::spawn(move || pass_on(head.as_bytes(), &from, &to, held));
        let head = read_head(&back)?;
        (&conn.stream).write_all(head.as_bytes())?;
        let held = if post { answer } else { 0 };
        pass_on(b"", &back, &conn.stream, held)?;
        sending.join().expect("the other direction")
    })
}

/// `head` and what comes behind it, once there is enough of it or its end.
fn pass_on(head: &[u8], mut from: &TcpStream, mut to: &TcpStream, held: usize) -> io::Result<()> {
    let mut kept = Vec::new();
    let mut piece = [0; 4096];
    while kept.len() < held && !kept.ends_with(b"\r\n0\r\n\r\n") && kept != b"0\r\n\r\n" {
        match from.read(&mut piece)? {
            0 => break,
            count => kept.extend_from_slice(&piece[..count]),
        }
    }
    to.write_all(head)?;
    to.write_all(&kept)?;
    io::copy(&mut from, &mut to)?;
    to.shutdown(Shutdown::Write)
}

#[test]
fn a_request_held_back_until_so_many_bytes_are_there() {
    let serve = Serve::start();
    let front = holding(&serve, 20_000, 0);
    let seen = examine(&["-x", &front.url(), "-w", "2", "--via", "h1,h1-post"]);
    let way = &seen.report["buffering"][0];
    assert_eq!(way["request"], "until_bytes", "{:#}", seen.report);
    let octets = way["request_bytes"].as_u64().expect("a number");
    // Chunks have heads, which count for the front; and the steps are a sixteenth of 32 KiB.
    assert!((19_000..=22_528).contains(&octets), "{octets}");
    assert!(seen.codes().contains(&"post_request_buffered".to_owned()));
    let finding = seen.report["findings"].to_string();
    assert!(
        finding.contains(&format!("about {octets} bytes")),
        "{finding}"
    );
}

#[test]
fn a_request_held_back_until_it_ends() {
    let serve = Serve::start();
    let front = holding(&serve, usize::MAX, 0);
    let seen = examine(&["-x", &front.url(), "-w", "2", "--via", "h1-post"]);
    assert_eq!(
        seen.each("buffering", &["carrier", "request"]),
        ["h1-post until_end"]
    );
    assert_eq!(seen.codes(), ["post_request_buffered"]);
    assert_eq!(seen.output.code, 102);
    let ask = seen.report["ask"].to_string();
    assert!(ask.contains("buffering of requests"), "{ask}");
}

#[test]
fn an_answer_held_back_until_so_many_bytes_are_there() {
    let serve = Serve::start();
    let front = holding(&serve, 0, 5000);
    let seen = examine(&["-x", &front.url(), "-w", "6", "--via", "h1-post"]);
    let way = &seen.report["buffering"][0];
    assert_eq!(way["answer"], "until_bytes", "{:#}", seen.report);
    assert_eq!(way["request"], "none");
    let octets = way["answer_bytes"].as_u64().expect("a number");
    // The target doubles what it sends: 4 KiB were too few.
    assert!((5000..=16_384).contains(&octets), "{octets}");
    assert!(seen.codes().contains(&"post_answer_buffered".to_owned()));
}

#[test]
fn an_answer_held_back_until_it_ends() {
    let serve = Serve::start();
    let front = holding(&serve, 0, usize::MAX);
    let seen = examine(&["-x", &front.url(), "-w", "6", "--via", "h1-post"]);
    assert_eq!(
        seen.each("buffering", &["request", "answer"]),
        ["none held"]
    );
    assert_eq!(seen.codes(), ["post_answer_buffered"]);
}
