//! What holds requests back, or takes no tunnels at all: each is named, in time, and the next carrier may be tried.

use super::{Spoken, Way, both, haproxy, nginx};
use crate::support::Target;
use std::thread;
use std::time::Duration;

/// The limit on the set-up. Whether the request is held back is asked in its last tenth.
const LIMIT: Duration = Duration::from_secs(3);

const OFF: &str = "turn off the buffering of what is on the way (nginx: grpc_pass instead of proxy_pass; HAProxy: no \
                   http-buffer-request), or use another --via";

const HELD: &str = "POST was answered only when its content had ended: something on the way holds the request back \
                    until it is whole (or the target takes that long); turn off the buffering of what is on the way \
                    (nginx: grpc_pass instead of proxy_pass; HAProxy: no http-buffer-request), or use another --via";

/// nginx has gathered the request and hands it on by HTTP/1.0.
const OLD: &str = "505 HTTP Version Not Supported [http_request_error]: \"a POST tunnel needs HTTP/1.1 or HTTP/2 (nginx: grpc_pass)\"; what \
                   is on the way must speak HTTP/1.1 or HTTP/2 (nginx: grpc_pass)";

const NOBODY: &str = "check that 'tuncat serve', or Envoy, answers POST there, and see --path";

/// No tunnel for the reason that `line` says after the proxy, within [`LIMIT`].
fn refused(way: &Way, code: i32, text: &str) {
    let echo = Target::echo();
    let limit = LIMIT.as_secs().to_string();
    let run = way.connect().args(["-w", &limit]).arg(echo.addr());
    let output = run.stdin("hello").run();
    let elapsed = output.elapsed;
    let line = output.expect_failure(code);
    let text = text.replace("TARGET", &echo.addr());
    assert_eq!(line, format!("tuncat: POST: proxy {}: {text}", way.url()));
    assert!(elapsed < LIMIT + Duration::from_millis(500), "{elapsed:?}");
    assert_eq!(echo.accepted() > 0, text == HELD, "{line}");
}

/// All at the same time: each takes nearly all of the limit.
#[test]
fn requests_are_held_back() {
    /// Who holds them back, and what is said of the answer that comes at last.
    type Case = (fn(Spoken) -> Way, &'static str);
    let cases: [Case; 4] = [
        // It hands requests on by HTTP/1.0, too.
        (|spoken| nginx::proxy_pass(spoken, ""), OLD),
        (
            |spoken| nginx::proxy_pass(spoken, "proxy_http_version 1.1; proxy_buffering off;"),
            HELD,
        ),
        // HTTP/1.0 needs a length, so it gathers requests all the same.
        (
            |spoken| nginx::proxy_pass(spoken, "proxy_request_buffering off; proxy_buffering off;"),
            OLD,
        ),
        (
            |spoken| {
                let option = "option http-buffer-request\ntimeout http-request 1d";
                haproxy::defaults(spoken, option)
            },
            HELD,
        ),
    ];
    thread::scope(|scope| {
        for (start, text) in cases {
            scope.spawn(move || both(|spoken| refused(&start(spoken), 102, text)));
        }
    });
}

/// nginx lets a chunked answer through as it comes whether it honours `X-Accel-Buffering` or not.
#[test]
fn nginx_that_buffers_answers_holds_nothing_back() {
    let directives = "proxy_http_version 1.1; proxy_request_buffering off;";
    let ignoring = format!("{directives} proxy_ignore_headers X-Accel-Buffering;");
    both(|spoken| {
        super::scenes::dialogue(&nginx::proxy_pass(spoken, directives));
        super::scenes::dialogue(&nginx::proxy_pass(spoken, &ignoring));
    });
}

#[test]
fn nginx_with_nothing_there() {
    let nothing = "location /else { }";
    let text = format!("404 Not Found: \"404 Not Found nginx/1.22.1\"; {NOBODY}");
    both(|spoken| refused(&nginx::with(spoken, |_| nothing.into()), 102, &text));
}

/// A file answers GET only.
#[test]
fn nginx_with_a_file_there() {
    let file = "location / { root /; try_files /etc/passwd =404; }";
    let text = format!("405 Not Allowed: \"405 Not Allowed nginx/1.22.1\"; {NOBODY}");
    refused(&nginx::with(Spoken::H1, |_| file.into()), 102, &text);
    let text = text.replace("405 Not Allowed:", "405 Method Not Allowed:");
    refused(&nginx::with(Spoken::H2c, |_| file.into()), 102, &text);
}

#[test]
fn nginx_with_nobody_behind_it() {
    let closed = crate::support::ClosedPort::new();
    let nobody = format!("location / {{ grpc_pass grpc://{}; }}", closed.addr());
    let text = "502 Bad Gateway: \"502 Bad Gateway nginx/1.22.1\"; the proxy could not reach TARGET; check name and \
                port, and that it is up";
    both(|spoken| refused(&nginx::with(spoken, |_| nobody.clone()), 103, text));
}

/// It gives up before we do.
#[test]
fn haproxy_that_waits_for_requests_a_while() {
    let option = "option http-buffer-request\ntimeout http-request 1s";
    let said = "408 Request Time-out Your browser didn't send a complete request in time.";
    let text = format!("408 Request Time-out: \"{said}\"; {OFF}");
    refused(&haproxy::defaults(Spoken::H1, option), 102, &text);
    let text = text.replace("408 Request Time-out:", "408 Request Timeout:");
    refused(&haproxy::defaults(Spoken::H2c, option), 102, &text);
}

#[test]
fn haproxy_that_limits_requests() {
    let rule = "http-request deny deny_status 413 if { method POST }";
    let way = haproxy::with(Spoken::H1, |_, bind| {
        format!(
            "defaults\nmode http\ntimeout connect 1s\ntimeout client 1d\ntimeout server 1d\nfrontend site\n{bind}\n{rule}\n"
        )
    });
    let said = "413 Payload Too Large The request entity exceeds the maximum allowed.";
    refused(
        &way,
        102,
        &format!("413 Payload Too Large: \"{said}\"; {OFF}"),
    );
}

/// nginx refuses CONNECT, and so the next carrier is tried.
#[test]
fn nginx_takes_post_after_connect() {
    for (spoken, via, carrier) in [
        (Spoken::H1, "h1,h1-post", "h1-post"),
        (Spoken::H2c, "h2,h2-post", "h2-post"),
        (Spoken::H2Tls, "h2,h1,post", "h2-post"),
        (Spoken::H1Tls, "h1,h1-post", "h1-post"),
    ] {
        let way = nginx::as_the_readme_says(spoken);
        assert_eq!(way.carrier_of(via), carrier, "{via}");
    }
}

/// HAProxy hands CONNECT on.
#[test]
fn haproxy_takes_connect() {
    let way = haproxy::as_the_readme_says(Spoken::H1, "");
    assert_eq!(way.carrier_of("h1,h1-post"), "h1");
}

impl Way {
    /// Which of `via` carries a line to an echo and back.
    fn carrier_of(&self, via: &str) -> String {
        let echo = Target::echo();
        let run = self.connect_via(via).args(["--json"]).arg(echo.addr());
        let output = run.stdin("hello").run().expect_code(0);
        assert_eq!(output.stdout, b"hello");
        let report: serde_json::Value = serde_json::from_str(&output.stderr).expect("JSON");
        report["carrier"].as_str().expect("a carrier").to_owned()
    }
}
