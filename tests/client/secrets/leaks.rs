//! Who gets to see a password: the proxy that it is for, and nobody else.

use super::basic;
use crate::client::LIMIT;
use crate::client::child::Tunnel;
use crate::client::expect::TARGET;
use crate::client::peer::{OK, Peer};
use crate::support::{Serve, Target, connect, wait_for};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::io;
use std::sync::mpsc::channel;

const PASSWORD: &str = "hunter2-correct-horse";

/// The shapes in which a password could show.
fn shapes(password: &str) -> Vec<String> {
    let pair = STANDARD.encode(format!("me:{password}"));
    vec![password.into(), STANDARD.encode(password), pair]
}

#[track_caller]
fn assert_absent(text: &str, password: &str) {
    for shape in shapes(password) {
        assert!(!text.contains(&shape), "{shape} in: {text}");
    }
}

/// What `ps` shows while a tunnel is open that was made with these arguments.
fn command_line(args: &[&str], proof: &str) -> String {
    let peer = Peer::echo(OK);
    let args = args.iter().map(|arg| arg.replace("PROXY", &peer.addr()));
    let more = ["--proxy-auth", "basic", TARGET].map(String::from);
    let mut tunnel = Tunnel::piped(args.chain(more));
    tunnel.write("x");
    assert_eq!(tunnel.read_exact(1), b"x");
    let head = &peer.heads()[0];
    assert!(head.contains(proof), "the password is used: {head}");
    let path = format!("/proc/{}/cmdline", tunnel.pid().as_raw_nonzero());
    let text = fs::read(path).expect("the command line of a running program");
    String::from_utf8_lossy(&text).replace('\0', " ")
}

#[test]
fn ps_shows_no_password() {
    let user = format!("me:{PASSWORD}");
    let url = format!("http://me:{PASSWORD}@PROXY");
    for args in [&["-x", "http://PROXY", "-U", &user][..], &["-x", &url]] {
        let shown = command_line(args, &basic("me", PASSWORD));
        assert!(shown.contains(" connect "), "the rest is there: {shown}");
        assert!(shown.contains(TARGET), "the rest is there: {shown}");
        assert_absent(&shown, PASSWORD);
    }
}

/// A URL has it in another form than the request.
#[test]
fn ps_shows_no_encoded_password() {
    let args = ["-x", "http://me:h%75nter2%40horse@PROXY"];
    let shown = command_line(&args, &basic("me", "hunter2@horse"));
    assert_absent(&shown, "hunter2@horse");
    assert!(!shown.contains("h%75nter2%40horse"), "{shown}");
}

/// A header given by hand is no less a secret.
#[test]
fn ps_shows_no_authorization_header() {
    let pair = STANDARD.encode(format!("me:{PASSWORD}"));
    let field = format!("Proxy-Authorization: Basic {pair}");
    let args = ["-x", "http://PROXY", "-H", &field];
    let shown = command_line(&args, &basic("me", PASSWORD));
    assert_absent(&shown, PASSWORD);
}

/// Whatever happens, no output has it: not the log at its most talkative, and not the object.
#[test]
fn no_output_shows_a_password() {
    let refusals = [
        "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 No\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        "SSH-2.0-x\r\n",
        "",
        OK,
    ];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("password");
    fs::write(&file, PASSWORD).expect("write a file");
    let file = file.to_str().expect("a path in UTF-8");
    for answer in refusals {
        let peer = Peer::answering(answer);
        let (url, user) = (peer.url(), format!("me:{PASSWORD}"));
        let with_password = format!("http://me:{PASSWORD}@{}", peer.addr());
        for args in [
            &["-x", &url, "-U", &user][..],
            &["-x", &with_password],
            &["-x", &url, "-U", "me", "--proxy-pass-file", file],
        ] {
            for more in [&["-vvvv"][..], &["--json"], &["-vvv", "--json"], &[]] {
                let run = connect(args)
                    .args(more)
                    .args(["--proxy-auth", "basic", TARGET]);
                let output = run.limit(LIMIT).run();
                assert!(
                    peer.heads()
                        .iter()
                        .all(|h| h.contains(&basic("me", PASSWORD)))
                );
                assert_absent(&output.stderr, PASSWORD);
            }
        }
    }
}

/// What is wrong with an argument is said without repeating the secret in it.
#[test]
fn complaints_show_no_password() {
    let url = |rest: &str| rest.replace("SECRET", &format!("me:{PASSWORD}"));
    for args in [
        ["-x", &url("socks6://SECRET@127.0.0.1:1")],
        ["-x", &url("gopher://SECRET@127.0.0.1:1")],
        ["-x", &url("http://SECRET@127.0.0.1:port")],
        ["-x", &url("http://SECRET@127.0.0.1:0")],
        ["-x", &url("http://SECRET@")],
        ["-x", &url("http://SECRET@a b:1")],
        ["-H", &url("Proxy-Authorization: Basic SECRET\r\n")],
    ] {
        let output = connect(args).arg(TARGET).limit(LIMIT).run().expect_code(2);
        assert!(!output.stderr.is_empty(), "{args:?}");
        assert_absent(&output.stderr, PASSWORD);
    }
    for variable in ["https_proxy", "ALL_PROXY"] {
        let run = connect([TARGET]).env(variable, url("gopher://SECRET@127.0.0.1:1"));
        let line = run.limit(LIMIT).run().expect_failure(2);
        assert!(line.contains(variable), "{line}");
        assert_absent(&line, PASSWORD);
    }
}

/// The credentials are in the request, and the tunnel has nothing of it.
#[test]
fn the_target_sees_nothing() {
    let (sender, received) = channel();
    let target = Target::start(move |stream, _| {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut &stream, &mut bytes)?;
        sender.send(bytes).map_err(io::Error::other)
    });
    let serve = Serve::with(&["--auth", &format!("me:{PASSWORD}")]);
    let user = format!("me:{PASSWORD}");
    let args = [
        "-x",
        &serve.url,
        "-U",
        &user,
        "-H",
        "X-Secret: too",
        &target.addr(),
    ];
    connect(args).stdin("hello").run().expect_clean();
    let received = wait_for("what the target got", || received.try_recv().ok());
    assert_eq!(received, b"hello");
    // Without them there is no tunnel, so they were needed.
    let run = connect(["-x", &serve.url, &target.addr()]);
    run.run().expect_failure(67);
    assert_eq!(target.accepted(), 1);
}

/// Without a proxy there is nobody to give them to.
#[test]
fn a_target_without_a_proxy_sees_nothing() {
    let target = Target::sink();
    let args = [
        "--no-proxy",
        "-U",
        "me:secret",
        "-H",
        "X-A: b",
        &target.addr(),
    ];
    connect(args).stdin("hello").run().expect_clean();
    assert_eq!(target.received(1), (5, crate::support::sha256(b"hello")));
}
