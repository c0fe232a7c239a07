//! Two proxies in a row: the bytes go through both, each failure names its hop, and no secret goes past its own.

mod failures;
mod secrets;

use super::LIMIT;
use super::peer::{Conn, OK, Peer};
use crate::support::{Feed, Pattern, Serve, Target, connect};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;

const LEN: u64 = 8 << 20;

/// The first hop in the clear, the second over TLS with a pinned key, or the other way round.
#[test]
fn bytes_go_through_both() {
    let (clear, mut tls) = (Serve::start(), Serve::with(&["--self-signed"]));
    let (target, pin) = (Target::echo(), tls.pin());
    for [first, second] in [
        [&clear, &tls],
        [&tls, &clear],
        [&clear, &clear],
        [&tls, &tls],
    ] {
        let args = [
            "-x",
            &first.url,
            "-x",
            &second.url,
            "--pin",
            &pin,
            &target.addr(),
        ];
        let run = connect(args).feed(Feed::Pattern(50, LEN)).hash_only();
        let output = run.limit(LIMIT).run().expect_clean();
        assert_eq!(
            (output.stdout_len, &output.stdout_sha256),
            (LEN, &Pattern::sha256(50, LEN))
        );
    }
    assert_eq!(target.accepted(), 4);
}

/// Both keep half-closed connections, so the whole way does.
#[test]
fn an_answer_after_the_end_comes_through_both() {
    let (clear, mut tls) = (Serve::start(), Serve::with(&["--self-signed"]));
    let (target, pin) = (Target::answers_after_eof(51, LEN), tls.pin());
    let args = [
        "-x",
        &clear.url,
        "-x",
        &tls.url,
        "--pin",
        &pin,
        "--fin-delay",
        "60",
    ];
    let run = connect(args)
        .arg(target.addr())
        .feed(Feed::Pattern(52, LEN));
    let output = run.hash_only().limit(LIMIT).run().expect_clean();
    assert_eq!(output.stdout_sha256, Pattern::sha256(51, LEN));
    assert_eq!(target.received(1), (LEN, Pattern::sha256(52, LEN)));
}

/// One of them is not known to keep them: the end is held back.
#[test]
fn one_unknown_hop_is_enough_for_the_delay() {
    let serve = Serve::start();
    for unknown_first in [true, false] {
        let unknown = relay(OK);
        let urls = match unknown_first {
            true => [&unknown.0.url(), &serve.url],
            false => [&serve.url, &unknown.0.url()],
        };
        let target = Target::sink();
        let args = ["-x", urls[0], "-x", urls[1], "--fin-delay", "0.7"];
        let output = connect(args).arg(target.addr()).stdin("hello").run();
        let elapsed = output.expect_code(0).elapsed.as_secs_f64();
        assert!((0.7..2.0).contains(&elapsed), "{elapsed}");
        assert_eq!(target.received(1).0, 5);
    }
}

/// Everything that went through a proxy, in both directions.
type Seen = Arc<Mutex<Vec<u8>>>;

/// A proxy that opens a real tunnel and keeps a copy of what its clients send.
fn relay(answer: &'static str) -> (Peer, Seen) {
    let seen: Seen = Arc::default();
    let copy = Arc::clone(&seen);
    let peer = Peer::raw(move |conn| {
        let head = conn.read_head()?;
        copy.lock().expect("seen").extend(head.as_bytes());
        let target = head.split(' ').nth(1).unwrap_or_default();
        carry(&conn, &TcpStream::connect(target)?, answer, &copy)
    });
    (peer, seen)
}

fn carry(conn: &Conn, far: &TcpStream, answer: &str, seen: &Seen) -> io::Result<()> {
    conn.send(answer)?;
    thread::scope(|scope| {
        scope.spawn(|| {
            io::copy(&mut &*far, &mut &conn.stream).ok();
            conn.end().ok();
        });
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match (&conn.stream).read(&mut buffer)? {
                0 => return far.shutdown(std::net::Shutdown::Write),
                count => {
                    seen.lock().expect("seen").extend(&buffer[..count]);
                    (&mut &*far).write_all(&buffer[..count])?;
                }
            }
        }
    })
}
