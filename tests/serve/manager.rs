//! Service managers: sockets that they opened, and what they are told.

use super::Files;
use crate::support::proc::{Proc, guarded};
use crate::support::tuncat::TUNCAT;
use crate::support::{Target, connect, wait_for};
use crate::terminator::request::open;
use rustix::fd::AsFd;
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::Command;

/// As systemd starts it: the sockets from descriptor 3 on, and their number in the environment.
fn started(sockets: &[&dyn AsFd], args: &[&str]) -> Proc {
    // Duplicates are not closed on exec; the shell moves them to where they are expected.
    let copies: Vec<_> = sockets
        .iter()
        .map(|socket| rustix::io::dup(socket.as_fd()).expect("dup"))
        .collect();
    use std::os::fd::AsRawFd;
    let moves: Vec<String> = copies
        .iter()
        .enumerate()
        .map(|(n, copy)| format!("{}<&{}", n + 3, copy.as_raw_fd()))
        .collect();
    let script = format!(
        "export LISTEN_PID=$$ LISTEN_FDS={}; exec \"$0\" \"$@\" {}",
        copies.len(),
        moves.join(" ")
    );
    let mut command = guarded(&"bash");
    command.args(["-c", &script, TUNCAT, "serve"]).args(args);
    Proc::spawn("tuncat serve", command)
}

#[test]
fn sockets_of_the_manager() {
    let files = Files::new();
    let tcp = TcpListener::bind("127.0.0.1:0").expect("bind");
    let unix = UnixListener::bind(files.path("socket")).expect("bind");
    let port = tcp.local_addr().expect("address").port();
    let mut serve = started(&[&tcp, &unix], &["-l", "systemd:"]);
    // Connections that came before it was there are not lost.
    let target = Target::echo();
    let mut stream = open(port, &target.addr());
    stream.write_all(b"x").expect("send");
    stream.read_exact(&mut [0]).expect("echo");
    drop(stream);
    let mut unix_stream =
        std::os::unix::net::UnixStream::connect(files.path("socket")).expect("connect");
    let request = crate::terminator::request::connect_request(&target.addr());
    unix_stream.write_all(request.as_bytes()).expect("ask");
    let head = crate::terminator::request::read_head(&unix_stream).expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    drop(unix_stream);
    serve.signal(Signal::TERM);
    assert_eq!(serve.wait_exit().code(), Some(0));
    // The sockets are the manager's: nothing was taken away, and the next one goes on with them.
    assert!(files.path("socket").exists());
    let _next = started(&[&tcp, &unix], &["-l", "systemd:"]);
    drop(open(port, &target.addr()));
}

/// The real thing starts it for the first connection.
#[test]
fn systemd_socket_activate() {
    let Ok(found) = Command::new("systemd-socket-activate")
        .arg("--version")
        .output()
    else {
        return;
    };
    assert!(found.status.success());
    let port = crate::support::free_port();
    let mut command = guarded(&"systemd-socket-activate");
    command.args([
        "-l",
        &format!("127.0.0.1:{port}"),
        TUNCAT,
        "serve",
        "-l",
        "systemd:",
    ]);
    let mut process = Proc::spawn("systemd-socket-activate", command);
    process.wait_line("its address", |line| {
        line.contains("Listening on").then_some(())
    });
    let target = Target::echo();
    let output = connect(["-x", &format!("http://127.0.0.1:{port}"), &target.addr()])
        .stdin(*b"hello")
        .run();
    assert_eq!(output.expect_clean().stdout, b"hello");
}

#[test]
fn without_sockets_it_says_so() {
    let output = crate::support::Run::new(Command::new(TUNCAT))
        .args(["serve", "-l", "systemd:"])
        .run();
    let line = output.expect_failure(2);
    assert!(line.contains("LISTEN_FDS"), "{line}");
}

/// A socket on an address that others reach needs users, whoever opened it.
#[test]
fn it_is_no_open_proxy_by_a_manager() {
    let tcp = TcpListener::bind("0.0.0.0:0").expect("bind");
    let mut serve = started(&[&tcp], &["-l", "systemd:"]);
    serve.wait_line("the refusal", |line| {
        line.contains("everybody who reaches it").then_some(())
    });
    assert_eq!(serve.wait_exit().code(), Some(2));
}

#[test]
fn what_it_is_told() {
    let files = Files::new();
    let told = UnixDatagram::bind(files.path("notify")).expect("bind");
    told.set_read_timeout(Some(crate::support::TIMEOUT))
        .expect("a limit");
    let next = || {
        let mut buffer = [0; 1000];
        let count = told.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    };
    let mut command = guarded(&TUNCAT);
    command.args(["serve", "-l", "127.0.0.1:0"]);
    command.env("NOTIFY_SOCKET", files.path("notify"));
    command.env("WATCHDOG_USEC", "400000");
    let mut serve = Proc::spawn("tuncat serve", command);
    assert_eq!(next(), "READY=1\n");
    // It lives, and says so twice as often as it has to.
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1\n");
    }
    serve.signal(Signal::HUP);
    let until = |wanted: &str| {
        wait_for(wanted, || {
            let message = next();
            (message.starts_with(wanted)).then_some(message)
        })
    };
    let reloading = until("RELOADING=1\n");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    until("READY=1\n");
    serve.signal(Signal::TERM);
    until("STOPPING=1\n");
    assert_eq!(serve.wait_exit().code(), Some(0));
}
