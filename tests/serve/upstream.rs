//! `serve` as one hop of a chain.

use super::Files;
use crate::support::peers::{Envoy, LOGIN, Squid, Upstream};
use crate::support::tuncat::TUNCAT;
use crate::support::{Feed, Pattern, Run, Serve, Target, connect};
use crate::terminator::request::{ask, connect_request};
use std::process::Command;

/// Two of them are Envoy's pair: TCP or HTTP/1.1 on one side, HTTP/2 over TLS in between.
#[test]
fn a_pair() {
    let mut outer = Serve::with(&["--self-signed", "--auth", "inner:secret"]);
    let pin = outer.pin();
    let target = Target::echo();
    for via in ["h1", "h2", "h1-post", "h2-post"] {
        let inner = Serve::with(&[
            "--upstream",
            "-x",
            &outer.url,
            "--pin",
            &pin,
            "-U",
            "inner:secret",
            "--via",
            via,
        ]);
        for own in ["h1", "h2", "h1-post", "h2-post"] {
            let args = ["-x", &inner.url, "--via", own, &target.addr()];
            let output = connect(args)
                .feed(Feed::Pattern(7, 3_000_000))
                .hash_only()
                .run();
            let output = output.expect_clean();
            assert_eq!(
                output.stdout_sha256,
                Pattern::sha256(7, 3_000_000),
                "{own} over {via}"
            );
        }
    }
}

/// Many tunnels share the sessions with the next proxy, and the reply survives the end of the request through squid.
#[test]
fn through_squid_and_envoy() {
    let squid = Squid::with_login(LOGIN);
    let login = format!("{}:{}", LOGIN.user, LOGIN.password);
    let inner = Serve::with(&["--upstream", "-x", &squid.url, "-U", &login]);
    // squid tears a tunnel down at an end: it is held back until the target has been quiet.
    let target = Target::answers_promptly(5, 3, 500_000);
    let args = ["-x", &inner.url, "--via", "h2", &target.addr()];
    let output = connect(args).stdin(*b"hello").hash_only().run();
    assert_eq!(
        output.expect_clean().stdout_sha256,
        Pattern::sha256(3, 500_000)
    );
    let far = Target::echo();
    let envoy = Envoy::terminating(far.port);
    let inner = Serve::with(&["--upstream", "-x", &envoy.url("h2c")]);
    let args = ["-x", &inner.url, "whatever.example:443"];
    let output = connect(args)
        .feed(Feed::Pattern(8, 2_000_000))
        .hash_only()
        .run();
    assert_eq!(
        output.expect_clean().stdout_sha256,
        Pattern::sha256(8, 2_000_000)
    );
    // And Envoy's encapsulator in front of a pair.
    let outer = Serve::start();
    let inner = Serve::with(&["--upstream", "-x", &outer.url, "--via", "h2"]);
    let envoy = Envoy::encapsulating(&far.addr(), inner.port, Upstream::Http2);
    let direct = connect([&format!("127.0.0.1:{}", envoy.port)]);
    let output = direct.feed(Feed::Pattern(9, 2_000_000)).hash_only().run();
    assert_eq!(
        output.expect_clean().stdout_sha256,
        Pattern::sha256(9, 2_000_000)
    );
}

/// What the next proxy says of its failure is what the client is told.
#[test]
fn failures_further_on() {
    let outer = Serve::with(&["--deny", "*:9"]);
    let inner = Serve::with(&["--upstream", "-x", &outer.url]);
    let closed = crate::support::ClosedPort::new();
    for (target, status, error) in [
        (closed.addr(), 502, "connection_refused"),
        ("127.0.0.1:9".into(), 403, "http_request_denied"),
        ("no-such-name.invalid:443".into(), 502, "dns_error"),
    ] {
        let answer = ask(inner.port, connect_request(&target));
        answer.refuses(status, error);
        assert!(answer.body.contains("upstream: "), "{}", answer.body);
    }
    // Its credentials are our own affair: no client could answer a 407 for us.
    let outer = Serve::with(&["--auth", "a:b"]);
    let inner = Serve::with(&["--upstream", "-x", &outer.url]);
    ask(inner.port, connect_request("127.0.0.1:9")).refuses(500, "proxy_configuration_error");
    let gone = crate::support::ClosedPort::new();
    let inner = Serve::with(&["--upstream", "-x", &format!("http://{}", gone.addr())]);
    ask(inner.port, connect_request("127.0.0.1:9")).refuses(503, "destination_unavailable");
}

/// Rules hold before anything goes further on.
#[test]
fn rules_come_first() {
    let outer = Serve::start();
    let inner = Serve::with(&[
        "--deny",
        "127.0.0.2",
        "--deny",
        "*.example",
        "--upstream",
        "-x",
        &outer.url,
    ]);
    for (target, error) in [
        ("127.0.0.2:80", "destination_ip_prohibited"),
        ("2130706434:80", "destination_ip_prohibited"),
        ("10.0.0.1:80", "destination_ip_prohibited"),
        ("a.example:80", "http_request_denied"),
    ] {
        ask(inner.port, connect_request(target)).refuses(403, error);
    }
}

/// A proxy whose upstream leads back to it, directly or over another one, says so after one round.
#[test]
fn loops() {
    let port = crate::support::free_port();
    let own = format!("http://127.0.0.1:{port}");
    let log = Files::new();
    let mut command = Command::new(TUNCAT);
    command.args([
        "serve",
        "-l",
        &port.to_string(),
        "--access-log",
        &log.arg("a"),
        "--upstream",
        "-x",
    ]);
    let other = {
        let inner = Serve::with(&["--upstream", "-x", &own]);
        command.arg(&inner.url);
        inner
    };
    let mut first = crate::support::Proc::spawn("tuncat serve", command);
    first.wait_line("its address", |line| {
        line.contains("listening on").then_some(())
    });
    for way in [&own, &other.url] {
        let run = connect(["-x", way, "1.1.1.1:443"]).run();
        let line = run.expect_failure(103);
        assert!(line.contains("[proxy_loop_detected]"), "{line}");
    }
    let lines = std::fs::read_to_string(log.path("a")).expect("a log");
    assert_eq!(lines.lines().count(), 3, "{lines}");
}

#[test]
fn options_that_are_wrong() {
    for (options, why) in [
        (&["--no-proxy"][..], "--no-proxy is not possible here"),
        (&["-w", "5"], "no proxy"),
        (&["-x", "embedded:"], "must name other proxies"),
        (&["-x", "http://p:1", "--bogus"], "--bogus"),
        (&["-x", "ftp://p:1"], "the scheme of a proxy URL is"),
    ] {
        let run = Run::new(Command::new(TUNCAT)).args(["serve", "--check", "--upstream"]);
        let line = run.args(options).run().expect_failure(2);
        assert!(line.contains(why), "{line}");
    }
}

/// The sessions with the next proxy end when the last tunnel has, and what was sent has arrived.
#[test]
fn it_drains_to_the_end() {
    let outer = Serve::start();
    let target = Target::sink();
    let mut inner = Serve::with(&["--upstream", "-x", &outer.url, "--via", "h2"]);
    let output = connect(["-x", &inner.url, &target.addr()]).feed(Feed::Pattern(6, 1_000_000));
    output.run().expect_clean();
    let live = crate::terminator::request::open(inner.port, &target.addr());
    inner.process().signal(rustix::process::Signal::TERM);
    inner.process().wait_line("its drain", |line| {
        line.contains("waiting for").then_some(())
    });
    drop(live);
    assert_eq!(inner.process().wait_exit().code(), Some(0));
}
