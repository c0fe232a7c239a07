//! What goes through an intermediary that holds nothing back.

use super::Way;
use crate::real::{MIB, echo_whole, whole};
use crate::support::{ClosedPort, Feed, Pattern, TIMEOUT, Target};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Single lines, each of which waits for the one before: the target's first, then an answer to each. An intermediary
/// that puts each off a little, for others to come, would take far too long.
pub fn dialogue(way: &Way) {
    const LINES: usize = 200;
    let target = Target::start(|stream, _| {
        stream.set_nodelay(true)?;
        (&stream).write_all(b"ready\n")?;
        for line in BufReader::new(&stream).lines() {
            let answer = format!("{} back\n", line?);
            (&stream).write_all(answer.as_bytes())?;
        }
        Ok(())
    });
    let listen = way.listen(&target.addr());
    let stream = to(listen.ports[0]);
    stream.set_nodelay(true).expect("set an option");
    let mut lines = BufReader::new(&stream).lines();
    let mut next = || lines.next().expect("a line").expect("read a line");
    assert_eq!(next(), "ready");
    let start = Instant::now();
    for n in 0..LINES {
        let line = format!("line {n}\n");
        (&stream).write_all(line.as_bytes()).expect("send a line");
        assert_eq!(next(), format!("line {n} back"));
    }
    assert!(start.elapsed() < TIMEOUT, "{:?}", start.elapsed());
}

/// Neither direction waits for the other, as it would with an echo: while HAProxy 2.6 cannot send on what it has from an
/// HTTP/2 client, it reads no more from it, credit for the other direction included.
pub fn whole_both_ways_at_once(way: &Way) {
    whole::connect_and_end_first(&way.args(), way.carrier, &whole::sends_and_reads());
}

/// More than all buffers on the way take.
pub const SLOW: u64 = 64 * MIB;

/// A target that begins to read when everything on the way is full.
pub fn slow_target() -> Target {
    Target::start(|stream, recorder| {
        // The script of a slow peer, not a wait for anything.
        thread::sleep(Duration::from_millis(400));
        recorder.read_to_end(&stream)
    })
}

/// Nothing gets stuck where a target takes less than comes.
pub fn a_slow_target_gets_all(way: &Way) {
    let target = slow_target();
    let run = way.connect().arg(target.addr());
    run.feed(Feed::Pattern(3, SLOW)).run().expect_clean();
    assert_eq!(target.received(1), (SLOW, Pattern::sha256(3, SLOW)));
}

/// The word of `serve` for it comes through.
pub fn a_target_that_refuses_is_103(way: &Way) {
    let closed = ClosedPort::new();
    let line = way.connect().arg(closed.addr()).run().expect_failure(103);
    let target = closed.addr();
    let text = format!(
        "502 Bad Gateway [connection_refused]: \"Connection refused\"; the proxy could not reach {target}; check name \
         and port, and that it is up"
    );
    let proxy = way.url();
    assert_eq!(line, format!("tuncat: POST: proxy {proxy}: {text}"));
}

/// The client's end arrives, and the answer is whole although it comes only long after it.
pub fn client_ends_first(way: &Way) {
    let target = Target::start(|stream, recorder| {
        recorder.read_to_end(&stream)?;
        // The script of a slow peer, not a wait for anything.
        thread::sleep(Duration::from_millis(1000));
        io::copy(&mut Pattern::new(7, MIB), &mut &stream).map(drop)
    });
    let run = way.connect().arg(target.addr()).stdin("hello").hash_only();
    let output = run.run().expect_clean();
    assert_eq!(target.received(1).0, 5);
    assert_eq!(output.stdout_len, MIB);
    assert_eq!(output.stdout_sha256, Pattern::sha256(7, MIB));
}

/// One after the other, then many at once.
pub fn many_tunnels(way: &Way) {
    let echo = Target::echo();
    let listen = way.listen(&echo.addr());
    let port = listen.ports[0];
    for n in 0..100 {
        echo_whole(port, n, 1000 + n);
    }
    let clients = (0..50).map(|n| thread::spawn(move || echo_whole(port, 200 + n, 100_000 + n)));
    let clients: Vec<_> = clients.collect();
    for client in clients {
        client.join().expect("a client of tuncat listen");
    }
    assert_eq!(echo.accepted(), 150);
}

/// A connection to a port of 127.0.0.1, on which nothing takes for ever.
pub fn to(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect to a port");
    stream.set_read_timeout(Some(TIMEOUT)).expect("set a limit");
    stream
}
