//! Several listeners on one port: threads of one process, and processes beside each other.

use super::{Files, admin, metric};
use crate::support::process::threads;
use crate::support::tuncat::TUNCAT;
use crate::support::{Feed, Pattern, Proc, Serve, Target, connect, wait_for};
use crate::terminator::request::open;
use crate::terminator::tunnels::tunnels;
use rustix::process::Signal;

#[test]
fn threads_share_what_they_count() {
    let mut serve = Serve::with(&[
        "--workers",
        "4",
        "--max-tunnels",
        "40",
        "--admin",
        "127.0.0.1:0",
        "--self-signed",
    ]);
    let (at, pin) = (admin(&mut serve), serve.pin());
    assert!(threads(serve.process().pid()) >= 5);
    let target = Target::echo();
    for via in ["h1", "h2", "h1-post", "h2-post"] {
        let args = [
            "-x",
            &serve.url,
            "--pin",
            &pin,
            "--via",
            via,
            &target.addr(),
        ];
        let output = connect(args)
            .feed(Feed::Pattern(3, 2_000_000))
            .hash_only()
            .run();
        assert_eq!(
            output.expect_clean().stdout_sha256,
            Pattern::sha256(3, 2_000_000),
            "{via}"
        );
    }
    wait_for("none live", || {
        (metric(&at, "tuncat_tunnels", "") == 0.0).then_some(())
    });
    assert_eq!(metric(&at, "tuncat_tunnels_opened_total", ""), 4.0);
}

#[test]
fn they_drain_together() {
    let mut serve = Serve::with(&["--workers", "3"]);
    let mut live = tunnels(serve.port, 30);
    serve.process().signal(Signal::TERM);
    let port = serve.port;
    wait_for("the port to be closed", || {
        std::net::TcpStream::connect(("127.0.0.1", port))
            .is_err()
            .then_some(())
    });
    for tunnel in &mut live {
        tunnel.carry(b"still here");
    }
    drop(live);
    assert_eq!(serve.process().wait_exit().code(), Some(0));
}

/// A new process takes the port over while the old one lets its tunnels end.
#[test]
fn processes_take_turns() {
    let files = Files::new();
    let mut old = Serve::with(&["--reuse-port"]);
    let mut live = tunnels(old.port, 5);
    let mut command = crate::support::proc::guarded(&TUNCAT);
    let address = format!("127.0.0.1:{}", old.port);
    command.args([
        "serve",
        "--reuse-port",
        "-l",
        &address,
        "--access-log",
        &files.arg("log"),
    ]);
    let mut new = Proc::spawn("tuncat serve", command);
    new.wait_line("its address", |line| {
        line.contains("listening on").then_some(())
    });
    old.process().signal(Signal::TERM);
    old.process().wait_line("its drain", |line| {
        line.contains("waiting for 5 live").then_some(())
    });
    let target = Target::echo();
    wait_for("the new one alone", || {
        (0..5).for_each(|_| drop(open(old.port, &target.addr())));
        let text = std::fs::read_to_string(files.path("log")).unwrap_or_default();
        (text.lines().count() >= 5).then_some(())
    });
    for tunnel in &mut live {
        tunnel.carry(b"still here");
    }
    drop(live);
    assert_eq!(old.process().wait_exit().code(), Some(0));
}
