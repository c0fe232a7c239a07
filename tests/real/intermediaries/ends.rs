//! How tunnels through an intermediary end, and what each side is told.

use super::scenes::to;
use super::{Spoken, Way};
use crate::real::MIB;
use crate::support::{Feed, Pattern, Target, wait_for};
use rustix::process::Signal;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// How the other side ended, as a target saw it: so many bytes, and then cleanly or not.
type Ended = (u64, io::Result<()>);

/// A target that does `first` and then reads, and tells how that ended.
fn watcher(
    first: impl Fn(&TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> (Target, Receiver<Ended>) {
    let (tell, told) = mpsc::channel();
    let target = Target::start(move |stream, _| {
        first(&stream)?;
        let mut len = 0;
        let mut buffer = vec![0; 64 * 1024];
        let end = loop {
            match (&stream).read(&mut buffer) {
                Ok(0) => break Ok(()),
                Ok(count) => len += count as u64,
                Err(error) => break Err(error),
            }
        };
        tell.send((len, end)).ok();
        Ok(())
    });
    (target, told)
}

fn says_bye_and_ends(stream: &TcpStream) -> io::Result<()> {
    (&*stream).write_all(b"bye")?;
    stream.shutdown(Shutdown::Write)
}

/// Waits for what a target tells.
fn told(ended: &Receiver<Ended>) -> Ended {
    let limit = crate::support::TIMEOUT;
    ended.recv_timeout(limit).expect("a target that is done")
}

/// Reads the end of a target that says bye, and then sends 1 MiB and its own end.
fn send_after_the_end(stream: &TcpStream) -> io::Result<()> {
    let mut text = String::new();
    (&*stream)
        .read_to_string(&mut text)
        .expect("read to the end");
    assert_eq!(text, "bye");
    io::copy(&mut Pattern::new(3, MIB), &mut &*stream)?;
    stream.shutdown(Shutdown::Write)
}

/// Where the target ends first, the intermediary lets the rest of the request go, and what is sent after that is lost.
/// The target sees a reset, and so does the client.
pub fn after_the_target_s_end_all_is_lost(way: &Way) {
    let (target, ended) = watcher(says_bye_and_ends);
    let listen = way.listen(&target.addr());
    let stream = to(listen.ports[0]);
    if send_after_the_end(&stream).is_ok() {
        wait_for("a reset of the local connection", || {
            stream.take_error().expect("ask a socket")
        });
    }
    let (len, end) = told(&ended);
    assert!(end.is_err(), "a clean end after {len} bytes");
}

/// Where the target ends first, the intermediary passes on what is sent after that, but resets its connection to
/// `serve` as soon as it has read the end: what is still in its socket then is lost. The target sees that, and the
/// client cannot.
pub fn after_the_target_s_end_the_last_bytes_may_be_lost(way: &Way) {
    let (target, ended) = watcher(says_bye_and_ends);
    let listen = way.listen(&target.addr());
    send_after_the_end(&to(listen.ports[0])).expect("send a pattern");
    let (len, end) = told(&ended);
    assert!(len == MIB || end.is_err(), "a clean end after {len} bytes");
}

/// The same with `tuncat connect`, which is in the middle of sending.
pub fn connect_is_told_of_a_loss(way: &Way) {
    let (target, ended) = watcher(says_bye_and_ends);
    let run = way
        .connect()
        .arg(target.addr())
        .feed(Feed::Pattern(3, 64 * MIB));
    let output = run.run();
    assert_eq!(output.stdout, b"bye");
    let line = output.expect_failure(56);
    let counts = way.counts(&target.addr(), &line, RESET);
    assert!(counts.ends_with(" bytes sent and 3 received"), "{line}");
    let (len, end) = told(&ended);
    assert!(end.is_err(), "a clean end after {len} bytes");
}

/// The client fails: on HTTP/1.1 the answer has no last chunk, on HTTP/2 the stream is reset. In nginx the reset may
/// overtake what the target sent before it.
pub fn a_reset_by_the_target_is_no_end(way: &Way) {
    let target = Target::start(|stream, _| {
        (&stream).read_exact(&mut [0; 5])?;
        (&stream).write_all(b"part")?;
        reset(stream)
    });
    let run = way.connect().arg(target.addr());
    let output = run.feed(Feed::Open(b"hello".to_vec())).run();
    let received = output.stdout.len();
    assert_eq!(output.stdout, b"part"[..received]);
    let (code, text) = way.cut();
    let line = output.expect_failure(code);
    let counts = way.counts(&target.addr(), &line, text);
    assert_eq!(counts, format!("5 bytes sent and {received} received"));
}

/// A client that is killed has not ended, and the target sees that.
pub fn a_killed_client_is_no_end(way: &Way) {
    let (target, ended) = watcher(|stream| (&*stream).write_all(b"hello"));
    let mut listen = way.listen(&target.addr());
    let stream = to(listen.ports[0]);
    (&stream).read_exact(&mut [0; 5]).expect("read a line");
    (&stream).write_all(b"part").expect("send a part");
    wait_for("serve to open the tunnel", || {
        (!way.serve.tunnels().is_empty()).then_some(())
    });
    listen.process().signal(Signal::KILL);
    let (len, end) = told(&ended);
    let error = end.expect_err("a clean end");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{len} bytes");
}

fn reset(stream: TcpStream) -> io::Result<()> {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))
}

/// How the line about a reset goes on after the counts.
pub const RESET: (&str, &str) = (
    "the tunnel was reset",
    "the target, the proxy or a firewall between ended it by force",
);

/// The same of an answer without its end.
const TRUNCATED: (&str, &str) = (
    "the tunnel was cut off without an end",
    "the last bytes may be missing",
);

impl Way {
    /// The exit code, and the text, of a tunnel that something on the way cut off.
    pub fn cut(&self) -> (i32, (&'static str, &'static str)) {
        match self.spoken {
            Spoken::H1 | Spoken::H1Tls => (18, TRUNCATED),
            Spoken::H2c | Spoken::H2Tls => (56, RESET),
        }
    }

    /// What `line` says of an open tunnel's bytes; the rest of it must be as it should.
    pub fn counts<'a>(&self, target: &str, line: &'a str, text: (&str, &str)) -> &'a str {
        let (what, hint) = text;
        let proxy = self.port;
        let before =
            format!("tuncat: tunnel: tunnel to {target} (127.0.0.1:{proxy}): {what} after ");
        let counts = line.strip_prefix(&before);
        let counts = counts.and_then(|rest| rest.strip_suffix(hint)?.strip_suffix("; "));
        counts.unwrap_or_else(|| panic!("not as expected ({before}…; {hint}):\n{line}"))
    }
}
