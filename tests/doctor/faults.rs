//! What is wrong is named, with the exit code of `connect`, and nothing hangs.

use super::examine;
use crate::client::peer::Peer;
use crate::support::tuncat::TUNCAT;
use crate::support::{ClosedPort, Run};
use std::process::Command;
use std::time::Duration;

#[test]
fn a_proxy_that_is_not_there() {
    let port = ClosedPort::new();
    let seen = examine(&["-x", &format!("http://{}", port.addr())]);
    assert_eq!(seen.output.code, 7);
    assert_eq!(seen.codes(), ["proxy_unreachable"]);
    assert_eq!(seen.ways(), Vec::<String>::new());
}

#[test]
fn a_name_that_does_not_exist() {
    let seen = examine(&["-x", "http://proxy.invalid:3128"]);
    assert_eq!(seen.output.code, 5);
    assert_eq!(seen.codes(), ["proxy_unreachable"]);
}

#[test]
fn something_else_than_http() {
    let proxy = Peer::raw(|conn| {
        conn.send("SSH-2.0-OpenSSH_9.2\r\n")?;
        conn.read_to_end().map(drop)
    });
    let seen = examine(&["-x", &proxy.url()]);
    assert_eq!(seen.output.code, 105);
    assert_eq!(seen.codes(), ["not_http"]);
    let hint = seen.each("findings", &["hint"]);
    assert!(hint[0].contains("SSH server"), "{hint:?}");
}

#[test]
fn a_web_server_is_no_proxy() {
    let proxy = Peer::answering(
        "HTTP/1.1 405 Method Not Allowed\r\nServer: nginx/1.22.1\r\nContent-Length: 0\r\n\r\n",
    );
    let seen = examine(&["-x", &proxy.url()]);
    assert_eq!(seen.output.code, 102);
    assert!(
        seen.codes().contains(&"not_a_proxy".to_owned()),
        "{:?}",
        seen.codes()
    );
    assert_eq!(seen.report["identity"]["product"], "nginx");
    assert_eq!(seen.report["identity"]["server"], "nginx/1.22.1");
}

#[test]
fn a_proxy_that_never_answers_takes_no_longer_than_its_probes() {
    let proxy = Peer::raw(|conn| conn.read_to_end().map(drop));
    let seen = examine(&["-x", &proxy.url(), "-w", "1"]);
    assert_eq!(seen.output.code, 28);
    assert_eq!(seen.codes(), ["proxy_unreachable"]);
    assert!(
        seen.output.elapsed < Duration::from_secs(8),
        "{:?}",
        seen.output.elapsed
    );
}

#[test]
fn a_target_that_cannot_be_reached_or_found() {
    for (status, code, finding) in [
        (
            "502 Bad Gateway\r\nProxy-Status: p; error=connection_refused",
            103,
            "target_unreachable",
        ),
        (
            "502 Bad Gateway\r\nProxy-Status: p; error=dns_error",
            6,
            "target_not_resolved",
        ),
    ] {
        let proxy = Peer::answering(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        let seen = examine(&["-x", &proxy.url(), "host.example:22"]);
        assert_eq!(seen.output.code, code);
        assert!(
            seen.codes().contains(&finding.to_owned()),
            "{:?}",
            seen.codes()
        );
        assert_eq!(seen.ways()[0], "h1 target_unreachable");
        // The same of a place of our own only shows that tunnels are allowed.
        let seen = examine(&["-x", &proxy.url()]);
        assert_eq!((seen.output.code, &*seen.ways()[0]), (0, "h1 spoken"));
    }
}

#[test]
fn nothing_to_examine() {
    let run = Run::new(Command::new(TUNCAT)).args(["doctor", "host.example:22"]);
    let line = run.run().expect_failure(2);
    assert!(line.contains("-x URL"), "{line}");
}

/// Bytes of a peer never reach the terminal as they are.
#[test]
fn what_a_proxy_says_is_escaped() {
    let nasty = "HTTP/1.1 403 \x1b[2J\r\nServer: \x1b]0;x\x07\r\nVia: 1.1 a\x1b[H\r\nContent-Length: 4\r\n\r\n\x1b[1m";
    let proxy = Peer::answering(nasty);
    let run =
        Run::new(Command::new(TUNCAT)).args(["doctor", "-x", &proxy.url(), "host.example:22"]);
    let output = run.run().expect_code(101);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!text.contains(control), "{text:?}");
    assert!(
        text.contains("403") && text.contains("[connect_refused]"),
        "{text}"
    );
}
