//! nginx: in front of `tuncat serve`, or with nothing behind it.

use super::expect::{Absent, NULL, Present, clear, doctor, is, not, says};
use crate::docs;
use crate::support::peers::{Front, Nginx};
use crate::support::{Serve, Target};
use serde_json::json;
use std::fs;

/// What the README's nginx hands on.
const README_NGINX: &str = "grpc_pass grpc://127.0.0.1:8080;";

/// nginx 1.22 has no CONNECT: 400, since it wants a path. Nothing answers POST there either.
#[test]
fn nginx_that_is_no_proxy() {
    let nginx = Nginx::start(Front::Clear, "location / { }");
    let target = Target::echo();
    let report = doctor(&["-x", &clear(nginx.port), &target.addr()]);
    report.expect(
        102,
        &[
            ("ways.h1.verdict", is("unsupported")),
            ("ways.h1.status", is(400)),
            // `listen` without `http2`.
            ("ways.h2.verdict", is("unsupported")),
            ("ways.h2-post.verdict", is("unsupported")),
            // No such file.
            ("ways.h1-post.verdict", is("unsupported")),
            ("ways.h1-post.status", is(404)),
            ("ports.22", Absent),
            // server_tokens on.
            ("identity.server", says("nginx/")),
            ("identity.product", is("nginx")),
            ("auth.required", is(false)),
            ("interception.verdict", is("unknown")),
            ("findings.not_a_proxy", Present),
            ("findings.port_refused", Absent),
            ("findings.connect_refused", Absent),
            ("best", NULL),
        ],
    );
    assert_eq!(target.accepted(), 0);
}

/// `listen … http2` takes HTTP/2 with prior knowledge, and on that port nothing else.
#[test]
fn nginx_that_is_no_proxy_on_http2() {
    let nginx = Nginx::start(Front::H2c, "location / { }");
    let report = doctor(&[
        "-x",
        &format!("h2c://127.0.0.1:{}", nginx.port),
        "host.invalid:22",
    ]);
    report.expect(
        102,
        &[
            ("ways.h2.verdict", is("unsupported")),
            ("ways.h2.status", is(400)),
            ("ways.h2-post.verdict", is("unsupported")),
            ("ways.h2-post.status", is(404)),
            ("ways.h1.verdict", not("open")),
            ("identity.product", is("nginx")),
            ("findings.not_a_proxy", Present),
            ("best", NULL),
        ],
    );
}

/// With the README's own text.
#[test]
fn nginx_that_holds_nothing_back() {
    let serve = Serve::start();
    let there = format!("grpc_pass grpc://127.0.0.1:{};", serve.port);
    let text = docs::snippet(README_NGINX).replace(README_NGINX, &there);
    let nginx = Nginx::start(Front::Clear, &text);
    let target = Target::echo();
    let report = doctor(&["-x", &clear(nginx.port), "--eof", &target.addr()]);
    report.expect(
        0,
        &[
            ("ways.h1.verdict", is("unsupported")),
            ("ways.h1.status", is(400)),
            ("ways.h1-post.verdict", is("open")),
            ("ways.h1-post.status", is(200)),
            ("ways.h2.verdict", is("unsupported")),
            ("ways.h2-post.verdict", is("unsupported")),
            // grpc_pass has no buffers for whole messages.
            ("buffering.h1-post.request", is("none")),
            ("buffering.h1-post.request_bytes", NULL),
            ("buffering.h1-post.answer", is("none")),
            ("ports.22", Absent),
            ("interception.verdict", is("none")),
            // The client's end is passed on as one; after the target's end the request is let go.
            ("ends.h1-post.client_first", is("kept")),
            ("ends.h1-post.target_first", is("cut")),
            ("ends.h1-post.target_reset", is("reset")),
            ("ends.h1-post.client_reset", is("reset")),
            ("findings.post_request_buffered", Absent),
            ("findings.post_answer_buffered", Absent),
            ("findings.half_close_lost", Absent),
            ("best.carrier", is("h1-post")),
            ("best.command", says("post")),
        ],
    );
}

/// `proxy_request_buffering` is on by default, and gathers a request until it is whole.
#[test]
fn nginx_that_gathers_requests() {
    let serve = Serve::start();
    let pass = "proxy_http_version 1.1; proxy_buffering off;";
    let text = format!(
        "location / {{ proxy_pass http://127.0.0.1:{}; {pass} }}",
        serve.port
    );
    let nginx = Nginx::start(Front::Clear, &text);
    let target = Target::echo();
    let report = doctor(&["-x", &clear(nginx.port), &target.addr()]);
    report.expect(
        102,
        &[
            ("ways.h1.verdict", is("unsupported")),
            ("ways.h1-post.verdict", is("unsupported")),
            ("buffering.h1-post.request", is("until_end")),
            ("buffering.h1-post.request_bytes", NULL),
            ("findings.post_request_buffered", Present),
            ("best", NULL),
        ],
    );
}

/// `auth_basic` is an origin's, so it says 401; CONNECT does not even come that far.
#[test]
fn nginx_that_asks_for_a_login() {
    let serve = Serve::start();
    let folder = tempfile::tempdir().expect("temporary folder");
    let users = folder.path().join("users");
    fs::write(&users, "user:{PLAIN}pass\n").expect("write users");
    let text = format!(
        "auth_basic \"the site\";\n\
         auth_basic_user_file {};\n\
         location / {{ grpc_pass grpc://127.0.0.1:{}; client_max_body_size 0; }}",
        users.display(),
        serve.port
    );
    let nginx = Nginx::start(Front::Clear, &text);
    let target = Target::echo();
    let there = clear(nginx.port);
    let challenges = json!(["Basic realm=\"the site\""]);

    let report = doctor(&["-x", &there, &target.addr()]);
    report.expect(
        67,
        &[
            ("ways.h1.verdict", is("unsupported")),
            ("ways.h1-post.verdict", is("auth_required")),
            ("ways.h1-post.status", is(401)),
            ("auth.required", is(true)),
            ("auth.challenges", is(challenges.clone())),
            ("auth.sent", is(false)),
            ("findings.auth_required", Present),
            ("best", NULL),
        ],
    );

    let report = doctor(&["-x", &there, "-U", "user:wrong", &target.addr()]);
    report.expect(
        67,
        &[
            ("ways.h1-post.verdict", is("auth_required")),
            ("auth.challenges", is(challenges)),
            ("auth.sent", is(true)),
            ("auth.accepted", is(false)),
            ("findings.auth_failed", Present),
            ("best", NULL),
        ],
    );

    let report = doctor(&["-x", &there, "-U", "user:pass", &target.addr()]);
    report.expect(
        0,
        &[
            ("ways.h1-post.verdict", is("open")),
            ("auth.accepted", is(true)),
            ("best.carrier", is("h1-post")),
            ("best.command", says("-U user")),
        ],
    );
}
