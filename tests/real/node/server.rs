//! tuncat opens the tunnels, node ends them.

use crate::real::whole;
use crate::support::peers::{Certificate, NodeServer};
use crate::support::{Feed, Output, Run, Target, connect};
use serde_json::{Value, json};

/// A proxy in the clear that does one thing; see `server.js`.
fn server(config: &Value) -> NodeServer {
    NodeServer::clear(include_str!("server.js"), config)
}

fn acting(act: &str) -> NodeServer {
    server(&json!({ "act": act }))
}

/// The bytes that the server sends by itself.
pub fn known() -> Vec<u8> {
    (0..3000)
        .map(|i| u8::try_from(i * 31 % 251).expect("a byte"))
        .collect()
}

/// `tuncat connect` through it, to where it does not matter.
fn through(server: &NodeServer) -> Run {
    connect(["-x", &server.url("h2c"), "host.invalid:1"])
}

/// 64 MiB to an echo and back, through a proxy in the clear that does one thing.
fn echo(act: &str) {
    let server = acting(act);
    whole::connect_to_echo(&["-x", &server.url("h2c")], "h2", &Target::echo());
}

/// A few bytes to an echo and back.
fn hello(server: &NodeServer) {
    let target = Target::echo();
    let run = connect(["-x", &server.url("h2c"), &target.addr()]).stdin("hello");
    assert_eq!(run.run().expect_clean().stdout, b"hello");
}

/// All bytes of the far side and its end.
#[track_caller]
fn ends(output: Output) {
    let output = output.expect_clean();
    assert!(output.stdout == known(), "{} bytes", output.stdout_len);
}

/// A failure after some bytes of the far side, all of which are there.
#[track_caller]
pub fn fails(output: Output, codes: &[i32]) {
    assert!(output.stdout == known(), "{} bytes", output.stdout_len);
    assert!(codes.contains(&output.code), "{output:?}");
    let code = output.code;
    output.expect_failure(code);
}

#[test]
fn an_echo_in_the_clear() {
    echo("tunnel");
}

#[test]
fn an_echo_by_a_carrier_that_is_named() {
    let server = acting("tunnel");
    let target = Target::echo();
    let args = ["-x", &server.url("http"), "--via", "h2"];
    whole::connect_to_echo(&args, "h2", &target);
}

#[test]
fn an_echo_over_tls() {
    let certificate = Certificate::new();
    let config = json!({ "act": "tunnel" });
    let server = NodeServer::tls(include_str!("server.js"), &config, &certificate);
    let target = Target::echo();
    let args = ["-x", &server.url("https"), "--cacert", &certificate.cert()];
    whole::connect_to_echo(&args, "h2", &target);
}

#[test]
fn this_side_ends_first() {
    let server = acting("tunnel");
    let target = whole::answers_after_eof();
    whole::connect_and_end_first(&["-x", &server.url("h2c")], "h2", &target);
}

#[test]
fn the_far_side_ends_first() {
    let server = acting("tunnel");
    let target = whole::ends_first();
    let listen = whole::listen(&["-x", &server.url("h2c")], &target);
    whole::target_ends_first(listen.ports[0], &target);
}

/// RFC 9113 §8.5: these two pseudo-header fields and no others.
#[test]
fn the_request_names_the_method_and_the_authority() {
    let mut server = acting("glued");
    through(&server).run().expect_code(0);
    let request = server.request();
    let fields = request.as_object().expect("fields");
    let pseudo = fields.iter().filter(|(name, _)| name.starts_with(':'));
    let pseudo: Vec<_> = pseudo.map(|(name, value)| (name.as_str(), value)).collect();
    let method = (":method", &json!("CONNECT"));
    let authority = (":authority", &json!("host.invalid:1"));
    assert_eq!(pseudo.len(), 2, "{request}");
    assert!(
        pseudo.contains(&method) && pseudo.contains(&authority),
        "{request}"
    );
    // RFC 9113 §8.2.2.
    for name in ["connection", "proxy-connection", "host"] {
        assert!(!fields.contains_key(name), "{request}");
    }
}

#[test]
fn bytes_and_the_end_that_come_with_the_answer() {
    ends(through(&acting("glued")).run());
}

#[test]
fn interim_answers() {
    hello(&acting("interim"));
}

/// Nothing is sent before the answer.
#[test]
fn an_answer_that_comes_late() {
    let server = acting("late");
    hello(&server);
    let early = server.lines();
    assert!(
        !early.iter().any(|line| line.starts_with("early")),
        "{early:?}"
    );
}

/// Every code, NO_ERROR too: the stream did not end.
#[test]
fn a_reset_with_any_code() {
    for code in 0..=13 {
        let server = server(&json!({ "act": "reset", "code": code }));
        let run = through(&server).feed(Feed::Open(b"go".to_vec()));
        fails(run.run(), &[56]);
    }
}

/// RFC 9113 §8.1: RST_STREAM(NO_ERROR) after the end takes nothing back. It only wants no more, and Envoy and nghttpx
/// send it whenever the target ends first.
#[test]
fn an_end_and_then_a_reset_without_error_is_an_end() {
    let server = acting("enough");
    ends(through(&server).feed(Feed::Open(Vec::new())).run());
}

#[test]
fn trailers_are_no_end() {
    let server = acting("trailers");
    let run = through(&server).feed(Feed::Open(Vec::new()));
    fails(run.run(), &[18, 56]);
}

#[test]
fn a_proxy_that_dies_is_no_end() {
    let server = acting("die");
    let run = through(&server).feed(Feed::Open(b"go".to_vec()));
    fails(run.run(), &[18, 56]);
}

/// RFC 9113 §6.8: what was begun goes on.
#[test]
fn a_goaway_leaves_a_live_tunnel_alone() {
    echo("goaway");
}

/// New tunnels go to a new session.
#[test]
fn a_goaway_is_no_end_of_listening() {
    let server = acting("goaway");
    let target = Target::echo();
    let listen = whole::listen(&["-x", &server.url("h2c")], &target);
    whole::echo_twice(listen.ports[0]);
    whole::echo_twice(listen.ports[0]);
    assert_eq!(target.accepted(), 4);
}

#[test]
fn refusals_have_their_codes() {
    for (status, fields, code) in [
        (302, json!({ "location": "http://x/" }), 101),
        (400, json!({}), 102),
        (403, json!({}), 101),
        (
            407,
            json!({ "proxy-authenticate": "Basic realm=\"x\"" }),
            67,
        ),
        (429, json!({}), 104),
        (502, json!({ "proxy-status": "x; error=dns_error" }), 6),
        (
            502,
            json!({ "proxy-status": "x; error=connection_refused" }),
            103,
        ),
        (503, json!({}), 103),
    ] {
        let server = server(&json!({ "act": "refuse", "status": status, "fields": fields }));
        let line = through(&server).stdin("secret").run().expect_failure(code);
        assert!(line.contains(&status.to_string()), "{line}");
    }
}
