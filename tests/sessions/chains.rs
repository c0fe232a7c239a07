//! A tunnel through a tunnel: what a reader does not take must not weigh on the session of the first hop as so many
//! frames, also where TLS or chunks are between the two.

use crate::support::proc::guarded;
use crate::support::run::clear_proxy_environment;
use crate::support::tuncat::TUNCAT;
use crate::support::{Digest, Serve, Target, pattern};
use std::io::{self, Write};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// Fills the pipe that nobody reads.
const FIRST: usize = 400_000;
/// Each in a frame of its own: more than h2 lets lie untaken.
const KEYS: usize = 48_000;
/// They take a while on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// Sends many octets at once and then many one by one; tells when all have been taken from it.
fn typist() -> (Target, Receiver<()>) {
    let (sender, done) = channel();
    let sender = Mutex::new(sender);
    let target = Target::start(move |mut stream, _| {
        stream.set_nodelay(true)?;
        let bytes = pattern(9, FIRST + KEYS);
        stream.write_all(&bytes[..FIRST])?;
        for key in &bytes[FIRST..] {
            stream.write_all(&[*key])?;
            // The pace of a program that prints: without it the octets would share frames.
            thread::sleep(Duration::from_micros(50));
        }
        let sender = sender.lock().expect("sender");
        sender.send(()).map_err(io::Error::other)
    });
    (target, done)
}

/// Over an HTTP/2 hop to a last hop, with a stdout that is read only when all has been sent.
fn no_byte_is_lost(tls: bool, via: &str) {
    let (target, sent) = typist();
    let first = Serve::start();
    let args: &[&str] = if tls { &["--self-signed"] } else { &[] };
    let last = Serve::with(args);
    let mut command = guarded(&TUNCAT);
    let urls = [super::h2c(&first), last.url.clone()];
    command.args(["connect", "-k", "-x", &urls[0], "-x", &urls[1]]);
    command.args(["--via", via, &target.addr()]);
    clear_proxy_environment(&mut command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = command.stderr(Stdio::piped()).spawn().expect("a client");
    let result = sent.recv_timeout(LIMIT);
    let mut digest = Digest::new();
    let output = client.stdout.as_mut().expect("stdout");
    if result.is_ok() {
        io::copy(output, &mut digest).expect("read");
    } else {
        client.kill().expect("end the client");
    }
    let ended = client.wait_with_output().expect("the client's end");
    let line = String::from_utf8_lossy(&ended.stderr);
    result.unwrap_or_else(|_| panic!("the target is held up: {line}"));
    assert!(ended.status.success(), "{} {line}", ended.status);
    let bytes = pattern(9, FIRST + KEYS);
    let whole = (bytes.len() as u64, crate::support::sha256(&bytes));
    assert_eq!(digest.finish(), whole);
}

#[test]
fn tls_over_h2() {
    no_byte_is_lost(true, "h1");
}

#[test]
fn chunks_over_h2() {
    no_byte_is_lost(false, "h1-post");
}

#[test]
fn chunks_over_tls_over_h2() {
    no_byte_is_lost(true, "h1-post");
}
