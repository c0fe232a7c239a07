//! Basic authentication of a POST: as an origin asks for it, and as a proxy is told.

use super::{CHUNKED, chunk, open, path_to, post, read_chunk};
use crate::support::{Serve, Target, connect as tuncat};
use crate::terminator::request::{Answer, ask};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Write;

fn request(target: &Target, fields: &str) -> String {
    let fields = format!("{fields}{CHUNKED}");
    post(&path_to(&target.addr()), "proxy.test", &fields)
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[track_caller]
fn refused(answer: &Answer) {
    answer.refuses(401, "http_request_denied");
    let challenge = answer.all("www-authenticate");
    assert_eq!(challenge, ["Basic realm=\"tuncat\", charset=\"UTF-8\""]);
    assert_eq!(answer.all("proxy-authenticate"), [""; 0]);
}

#[test]
fn either_field_will_do() {
    let serve = Serve::with(&["--auth", "bob:secret", "--auth", "ann:"]);
    let target = Target::echo();
    let (right, wrong) = (basic("bob:secret"), basic("bob:wrong"));
    for fields in [
        format!("Authorization: {right}\r\n"),
        format!("authorization: {}\r\n", right.replace("Basic ", "bASIC  ")),
        format!("Authorization: {}\r\n", basic("ann:")),
        format!("Proxy-Authorization: {right}\r\n"),
        format!("Authorization: {right}\r\nProxy-Authorization: {wrong}\r\n"),
    ] {
        let mut stream = open(serve.port, &request(&target, &fields));
        stream.write_all(&chunk("x")).expect("send");
        assert_eq!(read_chunk(&stream).expect("an echo"), b"x", "{fields}");
    }
    let served = target.accepted();
    for fields in [
        String::new(),
        format!("Authorization: {wrong}\r\n"),
        format!("Proxy-Authorization: {wrong}\r\n"),
        // What an origin is told comes first, and a right one behind a wrong one does not count.
        format!("Authorization: {wrong}\r\nProxy-Authorization: {right}\r\n"),
        format!("Authorization: {wrong}\r\nAuthorization: {right}\r\n"),
        format!("Authorization: {}\r\n", right.replace("Basic", "Bearer")),
        format!("Authorization: {}\r\n", right.replace("Basic ", "")),
        format!("Authorization: {right}!\r\n"),
        "Authorization:\r\n".to_owned(),
        format!("X-Authorization: {right}\r\n"),
        format!("Cookie: {right}\r\n"),
    ] {
        refused(&ask(serve.port, request(&target, &fields)));
    }
    assert_eq!(target.accepted(), served, "somebody was let through");
}

/// A target that the policy forbids, or that is not there, is told only to those who may ask at all; what is no
/// request is none for anybody.
#[test]
fn authentication_comes_before_the_policy() {
    let args = ["--auth", "bob:secret", "--deny", "127.0.0.0/8"];
    for forward in [&[][..], &["--forward", "127.0.0.1:9"]] {
        let serve = Serve::with(&[&args[..], forward].concat());
        let target = Target::sink();
        refused(&ask(serve.port, request(&target, "")));
        let right = format!("Authorization: {}\r\n", basic("bob:secret"));
        let answer = ask(serve.port, request(&target, &right));
        answer.refuses(403, "destination_ip_prohibited");
        assert_eq!(target.accepted(), 0);
    }
}

#[test]
fn tuncat_itself() {
    let serve = Serve::with(&["--auth", "bob:secret"]);
    let h2c = serve.url.replace("http", "h2c");
    let target = Target::echo();
    for (proxy, via) in [(&serve.url, "h1-post"), (&h2c, "h2-post")] {
        let run = |user: &str| {
            let args = ["-x", proxy, "--via", via, "-U", user, &target.addr()];
            tuncat(args).stdin("hello").run()
        };
        // A password in the arguments earns a warning.
        let output = run("bob:secret").expect_code(0);
        assert_eq!(output.stdout, b"hello", "{via}");
        let output = run("bob:wrong").expect_code(67);
        assert!(output.stderr.contains("401 "), "{}", output.stderr);
        assert!(
            output.stderr.contains("check user name"),
            "{}",
            output.stderr
        );
    }
}
