//! 64 MiB each way, compared by hash: through `tuncat connect`, and through anything that makes a port of a tunnel.

use super::{MIB, echo_whole};
use crate::support::target::End;
use crate::support::{Digest, Feed, Listen, Output, Pattern, TIMEOUT, Target, connect};
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

pub const LEN: u64 = 64 * MIB;

const THERE: u64 = 31;
const BACK: u64 = 32;

/// A target that answers only after the end of the other side.
pub fn answers_after_eof() -> Target {
    Target::answers_after_eof(BACK, LEN)
}

/// An echo that closes once it has sent everything back, without waiting for the end of the other side.
pub fn echo_that_closes() -> Target {
    Target::start(|stream, _| io::copy(&mut (&stream).take(LEN), &mut &stream).map(drop))
}

/// A target that sends and reads at the same time, and ends when it has done both.
pub fn sends_and_reads() -> Target {
    Target::start(|stream, recorder| {
        let sending = stream.try_clone()?;
        let sent = thread::spawn(move || io::copy(&mut Pattern::new(BACK, LEN), &mut &sending));
        recorder.read_to_end(&stream)?;
        sent.join().expect("a sender").map(drop)
    })
}

/// A target that sends all of its bytes and its end first.
pub fn ends_first() -> Target {
    Target::ends_first(BACK, LEN)
}

/// `tuncat connect` to an echo: nothing is lost, it names the carrier, and exits 0.
pub fn connect_to_echo(args: &[&str], carrier: &str, target: &Target) {
    let output = run(args, carrier, target);
    assert_eq!(output.stdout_len, LEN);
    assert_eq!(output.stdout_sha256, Pattern::sha256(THERE, LEN));
}

/// `tuncat connect` to [`answers_after_eof`]: the end of stdin arrives, and the answer that comes after it is whole.
pub fn connect_and_end_first(args: &[&str], carrier: &str, target: &Target) {
    let output = run(args, carrier, target);
    assert_eq!(target.received(1), (LEN, Pattern::sha256(THERE, LEN)));
    assert_eq!(output.stdout_len, LEN);
    assert_eq!(output.stdout_sha256, Pattern::sha256(BACK, LEN));
}

/// `tuncat connect` to [`answers_after_eof`], and the answer is lost: what `who` does, and not we.
pub fn connect_and_end_first_and_lose(args: &[&str], target: &Target, who: &str) {
    let output = connect(args)
        .arg(target.addr())
        .feed(Feed::Pattern(THERE, LEN))
        .hash_only()
        .run();
    assert_eq!(target.received(1), (LEN, Pattern::sha256(THERE, LEN)));
    let received = output.stdout_len;
    assert!(received < LEN, "{who} keeps half-closed connections now");
    assert!(output.stderr.contains("fin-delay"), "a hint: {output:?}");
}

fn run(args: &[&str], carrier: &str, target: &Target) -> Output {
    let output = connect(["--json"])
        .args(args)
        .arg(target.addr())
        .feed(Feed::Pattern(THERE, LEN))
        .hash_only()
        .run()
        .expect_code(0);
    let report: serde_json::Value = serde_json::from_str(&output.stderr)
        .unwrap_or_else(|error| panic!("{error}: one JSON object, not:\n{}", output.stderr));
    assert_eq!(report["carrier"], carrier, "{report}");
    output
}

/// `tuncat listen` with `args`, whose one port leads to `target`.
pub fn listen(args: &[&str], target: &Target) -> Listen {
    Listen::start(args, &[&format!("0:{}", target.addr())])
}

/// Two connections to an echo at the same time.
pub fn echo_twice(port: u16) {
    let clients = [41, 42].map(|seed| thread::spawn(move || echo_whole(port, seed, LEN)));
    for client in clients {
        client.join().expect("a client of a port");
    }
}

/// Sends everything and its end to [`answers_after_eof`], then reads the whole answer.
pub fn client_ends_first(port: u16, target: &Target) {
    let stream = to(port);
    send_all(&stream).expect("send a pattern");
    assert_eq!(target.received(1), (LEN, Pattern::sha256(THERE, LEN)));
    read_all(&stream);
}

/// Reads everything and its end from [`ends_first`], then sends everything.
pub fn target_ends_first(port: u16, target: &Target) {
    let stream = to(port);
    read_all(&stream);
    send_all(&stream).expect("send a pattern");
    assert_eq!(target.received(1), (LEN, Pattern::sha256(THERE, LEN)));
}

/// Sends everything and its end to [`answers_after_eof`], and the answer is lost: what `who` does, and not we.
pub fn client_ends_first_and_loses(port: u16, target: &Target, who: &str) {
    let stream = to(port);
    send_all(&stream).expect("send a pattern");
    assert_eq!(target.received(1), (LEN, Pattern::sha256(THERE, LEN)));
    let (received, ..) = read_on(&stream);
    assert!(received < LEN, "{who} keeps half-closed connections now");
}

/// Reads everything and its end from [`ends_first`], and can send no more: what `who` does, and not we.
pub fn target_ends_first_and_loses(port: u16, who: &str) {
    let stream = to(port);
    read_all(&stream);
    let sent = send_all(&stream);
    assert!(sent.is_err(), "{who} keeps half-closed connections now");
}

/// Reads from [`ends_first`] through something that may cut its last bytes off: what arrives is right, and a cut is
/// an error and no end.
pub fn target_ends_first_and_may_be_cut(port: u16) {
    let (len, sha256, end) = read_on(&to(port));
    assert_eq!(sha256, Pattern::sha256(BACK, len), "the first {len} bytes");
    assert!(
        len == LEN || end.is_err(),
        "a clean end after {len} bytes of {LEN}"
    );
}

/// The same where a crash on the way may look like any end.
pub fn target_ends_first_and_may_break_everything(port: u16) {
    let stream = to(port);
    let (len, sha256, _) = read_on(&stream);
    assert_eq!(sha256, Pattern::sha256(BACK, len), "the first {len} bytes");
    send_all(&stream).ok();
}

/// The same through `tuncat connect`.
pub fn connect_to_one_that_ends_first_and_may_be_cut(args: &[&str], target: &Target) {
    let output = connect(args)
        .arg(target.addr())
        .feed(Feed::Open(Vec::new()))
        .hash_only()
        .run();
    let len = output.stdout_len;
    let prefix = Pattern::sha256(BACK, len);
    assert_eq!(output.stdout_sha256, prefix, "the first {len} bytes");
    let whole = len == LEN && output.code == 0;
    assert!(whole || output.code == 56, "{output:?}");
}

/// A byte each way through a port to an echo, many times: nothing is held back until there is more of it.
pub fn dialogue(port: u16) {
    let mut stream = to(port);
    stream.set_nodelay(true).expect("no delay");
    for byte in 0..=255 {
        let mut got = [0];
        stream.write_all(&[byte]).expect("send a byte");
        stream.read_exact(&mut got).expect("read an echo");
        assert_eq!(got, [byte]);
    }
}

/// Resets a connection through a port to a [`Target::watcher`] that sends a byte; how the target's reading ends.
pub fn client_resets(port: u16, ends: &Receiver<End>) -> Option<io::ErrorKind> {
    let mut stream = to(port);
    stream.read_exact(&mut [0]).expect("an open tunnel");
    stream.write_all(b"hello").expect("send");
    let reset = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    reset.expect("reset");
    drop(stream);
    let (bytes, kind) = ends.recv_timeout(TIMEOUT).expect("an end");
    assert!(b"hello".starts_with(&bytes[..]), "{bytes:?}");
    kind
}

/// Reads all of [`Target::resets`] through a port, makes it reset, and tells what that looks like.
pub fn target_resets(port: u16, seed: u64, len: usize) -> io::Result<()> {
    let mut stream = to(port);
    let mut got = vec![0; len];
    stream
        .read_exact(&mut got)
        .expect("what came before the reset");
    assert!(got == crate::support::pattern(seed, len));
    stream.write_all(b"x").expect("send");
    let (more, _, end) = read_on(&stream);
    assert_eq!(more, 0);
    end
}

fn to(port: u16) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect to a port")
}

/// Sends everything and its end.
fn send_all(mut stream: &TcpStream) -> io::Result<()> {
    io::copy(&mut Pattern::new(THERE, LEN), &mut stream)?;
    stream.shutdown(Shutdown::Write)
}

/// Reads everything and a clean end.
fn read_all(stream: &TcpStream) {
    let (len, sha256, end) = read_on(stream);
    end.expect("read to a clean end");
    assert_eq!((len, sha256), (LEN, Pattern::sha256(BACK, LEN)));
}

/// Bytes, their hash, and how they ended.
fn read_on(mut stream: &TcpStream) -> (u64, String, io::Result<()>) {
    let mut digest = Digest::new();
    let end = io::copy(&mut stream, &mut digest).map(drop);
    let (len, sha256) = digest.finish();
    (len, sha256, end)
}
