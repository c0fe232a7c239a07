//! Unix sockets, as places to listen on and as targets.

use super::request::{ask_for, open, open_on, read_answer};
use super::started::Started;
use crate::support::tuncat::TUNCAT;
use crate::support::{Run, Serve, Target, pattern};
use rustix::process::Signal;
use std::fs;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::thread;

/// Through a listener on a unix socket to an echo, with some bytes.
fn works(path: &Path) {
    let target = Target::echo();
    let mut stream = UnixStream::connect(path).expect("connect");
    open_on(&stream, &target.addr());
    let sent = pattern(1, 50_000);
    stream.write_all(&sent).expect("send");
    stream.shutdown(Shutdown::Write).expect("end");
    let mut got = Vec::new();
    stream.read_to_end(&mut got).expect("a clean end");
    assert!(got == sent, "{} bytes", got.len());
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket())
}

#[test]
fn listening_on_a_unix_socket() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    let spec = format!("unix:{}", path.display());
    let mut started = Started::with(1, &["-l", &spec]);
    works(&path);
    // Refusals work there too.
    let mut stream = UnixStream::connect(&path).expect("connect");
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .expect("ask");
    read_answer(&stream).refuses(405, "http_request_error");
    drop(stream);
    started.process.signal(Signal::TERM);
    assert!(started.process.wait_exit().success());
    assert!(!path.exists(), "the socket's file is left behind");
}

/// A socket whose owner was killed is replaced.
#[test]
fn a_stale_socket_is_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("s");
    drop(UnixListener::bind(&path).expect("bind"));
    assert!(is_socket(&path));
    let spec = format!("unix:{}", path.display());
    let mut started = Started::with(1, &["-l", &spec]);
    works(&path);
    started.process.signal(Signal::KILL);
    started.process.wait_exit();
    assert!(is_socket(&path), "this one is stale as well");
    let _started = Started::with(1, &["-l", &spec]);
    works(&path);
}

/// What somebody listens on, or what is no socket at all, is not ours to remove.
#[test]
fn what_is_not_stale_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let live = folder.path().join("live");
    let file = folder.path().join("file");
    let inner = folder.path().join("folder");
    let link = folder.path().join("link");
    let listener = UnixListener::bind(&live).expect("bind");
    fs::write(&file, "precious").expect("write");
    fs::create_dir(&inner).expect("make a folder");
    std::os::unix::fs::symlink(&file, &link).expect("link");
    let nowhere = folder.path().join("none").join("s");
    for path in [&live, &file, &inner, &link, &nowhere] {
        let spec = format!("unix:{}", path.display());
        let run = Run::new(Command::new(TUNCAT)).args(["serve", "-l", &spec]);
        let line = run.run().expect_failure(2);
        assert!(line.contains(&path.display().to_string()), "{line}");
    }
    // Still there, and still somebody else's: beside the probe there may have been, a connection reaches the listener.
    assert!(UnixStream::connect(&live).is_ok());
    drop(listener);
    assert_eq!(fs::read_to_string(&file).expect("read"), "precious");
    assert!(inner.is_dir() && link.is_symlink());
}

fn authority(path: &Path) -> String {
    tuncat::base::Target::Unix(path.into()).authority()
}

fn unix_echo(path: &Path) {
    let listener = UnixListener::bind(path).expect("bind");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || io::copy(&mut &stream, &mut &stream));
        }
    });
}

#[test]
fn a_unix_target_needs_a_rule_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (allowed, other) = (folder.path().join("a"), folder.path().join("b"));
    unix_echo(&allowed);
    unix_echo(&other);
    let rule = format!("unix:{}", allowed.display());
    let serve = Serve::with(&["--allow", &rule]);
    let mut stream = open(serve.port, &authority(&allowed));
    let sent = pattern(1, 50_000);
    stream.write_all(&sent).expect("send");
    stream.shutdown(Shutdown::Write).expect("end");
    let mut got = Vec::new();
    stream.read_to_end(&mut got).expect("a clean end");
    assert!(got == sent, "{} bytes", got.len());

    let around = folder.path().join("x").join("..").join("a");
    for path in [&other, &around, &folder.path().join("missing")] {
        ask_for(serve.port, &authority(path)).refuses(403, "http_request_denied");
    }
    let deny = Serve::with(&["--allow", &rule, "--deny", &rule]);
    let default = Serve::start();
    let everything = Serve::with(&["--allow", "*"]);
    for serve in [deny, default, everything] {
        ask_for(serve.port, &authority(&allowed)).refuses(403, "http_request_denied");
    }
}

#[test]
fn a_unix_target_that_is_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let stale = folder.path().join("stale");
    drop(UnixListener::bind(&stale).expect("bind"));
    let missing = folder.path().join("missing");
    let rule = |path: &Path| format!("unix:{}", path.display());
    let serve = Serve::with(&["--allow", &rule(&stale), "--allow", &rule(&missing)]);
    ask_for(serve.port, &authority(&stale)).refuses(502, "connection_refused");
    let answer = ask_for(serve.port, &authority(&missing));
    answer.refuses(503, "destination_unavailable");
}
