//! tuncat opens tunnels by POST, Envoy with `allow_post` ends them.

use crate::real::whole;
use crate::support::peers::{Certificate, Envoy};
use crate::support::{ClosedPort, Feed, Listen, Pattern, Target, connect, pattern};
use std::io::ErrorKind;

/// An Envoy that ends tunnels at a target, and the options to reach it.
struct Way {
    _envoy: Envoy,
    _certificate: Option<Certificate>,
    args: Vec<String>,
    carrier: &'static str,
}

type Start = fn(&Target) -> Way;

const ALL: [Start; 3] = [h1, h2c, h2_tls];

fn h1(target: &Target) -> Way {
    // With a path of no meaning; the others have the default, which Envoy takes as well.
    clear(target, "http", "h1-post", &["--path", "/"])
}

fn h2c(target: &Target) -> Way {
    clear(target, "h2c", "h2-post", &[])
}

fn h2_tls(target: &Target) -> Way {
    let certificate = Certificate::new();
    let envoy = Envoy::terminating_tls(target.port, &certificate);
    let cert = certificate.cert();
    let args = [
        "-x",
        &envoy.url("https"),
        "--cacert",
        &cert,
        "--via",
        "post",
    ];
    Way {
        args: args.map(str::to_owned).into(),
        carrier: "h2-post",
        _certificate: Some(certificate),
        _envoy: envoy,
    }
}

fn clear(target: &Target, scheme: &str, carrier: &'static str, more: &[&str]) -> Way {
    let envoy = Envoy::terminating(target.port);
    let url = envoy.url(scheme);
    let args = [&["-x", &url, "--via", carrier], more].concat();
    Way {
        args: args.into_iter().map(str::to_owned).collect(),
        carrier,
        _certificate: None,
        _envoy: envoy,
    }
}

impl Way {
    fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }

    fn listen(&self, target: &Target) -> Listen {
        whole::listen(&self.args(), target)
    }
}

fn connect_to_echo(start: Start) {
    let target = Target::echo();
    let way = start(&target);
    whole::connect_to_echo(&way.args(), way.carrier, &target);
    whole::dialogue(way.listen(&target).ports[0]);
}

/// Envoy ends each direction of a POST by itself, on HTTP/1.1 too: nothing is lost, and nobody waits.
fn client_ends_first(start: Start) {
    let target = whole::answers_after_eof();
    let way = start(&target);
    whole::connect_and_end_first(&way.args(), way.carrier, &target);
}

#[test]
fn connect_to_echo_h1() {
    connect_to_echo(h1);
}

#[test]
fn connect_to_echo_h2c() {
    connect_to_echo(h2c);
}

#[test]
fn connect_to_echo_h2_tls() {
    connect_to_echo(h2_tls);
}

#[test]
fn client_ends_first_h1() {
    client_ends_first(h1);
}

#[test]
fn client_ends_first_h2c() {
    client_ends_first(h2c);
}

#[test]
fn client_ends_first_h2_tls() {
    client_ends_first(h2_tls);
}

/// On HTTP/1.1 all of the target's bytes and its end arrive; what is sent after that does not.
#[test]
fn target_ends_first_h1() {
    let target = whole::ends_first();
    let way = h1(&target);
    whole::target_ends_first_and_loses(way.listen(&target).ports[0], super::WHO);
}

/// On HTTP/2 Envoy resets the tunnel when the target ends before the client, and drops what it has not sent yet. Here
/// that is told, and never taken for an end.
#[test]
fn target_ends_first_h2() {
    for start in [h2c, h2_tls] {
        let target = whole::ends_first();
        let way = start(&target);
        whole::connect_to_one_that_ends_first_and_may_be_cut(&way.args(), &target);
        whole::target_ends_first_and_may_be_cut(way.listen(&target).ports[0]);
    }
}

/// What it can send at once arrives whole, with the end.
#[test]
fn target_ends_first_after_few_bytes() {
    const FEW: u64 = 3000;
    for start in ALL {
        let target = Target::ends_first(7, FEW);
        let way = start(&target);
        let output = connect(way.args())
            .arg(target.addr())
            .feed(Feed::Open(Vec::new()))
            .run()
            .expect_clean();
        assert_eq!(output.stdout_sha256, Pattern::sha256(7, FEW));
    }
}

/// Every byte, and then the break: on HTTP/1.1 Envoy leaves out the last chunk (18), on HTTP/2 it resets (56).
#[test]
fn a_target_that_resets() {
    const SENT: usize = 1000;
    for (start, code, cause) in [
        (ALL[0], 18, "the tunnel was cut off without an end after 5"),
        (ALL[1], 56, "the tunnel was reset after 5"),
        (ALL[2], 56, "the tunnel was reset after 5"),
    ] {
        let target = Target::resets(3, SENT);
        let way = start(&target);
        let output = connect(way.args())
            .arg(target.addr())
            .feed(Feed::Open(b"hello".to_vec()))
            .run();
        assert_eq!(output.stdout, pattern(3, SENT));
        let line = output.expect_failure(code);
        assert!(line.contains(cause), "{line}");
        let end = whole::target_resets(way.listen(&target).ports[0], 3, SENT);
        let kind = end.expect_err("no end").kind();
        assert_eq!(kind, ErrorKind::ConnectionReset);
    }
}

/// Envoy hands no reset on to the target: it makes an end of it. Through `serve` it is one; see `post.rs`.
#[test]
fn a_client_that_resets() {
    for start in ALL {
        let (target, ends) = Target::watcher(b"!");
        let way = start(&target);
        let listen = way.listen(&target);
        let kind = whole::client_resets(listen.ports[0], &ends);
        assert_eq!(kind, None, "Envoy hands resets on now");
    }
}

#[test]
fn a_target_that_refuses_is_103() {
    let closed = ClosedPort::new();
    let envoy = Envoy::terminating(closed.port);
    for (scheme, via) in [("http", "h1-post"), ("h2c", "h2-post")] {
        let line = connect(["-x", &envoy.url(scheme), "--via", via, &closed.addr()])
            .run()
            .expect_failure(103);
        assert!(line.contains("503 Service Unavailable"), "{line}");
    }
}
