//! What the end of the answer to a POST means, and what comes behind it.

use crate::support::{Feed, Target, connect};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

/// The whole answer, and the end of the connection: nobody takes the rest of the request.
#[test]
fn a_connection_that_ends_before_the_request_is_a_reset() {
    let proxy = Target::start(|stream, _| {
        let mut lines = BufReader::new(&stream).lines();
        while lines.next().transpose()?.is_some_and(|l| !l.is_empty()) {}
        (&stream).write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        (&stream).write_all(b"3\r\nbye\r\n0\r\n\r\n")?;
        stream.shutdown(Shutdown::Write)?;
        io::copy(&mut &stream, &mut io::sink()).map(drop)
    });
    let through = |feed| {
        let run = connect(["-x", &format!("http://{}", proxy.addr())]);
        run.args(["--via", "h1-post", "h:1"]).feed(feed).run()
    };
    let output = through(Feed::Pattern(1, 64 * 1024 * 1024));
    assert_eq!(output.stdout, b"bye");
    let line = output.expect_failure(56);
    assert!(line.contains(": the tunnel was reset after "), "{line}");
    // With nothing left to send nothing is lost.
    let output = through(Feed::Open(Vec::new())).expect_clean();
    assert_eq!(output.stdout, b"bye");
}

/// RFC 9113 §8.1: a server that has answered and needs no more of the request says so by NO_ERROR. Any other reset
/// behind the end says that the answer was cut off before.
#[test]
fn a_reset_behind_the_end_of_a_stream() {
    const NO_ERROR: u8 = 0;
    const CANCEL: u8 = 8;
    let through = |reason| {
        let proxy = Target::start(move |stream, _| answer_and_reset(&stream, reason));
        let run = connect(["-x", &format!("h2c://{}", proxy.addr())]);
        let run = run.args(["--via", "h2-post", "h:1"]);
        let output = run.feed(Feed::Open(Vec::new())).run();
        assert_eq!(output.stdout, b"part");
        output
    };
    through(NO_ERROR).expect_clean();
    let line = through(CANCEL).expect_failure(56);
    assert!(line.contains(": the tunnel was reset after "), "{line}");
}

/// 200, `part`, the end, and RST_STREAM.
fn answer_and_reset(mut stream: &TcpStream, reason: u8) -> io::Result<()> {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    let send = |kind, flags, id: u8, payload: &[u8]| {
        let length = u8::try_from(payload.len()).expect("a short frame");
        let head = [0, 0, length, kind, flags, 0, 0, 0, id];
        (&*stream).write_all(&[&head, payload].concat())
    };
    send(SETTINGS, 0, 0, &[])?;
    stream.read_exact(&mut [0; 24])?;
    let mut head = [0; 9];
    while head[3] != HEADERS {
        stream.read_exact(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        io::copy(&mut stream.take(u64::from(length)), &mut io::sink())?;
    }
    // `:status: 200` of HPACK's static table.
    send(HEADERS, 4, 1, &[0x88])?;
    send(DATA, 0, 1, b"part")?;
    send(DATA, 1, 1, b"")?;
    send(RST_STREAM, 0, 1, &[0, 0, 0, reason])?;
    io::copy(&mut stream, &mut io::sink()).map(drop)
}
