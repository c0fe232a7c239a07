//! How a path names a target, and all the ways in which it does not.

use super::{CHUNKED, chunk, open, path_to, post, read_content};
use crate::support::{Serve, Target};
use crate::terminator::request::ask;
use std::io::Write;

/// The path wins over the authority, in origin-form and in absolute-form; another path leaves it to the authority.
#[test]
fn what_names_the_target() {
    let target = Target::echo();
    let (at, port) = (target.addr(), target.port);
    let serve = Serve::start();
    let well_known = "/.well-known/masque/tcp";
    for (path, host) in [
        (path_to(&at), "proxy.test"),
        (path_to(&at), "proxy.test:1"),
        (path_to(&at), ""),
        (path_to(&at), "10.0.0.1:80"),
        (format!("{well_known}/127.0.0.1/{port}"), "proxy.test"),
        (
            format!("{well_known}/127.0.0.1/{port}/?a=/b/c"),
            "proxy.test",
        ),
        (
            format!("{well_known}/%31%32%37.0.0.1/{port}/"),
            "proxy.test",
        ),
        (format!("{well_known}/localhost/{port}/"), "proxy.test"),
        (format!("{well_known}/LocalHost./{port}/"), "proxy.test"),
        (format!("{well_known}/2130706433/{port}/"), "proxy.test"),
        (
            format!("{well_known}/%3A%3Affff%3A127.0.0.1/{port}/"),
            "proxy.test",
        ),
        (format!("{well_known}/::ffff:7f00:1/{port}/"), "proxy.test"),
        (format!("http://proxy.test{}", path_to(&at)), "other.test"),
        (format!("HTTP://{at}/x"), "other.test"),
        (format!("http://{at}"), "other.test"),
        (format!("http://{at}?q"), "other.test"),
        ("/".to_owned(), &at),
        ("/x/y?z".to_owned(), &at),
        ("/.well-known/masque/tcp".to_owned(), &at),
        ("/.well-known/masque/udp/10.0.0.1/1/".to_owned(), &at),
        ("/.well-known//masque/tcp/10.0.0.1/1/".to_owned(), &at),
    ] {
        let mut stream = open(serve.port, &post(&path, host, CHUNKED));
        let content = [&chunk("hello")[..], super::LAST].concat();
        stream.write_all(&content).expect("send");
        assert_eq!(read_content(&stream), b"hello", "{path} {host}");
    }
}

#[test]
fn paths_that_name_nothing() {
    let target = Target::sink();
    let (at, port) = (target.addr(), target.port);
    let serve = Serve::start();
    let long = "a".repeat(64);
    // The Host would be right.
    for rest in [
        String::new(),
        "/".to_owned(),
        "127.0.0.1".to_owned(),
        "127.0.0.1/".to_owned(),
        format!("/{port}/"),
        format!("127.0.0.1//{port}/"),
        format!("/127.0.0.1/{port}/"),
        format!("127.0.0.1/{port}//"),
        format!("127.0.0.1/{port}/x"),
        format!("127.0.0.1/{port}/127.0.0.1/{port}/"),
        format!("../tcp/127.0.0.1/{port}/"),
        format!("./127.0.0.1/{port}/"),
        format!("127.0.0.1/{port}/.."),
        format!("127.0.0.1/{port}%2F"),
        format!("127.0.0.1%2F{port}/"),
        format!("127.0.0.1:{port}/"),
        format!("127.0.0.1:{port}/{port}/"),
        format!("127.0.0.1%3A{port}/{port}/"),
        // Ports.
        "127.0.0.1/0/".to_owned(),
        "127.0.0.1/65536/".to_owned(),
        format!("127.0.0.1/+{port}/"),
        format!("127.0.0.1/-{port}/"),
        format!("127.0.0.1/%3{port}/"),
        format!("127.0.0.1/{port}x/"),
        format!("127.0.0.1/%20{port}/"),
        "127.0.0.1/http/".to_owned(),
        // Hosts that others would take for this machine.
        format!("0x7f.1/{port}/"),
        format!("0x7f000001/{port}/"),
        format!("127.1/{port}/"),
        format!("0177.0.0.1/{port}/"),
        format!("127.0.0.1./{port}/"),
        format!("%30x7f.1/{port}/"),
        format!("[::1]/{port}/"),
        format!("%5B::1%5D/{port}/"),
        format!("::1%25lo/{port}/"),
        format!("[127.0.0.1]/{port}/"),
        // What decodes to something that is no host.
        format!("u@127.0.0.1/{port}/"),
        format!("u%40127.0.0.1/{port}/"),
        format!("127.0.0.1%00/{port}/"),
        format!("127.0.0.1%0D%0AX:%20y/{port}/"),
        format!("127.0.0.1%20/{port}/"),
        format!("%20127.0.0.1/{port}/"),
        format!("127.0.0.1%23/{port}/"),
        format!("127.0.0.1%3F/{port}/"),
        format!("%FF%FE/{port}/"),
        format!("%C0%AE/{port}/"),
        format!("%/{port}/"),
        format!("%zz/{port}/"),
        format!("%2531%2532%2537.0.0.1/{port}/"),
        format!("a%2Fb/{port}/"),
        format!("%2Ftmp%2Fs/{port}/"),
        format!("*/{port}/"),
        format!("{long}/{port}/"),
        "nope.tuncat.invalid/7/".to_owned(),
        "echo.tuncat.invalid/8/".to_owned(),
    ] {
        let path = format!("/.well-known/masque/tcp/{rest}");
        let answer = ask(serve.port, post(&path, &at, CHUNKED));
        assert_eq!(answer.status, 400, "{path}: {}", answer.text);
        answer.refuses(400, "http_request_error");
    }
    assert_eq!(target.accepted(), 0, "something was dialled");
}

/// Built-in targets have a path too.
#[test]
fn a_built_in_target() {
    let serve = Serve::start();
    let mut stream = open(serve.port, &super::request("echo.tuncat.invalid:7"));
    let content = [&chunk("hello")[..], super::LAST].concat();
    stream.write_all(&content).expect("send");
    assert_eq!(read_content(&stream), b"hello");
}

/// A path that is none of ours leaves the target to the authority, which is the proxy itself for whoever got the path wrong.
#[test]
fn a_path_where_there_is_no_tunnel() {
    let serve = Serve::start();
    let here = format!("127.0.0.1:{}", serve.port);
    for (path, host) in [
        ("/", &here[..]),
        ("/tunnel/host.test/22", &here),
        (&format!("http://{here}/x"), "other.test"),
        (&path_to(&here), "proxy.test"),
    ] {
        let answer = ask(serve.port, post(path, host, CHUNKED));
        answer.refuses(404, "http_request_error");
    }
}
