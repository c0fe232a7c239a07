//! `--warm` where sessions do not come about, or not all of them.

use super::{ping, tunnel};
use crate::client::peer::Peer;
use crate::support::run::clear_proxy_environment;
use crate::support::tuncat::TUNCAT;
use crate::support::{Listen, Run, Serve, Target, wait_for};
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// One session is there, and the handshake of the next one hangs: a client takes the one that is there.
#[test]
fn a_handshake_that_hangs_holds_no_client_up() {
    let mut serve = Serve::with(&["--self-signed"]);
    let (port, pin) = (serve.port, serve.pin());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    let path = Target::start(move |near, _| {
        if count.fetch_add(1, Ordering::SeqCst) > 0 {
            return io::copy(&mut &near, &mut io::sink()).map(drop);
        }
        let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        let (from, to) = (far.try_clone()?, near.try_clone()?);
        thread::spawn(move || io::copy(&mut &from, &mut &to));
        io::copy(&mut &near, &mut &far).map(drop)
    });
    let url = format!("https://{}", path.addr());
    let args = ["-x", &url, "--pin", &pin, "--warm", "3", "-w", "25", "-v"];
    let mut listen = Listen::start(&args, &["0:echo:"]);
    let process = listen.process();
    process.wait_line("a session", |l| {
        l.contains("a session is open").then_some(())
    });
    wait_for("another handshake", || {
        (connections.load(Ordering::SeqCst) >= 2).then_some(())
    });
    let began = Instant::now();
    ping(&tunnel(listen.ports[0]), 2);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
}

/// Where no session comes about, the next attempt waits, ever longer, and the user is told.
#[test]
fn attempts_have_a_pace() {
    let close = Peer::raw(|_| Ok(()));
    let old = Peer::new(|conn| {
        conn.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")?;
        conn.end()?;
        conn.read_to_end().map(drop)
    });
    let began = Instant::now();
    let start = |peer: &Peer, via| {
        let args = ["-x", &peer.url(), "--via", via, "--warm", "1"];
        Listen::start(&args, &["0:target.test:1"])
    };
    let listens = [start(&close, "h2"), start(&old, "h2"), start(&old, "post")];
    for mut listen in listens.into_iter() {
        listen.process().wait_line("a warning", |line| {
            line.starts_with("tuncat: warning: --warm: ").then_some(())
        });
        // The rate is what this is about: it is taken of the first two seconds.
        thread::sleep(Duration::from_secs(2).saturating_sub(began.elapsed()));
    }
    let counts = [close.accepted(), old.accepted() / 2];
    let seconds = began.elapsed().as_secs() as usize;
    assert!(counts.iter().all(|&n| n <= 2 + seconds), "{counts:?}");
}

/// More warm sessions than there may be sessions.
#[test]
fn more_than_there_may_be() {
    let mut command = Command::new(TUNCAT);
    clear_proxy_environment(&mut command);
    command.args([
        "listen",
        "-x",
        "h2c://proxy.test:1",
        "-L",
        "0:target.test:1",
    ]);
    let run = Run::new(command).args(["--warm", "5", "--connections", "1"]);
    let line = run.run().expect_failure(2);
    assert_eq!(
        line,
        "tuncat: arguments: --warm 5 is more than --connections 1"
    );
}
