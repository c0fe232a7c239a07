//! POST tunnels between node and tuncat, each at either end: HTTP/1.1 chunked by node's `http`, and HTTP/2.

use super::client::{clean, report};
use super::server::{fails, known};
use crate::real::{MIB, whole};
use crate::support::peers::{NodeServer, node};
use crate::support::{ClosedPort, Feed, Pattern, Run, Serve, Target, connect, pattern};
use serde_json::{Value, json};

const LEN: u64 = 64 * MIB;

const CLIENTS: [&str; 2] = [include_str!("post_client.js"), include_str!("client.js")];

/// A script of node that asks a clear `serve` for a target by POST.
fn client(script: &str, serve: &Serve, target: &str, options: Value) -> Run {
    let mut config = json!({ "url": serve.url, "target": target, "path": "/" });
    let more = options.as_object().expect("options").clone();
    config.as_object_mut().expect("options").extend(more);
    node(script, &config)
}

#[test]
fn node_to_an_echo() {
    let serve = Serve::start();
    for script in CLIENTS {
        let target = Target::echo();
        let path = format!("/.well-known/masque/tcp/127.0.0.1/{}/", target.port);
        let output = client(script, &serve, "proxy.test", json!({ "path": path }))
            .feed(Feed::Pattern(1, LEN))
            .hash_only()
            .run();
        clean(&output);
        assert_eq!(output.stdout_sha256, Pattern::sha256(1, LEN));
    }
}

#[test]
fn node_ends_first() {
    let serve = Serve::start();
    for script in CLIENTS {
        let target = whole::answers_after_eof();
        let output = client(script, &serve, &target.addr(), json!({}))
            .feed(Feed::Pattern(1, LEN))
            .hash_only()
            .run();
        clean(&output);
        assert_eq!(target.received(1), (LEN, Pattern::sha256(1, LEN)));
        assert_eq!(output.stdout_len, whole::LEN);
    }
}

/// node's `http` takes the end of the answer for the end of all, and closes; its `http2` goes on.
#[test]
fn the_target_of_node_ends_first() {
    let serve = Serve::start();
    for (script, goes_on) in CLIENTS.into_iter().zip([false, true]) {
        let target = Target::ends_first(2, LEN);
        let options = json!({ "hold": goes_on });
        let output = client(script, &serve, &target.addr(), options)
            .feed(Feed::Pattern(1, LEN))
            .hash_only()
            .run();
        assert_eq!(report(&output)["ended"], true, "{}", output.stderr);
        assert_eq!(output.stdout_sha256, Pattern::sha256(2, LEN));
        if goes_on {
            clean(&output);
            assert_eq!(target.received(1), (LEN, Pattern::sha256(1, LEN)));
        }
    }
}

/// A request that is given up is a reset for the target.
#[test]
fn node_breaks_off() {
    let serve = Serve::start();
    for script in CLIENTS {
        for (how, code) in [("cancel", 0), ("die", 128 + 9)] {
            let (target, ends) = Target::watcher(b"!");
            let options = json!({ "after": 1, "then": how });
            let output = client(script, &serve, &target.addr(), options)
                .feed(Feed::Open(b"hello".to_vec()))
                .run();
            assert_eq!(output.code, code, "{how}: {output:?}");
            let (_, kind) = ends
                .recv_timeout(crate::support::TIMEOUT)
                .expect("an end at the target");
            assert_eq!(kind, Some(std::io::ErrorKind::ConnectionReset), "{how}");
        }
    }
}

/// All that came before is there, and no end. On HTTP/2 it is INTERNAL_ERROR: CONNECT_ERROR is for CONNECT.
#[test]
fn the_target_of_node_resets() {
    const SENT: usize = 100_000;
    const INTERNAL_ERROR: u32 = 2;
    let serve = Serve::start();
    for (script, reset) in CLIENTS.into_iter().zip([0, INTERNAL_ERROR]) {
        let target = Target::resets(3, SENT);
        let options = json!({ "after": SENT, "then": "send" });
        let output = client(script, &serve, &target.addr(), options)
            .feed(Feed::Open(Vec::new()))
            .run();
        let report = report(&output);
        assert_eq!(report["ended"], false, "{report}");
        assert_eq!(report["reset"], reset, "{report}");
        assert_ne!(report["error"], Value::Null, "{report}");
        assert!(output.stdout == pattern(3, SENT));
    }
}

#[test]
fn node_is_refused() {
    let closed = ClosedPort::new();
    let serve = Serve::with(&["--deny", "127.0.0.2"]);
    for script in CLIENTS {
        for (target, status, token) in [
            (closed.addr().as_str(), 502, "connection_refused"),
            ("127.0.0.2:1", 403, "destination_ip_prohibited"),
            ("host", 400, "http_request_error"),
        ] {
            let output = client(script, &serve, target, json!({})).run();
            let report = report(&output);
            assert_eq!(report["status"], status, "{report}");
            let reason = report["fields"]["proxy-status"].to_string();
            assert!(reason.contains(&format!("error={token}")), "{report}");
            assert_eq!(report["ended"], true, "{report}");
        }
    }
}

/// A server of node's `http` or `http2` that does one thing with a POST, and the options to reach it.
fn servers(act: &str) -> [(NodeServer, [String; 6]); 2] {
    let scripts = [include_str!("post_server.js"), include_str!("server.js")];
    let mut ways = [("http", "h1-post"), ("h2c", "h2-post")].into_iter();
    scripts.map(|script| {
        let (scheme, via) = ways.next().expect("two ways");
        let server = NodeServer::clear(script, &json!({ "act": act, "code": 8 }));
        let args = ["-x", &server.url(scheme), "--via", via, "--path", "/"];
        let args = args.map(str::to_owned);
        (server, args)
    })
}

fn refs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

#[test]
fn tuncat_to_an_echo() {
    for (_server, args) in servers("tunnel") {
        let target = Target::echo();
        whole::connect_to_echo(&refs(&args), &args[3], &target);
        let listen = whole::listen(&refs(&args), &target);
        whole::dialogue(listen.ports[0]);
    }
}

#[test]
fn tuncat_ends_first() {
    for (_server, args) in servers("tunnel") {
        let target = whole::answers_after_eof();
        whole::connect_and_end_first(&refs(&args), &args[3], &target);
    }
}

#[test]
fn tuncat_ends_last() {
    for (_server, args) in servers("tunnel") {
        let target = whole::ends_first();
        let listen = whole::listen(&refs(&args), &target);
        whole::target_ends_first(listen.ports[0], &target);
    }
}

/// Bytes and the end with the answer, also with trailers behind them, which a POST may have.
#[test]
fn tuncat_gets_all_at_once() {
    for act in ["glued", "trailers"] {
        for (_server, args) in servers(act) {
            let run = connect(&args).arg("host.invalid:1");
            let output = run.feed(Feed::Open(Vec::new())).run().expect_clean();
            assert!(output.stdout == known(), "{act}: {}", output.stdout_len);
        }
    }
}

#[test]
fn tuncat_gets_interim_answers() {
    for (_server, args) in servers("interim") {
        let target = Target::echo();
        let run = connect(&args).arg(target.addr()).stdin("hello");
        assert_eq!(run.run().expect_clean().stdout, b"hello");
    }
}

/// Whatever breaks off is no end.
#[test]
fn tuncat_is_cut_off() {
    for act in ["reset", "die"] {
        for (_server, args) in servers(act) {
            let run = connect(&args).arg("host.invalid:1");
            fails(run.feed(Feed::Open(b"go".to_vec())).run(), &[18, 56]);
        }
    }
    let server = NodeServer::clear(include_str!("post_server.js"), &json!({ "act": "cut" }));
    let run = connect([
        "-x",
        &server.url("http"),
        "--via",
        "h1-post",
        "host.invalid:1",
    ]);
    fails(run.feed(Feed::Open(b"go".to_vec())).run(), &[18]);
}

/// An application that knows nothing of tunnels.
#[test]
fn tuncat_finds_no_terminator() {
    for (act, cause) in [
        ("document", "it is a finished document of 8 bytes"),
        (
            "gather",
            "POST was answered only when its content had ended",
        ),
    ] {
        let script = include_str!("post_server.js");
        let server = NodeServer::clear(script, &json!({ "act": act }));
        let url = server.url("http");
        let args = ["-x", &url, "--via", "h1-post", "-w", "4", "host.invalid:1"];
        let line = connect(args).stdin("secret").run().expect_failure(102);
        assert!(line.contains(cause), "{line}");
    }
}
