//! node opens the tunnels, tuncat ends them.

use crate::real::MIB;
use crate::support::peers::{Certificate, node};
use crate::support::{ClosedPort, Feed, Output, Pattern, Run, Serve, Target, pattern, wait_for};
use serde_json::{Value, json};
use socket2::SockRef;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LEN: u64 = 64 * MIB;

/// `client.js` against a clear `serve`, with more of its options.
fn client(serve: &Serve, target: &str, options: Value) -> Run {
    let mut config = json!({ "url": serve.url, "target": target });
    let more = options.as_object().expect("options").clone();
    config.as_object_mut().expect("options").extend(more);
    node(include_str!("client.js"), &config)
}

/// How the client says that it ended.
pub fn report(output: &Output) -> Value {
    let line = output.stderr.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}:\n{}", output.stderr))
}

/// An answer 200, the end of the stream, and no reset.
#[track_caller]
pub fn clean(output: &Output) {
    let report = report(output);
    assert_eq!(report["status"], 200, "{report}");
    assert_eq!(report["ended"], true, "{report}");
    assert_eq!(report["reset"], 0, "{report}");
    assert_eq!(report["error"], Value::Null, "{report}");
    assert_eq!(output.code, 0);
}

fn echo(serve: &Serve, options: Value) {
    let target = Target::echo();
    let output = client(serve, &target.addr(), options)
        .feed(Feed::Pattern(1, LEN))
        .hash_only()
        .run();
    clean(&output);
    assert_eq!(output.stdout_len, LEN);
    assert_eq!(output.stdout_sha256, Pattern::sha256(1, LEN));
}

#[test]
fn an_echo_in_the_clear() {
    echo(&Serve::start(), json!({}));
}

#[test]
fn an_echo_over_tls() {
    let certificate = Certificate::new();
    let serve = Serve::with(&["--cert", &certificate.cert(), "--key", &certificate.key()]);
    echo(&serve, json!({ "ca": certificate.cert() }));
}

/// [`LEN`] bytes each way, every one of them, and a clean end.
fn carries_all(target: &Target, config: Value) {
    let serve = Serve::start();
    let output = client(&serve, &target.addr(), config)
        .feed(Feed::Pattern(1, LEN))
        .hash_only()
        .run();
    clean(&output);
    assert_eq!(target.received(1), (LEN, Pattern::sha256(1, LEN)));
    assert_eq!(output.stdout_sha256, Pattern::sha256(2, LEN));
}

#[test]
fn the_client_ends_first() {
    carries_all(&Target::answers_after_eof(2, LEN), json!({}));
}

#[test]
fn the_target_ends_first() {
    carries_all(&Target::ends_first(2, LEN), json!({ "hold": true }));
}

#[test]
fn many_tunnels_on_one_session() {
    let serve = Serve::start();
    let target = Target::echo();
    let config = json!({
        "url": serve.url,
        "target": target.addr(),
        "tunnels": 50,
        "bytes": MIB,
    });
    let output = node(include_str!("many.js"), &config).run();
    output.expect_clean();
    assert_eq!(target.accepted(), 50);
}

/// A target that sends `sent` bytes, reads on, and keeps the kind of the error that ends its reading, if one does.
fn watcher(sent: usize) -> (Target, Arc<Mutex<Vec<Option<io::ErrorKind>>>>) {
    let ends = Arc::<Mutex<Vec<_>>>::default();
    let noted = Arc::clone(&ends);
    let target = Target::start(move |stream, _| {
        (&stream).write_all(&pattern(3, sent))?;
        let end = io::copy(&mut &stream, &mut io::sink()).err();
        let kind = end.map(|error| error.kind());
        noted.lock().expect("ends").push(kind);
        Ok(())
    });
    (target, ends)
}

/// RFC 9113 §8.5: a stream that is reset, or lost with its connection, resets the connection to the target.
#[test]
fn a_tunnel_that_breaks_is_a_reset_for_the_target() {
    let serve = Serve::start();
    for (how, code) in [("cancel", 0), ("die", 128 + 9)] {
        let (target, ends) = watcher(3000);
        let output = client(
            &serve,
            &target.addr(),
            json!({ "after": 3000, "then": how }),
        )
        .feed(Feed::Open(b"hello".to_vec()))
        .run();
        assert_eq!(output.code, code, "{how}: {output:?}");
        let end = wait_for("the end at the target", || {
            ends.lock().expect("ends").first().copied()
        });
        assert_eq!(end, Some(io::ErrorKind::ConnectionReset), "{how}");
    }
}

/// RFC 9113 §8.5: CONNECT_ERROR, and after everything that came before.
#[test]
fn a_target_that_resets_resets_the_stream() {
    const SENT: usize = 1_000_000;
    const CONNECT_ERROR: u32 = 10;
    let serve = Serve::start();
    let target = Target::start(|stream: TcpStream, _| {
        (&stream).write_all(&pattern(3, SENT))?;
        // The client has all of it by now.
        (&stream).read_exact(&mut [0; 1])?;
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))
    });
    let options = json!({ "after": SENT, "then": "send" });
    let output = client(&serve, &target.addr(), options)
        .feed(Feed::Open(Vec::new()))
        .hash_only()
        .run();
    let report = report(&output);
    assert_eq!(report["ended"], false, "{report}");
    assert_eq!(report["reset"], CONNECT_ERROR, "{report}");
    assert_eq!(output.stdout_sha256, Pattern::sha256(3, SENT as u64));
}

#[test]
fn a_target_that_refuses_is_502() {
    let serve = Serve::start();
    let closed = ClosedPort::new();
    refused(&serve, &closed.addr(), 502, "connection_refused");
}

#[test]
fn a_target_that_is_denied_is_403() {
    let target = Target::echo();
    let serve = Serve::with(&["--deny", &target.addr()]);
    refused(&serve, &target.addr(), 403, "destination_ip_prohibited");
    assert_eq!(target.accepted(), 0);
}

#[test]
fn an_authority_without_a_port_is_400() {
    refused(&Serve::start(), "host", 400, "http_request_error");
}

/// No tunnel: a status, the reason in Proxy-Status, and the end of the stream.
#[track_caller]
fn refused(serve: &Serve, target: &str, status: u16, token: &str) {
    let output = client(serve, target, json!({})).run();
    let report = report(&output);
    assert_eq!(report["status"], status, "{report}");
    let reason = report["fields"]["proxy-status"].as_str();
    let reason = reason.unwrap_or_default();
    assert!(reason.contains(&format!("error={token}")), "{report}");
    assert_eq!(report["ended"], true, "{report}");
    assert_eq!(report["reset"], 0, "{report}");
}
