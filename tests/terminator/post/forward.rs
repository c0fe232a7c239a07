//! `--forward`: one target for every POST, whatever it names. Rules and CONNECT are as without it.

use super::{CHUNKED, LAST, chunk, open, path_to, post, read_content};
use crate::support::{ClosedPort, Serve, Target, connect as tuncat};
use crate::terminator::request::{ask, ask_for, open as open_connect};
use std::io::Write;

#[test]
fn every_post_goes_there() {
    let (target, other) = (Target::echo(), Target::sink());
    let serve = Serve::with(&["--forward", &target.addr()]);
    for (path, host) in [
        ("/", "proxy.test"),
        ("/any/path?q", "proxy.test:80"),
        (&path_to(&other.addr()), "proxy.test"),
        ("/", &other.addr()),
        ("/.well-known/masque/tcp/", "proxy.test"),
        (&format!("http://{}/", other.addr()), "proxy.test"),
        ("/", ""),
    ] {
        let mut stream = open(serve.port, &post(path, host, CHUNKED));
        let content = [&chunk("hello")[..], LAST].concat();
        stream.write_all(&content).expect("send");
        assert_eq!(read_content(&stream), b"hello", "{path} {host}");
    }
    assert_eq!(other.accepted(), 0);
    // CONNECT says where it goes.
    drop(open_connect(serve.port, &other.addr()));
    assert_eq!((target.accepted(), other.accepted()), (7, 1));
}

/// By both versions, and whatever the target of the client's own is.
#[test]
fn tuncat_ends_up_there() {
    let target = Target::echo();
    let serve = Serve::with(&["--forward", &target.addr()]);
    let h2c = serve.url.replace("http", "h2c");
    for (proxy, via) in [(&serve.url, "h1-post"), (&h2c, "h2-post")] {
        for path in [&[][..], &["--path", "/"]] {
            let run = tuncat(["-x", proxy, "--via", via, "host.invalid:22"]).args(path);
            assert_eq!(run.stdin("hello").run().expect_clean().stdout, b"hello");
        }
    }
    assert_eq!(target.accepted(), 4);
}

#[test]
fn the_rules_hold_for_it() {
    let target = Target::sink();
    let at = target.addr();
    for (rules, forward, error) in [
        (
            &["--deny", &at][..],
            at.as_str(),
            "destination_ip_prohibited",
        ),
        (&["--deny", "127.0.0.0/8"], &at, "destination_ip_prohibited"),
        (&["--deny", "*"], &at, "http_request_denied"),
        (&["--allow", "192.0.2.1"], &at, "http_request_denied"),
        (&["--allow", "*"], &at, "destination_ip_prohibited"),
        (
            &["--allow", &at, "--deny", &at],
            &at,
            "destination_ip_prohibited",
        ),
        (&[], "10.0.0.1:80", "destination_ip_prohibited"),
        (&[], "169.254.169.254:80", "destination_ip_prohibited"),
        (&[], "unix:/run/x", "http_request_denied"),
    ] {
        let serve = Serve::with(&[rules, &["--forward", forward]].concat());
        let answer = ask(serve.port, post("/", "proxy.test", CHUNKED));
        assert_eq!(answer.status, 403, "{rules:?} {forward}: {}", answer.text);
        answer.refuses(403, error);
    }
    assert_eq!(target.accepted(), 0, "something was dialled");
    for rules in [&["--allow", &at][..], &["--allow", "127.0.0.0/8"]] {
        let serve = Serve::with(&[rules, &["--forward", &at]].concat());
        drop(open(serve.port, &post("/", "proxy.test", CHUNKED)));
        ask_for(serve.port, "127.0.0.2:1");
    }
}

#[test]
fn a_forward_that_is_not_there() {
    let closed = ClosedPort::new();
    for (forward, error) in [
        (closed.addr(), "connection_refused"),
        ("x.invalid:80".to_owned(), "dns_error"),
    ] {
        let serve = Serve::with(&["--forward", &forward]);
        ask(serve.port, post("/", "proxy.test", CHUNKED)).refuses(502, error);
    }
}
