//! What is wrong on this side: the command line, files, stdin, stdout.

use crate::client::child::Tunnel;
use crate::client::expect::{Failure, Row, Scene, TARGET, check_all, row};
use crate::client::peer::{OK, Peer};
use crate::support::wait_for;
use std::fs::File;
use std::io;
use std::process::Stdio;

/// These need stdio of their own, and so have tests rather than rows.
pub const CODES: [i32; 2] = [23, 26];

#[rustfmt::skip] // A row a line.
pub fn rows() -> Vec<Row> {
    let wrong = |name, args: &'static [&'static str], cause| {
        row(name, move || Scene::new(args), Failure::new(2, "arguments", "user", cause))
    };
    vec![
        wrong("no port", &["host"], "target: no port; write HOST:PORT"),
        wrong("an empty port", &["host:"], "target: the port is missing"),
        wrong("port 0", &["host:0"], "target: the port is not a number from 1 to 65535"),
        wrong("a port that is a name", &["host:ssh"], "target: the port is not a number from 1 to 65535"),
        wrong("a port too large", &["host", "65536"], "target: the port is not a number from 1 to 65535"),
        wrong("no host", &[":22"], "target: the host is empty"),
        wrong("an address without brackets", &["::1:22"], "target: an IPv6 address needs brackets*"),
        wrong("half an address", &["127.1:22"], "target: the host looks like an IPv4 address*"),
        wrong("a user", &["user@host:22"], "target: the host has a character that no host name has"),
        wrong("a built-in without a proxy", &["echo:"], "echo: is a target inside a proxy*"),
        wrong("an unknown scheme", &["-x", "gopher://host", TARGET], "-x: the scheme of a proxy URL is http, https, h2c, h3, socks4, socks4a, socks5 or socks5h"),
        wrong("QUIC behind another proxy", &["-x", "http://h", "-x", "h3://host", TARGET], "h3:// can only be the first proxy*"),
        wrong("a proxy's port", &["-x", "http://host:port", TARGET], "-x: the port is not a number from 1 to 65535"),
        wrong("a proxy without a host", &["-x", "http://", TARGET], "-x: the host is empty"),
        wrong("a field without a colon", &["-x", "http://h", "-H", "X", TARGET], "-H: a header field is written 'Name: value'"),
        wrong("a length", &["-x", "http://h", "-H", "Content-Length: 5", TARGET],
            "-H: Content-Length cannot be set on a request for a tunnel"),
        wrong("an encoding", &["-x", "http://h", "-H", "transfer-encoding: chunked", TARGET],
            "-H: transfer-encoding cannot be set on a request for a tunnel"),
        wrong("a chain with embedded", &["-x", "embedded:", "-x", "http://127.0.0.1:1", TARGET],
            "-x: embedded: cannot be part of a chain"),
        wrong("a file without a user", &["-x", "http://127.0.0.1:1", "--proxy-pass-file", "/dev/null", TARGET],
            "--proxy-pass-file needs a user: give -U USER"),
        wrong("no such file", &["-x", "http://127.0.0.1:1", "-U", "u", "--proxy-pass-file", "/nonexistent/file", TARGET],
            "/nonexistent/file: No such file or directory"),
        wrong("no such roots", &["-x", "https://127.0.0.1:1", "--cacert", "/nonexistent/file", TARGET],
            "/nonexistent/file: *"),
        wrong("roots without one", &["-x", "https://127.0.0.1:1", "--cacert", "/dev/null", TARGET],
            "/dev/null: no certificate in it"),
    ]
}

#[test]
fn every_usage_that_is_wrong() {
    check_all(rows());
}

/// Those that the parser of the command line refuses: with its own words, and before anything is done.
#[test]
fn flags_that_are_wrong() {
    let peer = Peer::answering(OK);
    for args in [
        &["--no-such-flag"][..],
        &["-w", "soon"],
        &["-w", "-1"],
        &["-i", "1 day"],
        &["--pin", "sha256//short"],
        &["--pin", "md5//AAAA"],
        &["-4", "-6"],
        &["-N", "--fin-delay", "1"],
        &["--resolve", "host:1"],
        &["--no-proxy"],
        &["22", "and more"],
    ] {
        let scene = Scene::new(&["-x", &peer.url(), TARGET]);
        let output = scene.run(args).expect_code(2);
        assert!(output.stderr.starts_with("error: "), "{args:?}: {output:?}");
        assert_eq!(output.stdout, b"", "{args:?}");
    }
    assert_eq!(peer.accepted(), 0);
}

/// Opens a tunnel in which nobody says anything, with this stdin; then the line and the object.
fn with_stdin(stdin: impl Fn() -> Stdio, code: i32, line: &str) {
    let peer = Peer::new(|conn| {
        conn.send(OK)?;
        conn.read_to_end().map(drop)
    });
    let args = ["-x", &peer.url(), TARGET];
    let ended = Tunnel::start(args, stdin(), Stdio::null()).wait();
    assert_eq!((ended.code, ended.stderr.trim_end()), (code, line));
    let args = ["-x", &peer.url(), TARGET, "--json"];
    let object = Tunnel::start(args, stdin(), Stdio::null()).wait();
    let error = &object.expect_json(code)["error"];
    for (field, value) in [
        ("stage", "stdin"),
        ("kind", "local_read"),
        ("blame", "local"),
    ] {
        assert_eq!(error[field], value, "{error}");
    }
    assert!(error["peer"].is_null(), "stdin has no address: {error}");
}

#[test]
fn stdin_that_is_a_folder() {
    with_stdin(
        || File::open("/").expect("open a folder").into(),
        26,
        "tuncat: stdin: Is a directory",
    );
}

/// Nothing is mapped at the beginning of a process: reading there fails as a broken disk does.
#[test]
fn stdin_that_cannot_be_read() {
    with_stdin(
        || File::open("/proc/self/mem").expect("open memory").into(),
        26,
        "tuncat: stdin: Input/output error",
    );
}

/// A proxy that sends without end until the client is gone; whether it went with a reset.
fn flood() -> (Peer, std::sync::mpsc::Receiver<io::ErrorKind>) {
    let (sender, ends) = std::sync::mpsc::channel();
    let peer = Peer::new(move |conn| {
        conn.send(OK)?;
        let end = loop {
            if let Err(error) = conn.send([b'x'; 16 * 1024]) {
                break error.kind();
            }
        };
        sender.send(end).map_err(io::Error::other)
    });
    (peer, ends)
}

fn full_disk() -> File {
    File::options()
        .write(true)
        .open("/dev/full")
        .expect("open /dev/full")
}

#[test]
fn stdout_that_is_full() {
    let (peer, _ends) = flood();
    let args = ["-x", &peer.url(), TARGET];
    let ended = Tunnel::start(args, Stdio::null(), full_disk()).wait();
    let line = "tuncat: stdout: No space left on device";
    assert_eq!((ended.code, ended.stderr.trim_end()), (23, line));

    let args = ["-x", &peer.url(), TARGET, "--json"];
    let ended = Tunnel::start(args, Stdio::null(), full_disk()).wait();
    let object = ended.expect_json(23);
    let error = &object["error"];
    for (field, value) in [
        ("stage", "stdout"),
        ("kind", "local_write"),
        ("blame", "local"),
    ] {
        assert_eq!(error[field], value, "{error}");
    }
    assert_eq!(object["received_bytes"], 0, "none could be written");
    assert!(error["peer"].is_null(), "stdout has no address: {error}");
}

/// Whoever read our output has seen enough (`| head`): no word, and the far side sees that it was not an end.
#[test]
fn stdout_that_nobody_reads() {
    let (peer, ends) = flood();
    let args = ["-x", &peer.url(), TARGET];
    let mut tunnel = Tunnel::piped(args);
    assert_eq!(tunnel.read_exact(10), b"xxxxxxxxxx");
    drop(tunnel.take_stdout());
    let ended = tunnel.wait();
    assert_eq!((ended.code, ended.stderr.as_str()), (23, ""));
    let end = wait_for("the end of the flood", || ends.try_recv().ok());
    assert!(
        matches!(
            end,
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        ),
        "{end:?}"
    );

    let mut tunnel = Tunnel::piped(["-x", &peer.url(), TARGET, "--json"]);
    tunnel.read_exact(10);
    drop(tunnel.take_stdout());
    let object = tunnel.wait().expect_json(23);
    assert_eq!(object["error"]["kind"], "local_write");
    assert!(object["received_bytes"].as_u64() >= Some(10), "{object}");
}
