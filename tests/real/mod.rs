//! The program among real ones: proxies, clients and servers as Debian ships them.

/// Tests that are functions of the module around this one, each run with the same scene.
macro_rules! each {
    ($scene:expr; $($test:ident)*) => {
        $(
            #[test]
            fn $test() {
                super::$test($scene);
            }
        )*
    };
}

mod apache;
mod auth;
mod carriers;
mod chromium;
mod curl;
mod dynamic;
mod env;
mod envoy;
mod half_close;
mod hops;
mod http3;
mod intermediaries;
mod lossy;
mod mitmproxy;
mod nc;
mod nghttpx;
mod node;
mod pac;
mod post;
mod remote;
mod socks;
mod squid;
mod ssh;
mod tinyproxy;
mod tls;
mod websocket;
mod whole;

use crate::support::{Feed, Listen, Pattern, Target, connect};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::thread;

const MIB: u64 = 1024 * 1024;

/// All of a tunnel of `tuncat connect` with `args`: `len` octets to an echo and back, the end of the input first and the
/// answer after that, the end of the target first, and a target that resets, which exits with one of `reset`.
#[track_caller]
fn carries_all(args: &[&str], len: u64, reset: &[i32]) {
    let echo = Target::echo();
    let run = connect(args).arg(echo.addr()).feed(Feed::Pattern(21, len));
    let output = run.hash_only().run().expect_clean();
    assert_eq!(output.stdout_sha256, Pattern::sha256(21, len), "{args:?}");
    let late = Target::answers_after_eof(22, 2 * MIB);
    let run = connect(args).arg(late.addr()).feed(Feed::Pattern(23, MIB));
    let output = run.hash_only().run().expect_clean();
    assert_eq!(
        output.stdout_sha256,
        Pattern::sha256(22, 2 * MIB),
        "{args:?}"
    );
    assert_eq!(
        late.received(1),
        (MIB, Pattern::sha256(23, MIB)),
        "{args:?}"
    );
    let first = Target::ends_first(24, MIB);
    let run = connect(args).arg(first.addr()).feed(Feed::Open(Vec::new()));
    let output = run.hash_only().run().expect_clean();
    assert_eq!(output.stdout_sha256, Pattern::sha256(24, MIB), "{args:?}");
    let resets = Target::resets(25, 10);
    let run = connect(args).arg(resets.addr()).stdin(*b"x").run();
    assert!(
        reset.contains(&run.code),
        "{args:?}: {} {}",
        run.code,
        run.stderr
    );
}

/// Sends 16 MiB through `tuncat connect` with `args` to an echo and back: they arrive whole, and nothing is on stderr.
fn echo_through_connect(args: &[&str]) {
    let echo = Target::echo();
    let output = connect(args)
        .arg(echo.addr())
        .feed(Feed::Pattern(11, 16 * MIB))
        .hash_only()
        .run()
        .expect_clean();
    assert_eq!(output.stdout_len, 16 * MIB);
    assert_eq!(output.stdout_sha256, Pattern::sha256(11, 16 * MIB));
    assert_eq!(echo.accepted(), 1);
}

/// The same through `tuncat listen` with `args`, over two connections at once.
fn echo_through_listen(args: &[&str]) {
    let echo = Target::echo();
    let listen = Listen::start(args, &[&format!("0:{}", echo.addr())]);
    let clients = [21, 22].map(|seed| {
        let port = listen.ports[0];
        thread::spawn(move || echo_whole(port, seed, 16 * MIB))
    });
    for client in clients {
        client.join().expect("a client of tuncat listen");
    }
    assert_eq!(echo.accepted(), 2);
}

/// Connects to an echo on a port of 127.0.0.1, sends a pattern and reads all of it back before it ends its side.
fn echo_whole(port: u16, seed: u64, len: u64) {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect to an echo");
    let mut sender = stream.try_clone().expect("clone a socket");
    let sending = thread::spawn(move || {
        io::copy(&mut Pattern::new(seed, len), &mut sender).expect("send a pattern");
        sender.flush().expect("flush a socket");
    });
    let mut digest = crate::support::Digest::new();
    io::copy(&mut (&stream).take(len), &mut digest).expect("read an echo");
    sending.join().expect("sender");
    assert_eq!(digest.finish(), (len, Pattern::sha256(seed, len)));
    stream
        .shutdown(Shutdown::Write)
        .expect("end the sending side");
    let rest = (&stream)
        .read(&mut [0; 1])
        .expect("read the end of an echo");
    assert_eq!(rest, 0, "nothing after the echo");
}
