//! HAProxy in front of `tuncat serve`.

use super::expect::{Absent, Between, NULL, Present, clear, doctor, is, not};
use crate::docs;
use crate::support::peers::{Certificate, Front, Haproxy};
use crate::support::{Serve, Target};

/// `option http-buffer-request`: until the request is whole, or fills a buffer, which is `tune.bufsize` octets less the
/// `tune.maxrewrite` that are kept for changes.
#[test]
fn haproxy_that_gathers_a_buffer() {
    let serve = Serve::start();
    let global = "tune.bufsize 16384\ntune.maxrewrite 1024\n";
    let option = "option http-buffer-request\ntimeout http-request 1d";
    let haproxy = haproxy(serve.port, global, option);
    let target = Target::echo();
    let report = doctor(&["-x", &clear(haproxy.port), &target.addr()]);
    report.expect(
        0,
        &[
            // It hands CONNECT on, and what follows is not the request's content. A `bind` in the clear takes HTTP/2,
            // too, by its preface.
            ("ways.h1.verdict", is("open")),
            ("ways.h2.verdict", is("open")),
            ("buffering.h1-post.request", is("until_bytes")),
            // 15,360, found in steps of a sixteenth; on a busy machine the answer to one may be seen at the next.
            (
                "buffering.h1-post.request_bytes",
                Between(14_337.0, 16_384.0),
            ),
            ("findings.post_request_buffered", Present),
            ("best.carrier", is("h2")),
            // `serve` is what answers; HAProxy adds nothing that names it.
            ("identity.product", is("tuncat")),
        ],
    );
}

/// `timeout tunnel` is for what has become a tunnel, and idle.
#[test]
fn haproxy_that_cuts_idle_tunnels() {
    let serve = Serve::start();
    let haproxy = haproxy(serve.port, "", "timeout tunnel 1s");
    let report = doctor(&["-x", &clear(haproxy.port), "--idle", "3"]);
    report.expect(
        0,
        &[
            ("idle.h1.verdict", is("cut")),
            ("idle.h1.after_s", Between(0.9, 2.0)),
            ("findings.idle_cut", Present),
        ],
    );
    // And behind it, where nobody cuts.
    let report = doctor(&["-x", &serve.url, "--idle", "1"]);
    report.expect(
        0,
        &[
            ("idle.h1.verdict", is("alive")),
            ("idle.h1.after_s", Between(1.0, 2.0)),
            ("findings.idle_cut", Absent),
        ],
    );
}

/// `bind … ssl`, and the rest as the README says.
#[test]
fn haproxy_with_tls() {
    let serve = Serve::start();
    let certificate = Certificate::new();
    let haproxy = as_the_readme_says(serve.port, &certificate, "h2,http/1.1");
    let target = Target::echo();
    let there = format!("https://127.0.0.1:{}", haproxy.port);
    let args = ["-x", &there, "--cacert", &certificate.cert(), "--eof"];
    let report = doctor(&[&args[..], &[&target.addr()]].concat());
    report.expect(
        0,
        &[
            ("tls.version", is("TLSv1.3")),
            ("tls.alpn", is("h2")),
            ("tls.trusted", is(true)),
            ("tls.problem", NULL),
            ("ways.h1.verdict", is("open")),
            ("ways.h2.verdict", is("open")),
            ("ways.h1-post.verdict", is("open")),
            ("ways.h2-post.verdict", is("open")),
            ("ways.h2.setup_ms.tls", Present),
            ("buffering.h1-post.request", is("none")),
            ("buffering.h2-post.request", is("none")),
            ("buffering.h2-post.answer", is("none")),
            // CONNECT is copied each way to its own end, and the target's reset is an end to it; our own gets through.
            ("ends.h1.client_first", is("kept")),
            ("ends.h1.target_first", is("kept")),
            ("ends.h1.target_reset", is("clean_end")),
            ("ends.h1.client_reset", is("reset")),
            ("ends.h2.client_first", is("kept")),
            ("ends.h2.target_first", is("kept")),
            ("ends.h2.target_reset", is("clean_end")),
            ("ends.h2.client_reset", is("reset")),
            // An answer to POST without its last chunk is no whole one.
            ("ends.h1-post.client_first", is("kept")),
            ("ends.h1-post.target_reset", is("reset")),
            ("ends.h1-post.client_reset", is("reset")),
            ("ends.h2-post.target_reset", is("reset")),
            ("ends.h2-post.client_reset", is("reset")),
            ("findings.speaks_tls", Absent),
            ("findings.certificate_not_trusted", Absent),
            // The one that HAProxy hides nothing of.
            ("best.carrier", is("h2-post")),
        ],
    );

    // The same port, taken for one in the clear: HAProxy closes what does not begin as TLS does.
    let report = doctor(&["-x", &clear(haproxy.port), &target.addr()]);
    report.expect(
        report.code,
        &[
            ("exit_code", not(0)),
            ("ways.h1.verdict", is("failed")),
            ("findings.speaks_tls", Present),
            ("best", NULL),
        ],
    );
}

/// `alpn http/1.1`: HTTP/2 is not to be had, although HAProxy would speak it.
#[test]
fn haproxy_with_tls_for_http1() {
    let serve = Serve::start();
    let certificate = Certificate::new();
    let haproxy = as_the_readme_says(serve.port, &certificate, "http/1.1");
    let target = Target::echo();
    let there = format!("https://127.0.0.1:{}", haproxy.port);
    let report = doctor(&[
        "-x",
        &there,
        "--cacert",
        &certificate.cert(),
        &target.addr(),
    ]);
    report.expect(
        0,
        &[
            ("tls.alpn", is("http/1.1")),
            ("ways.h1.verdict", is("open")),
            ("ways.h2.verdict", is("unsupported")),
            ("ways.h2.status", NULL),
            ("ways.h1-post.verdict", is("open")),
            ("ways.h2-post.verdict", is("unsupported")),
            ("findings.http2_unsupported", Present),
            ("best.carrier", is("h1")),
        ],
    );
}

/// In the clear, in front of `serve` on a port, with more lines in `global` and `defaults`.
fn haproxy(serve: u16, global: &str, defaults: &str) -> Haproxy {
    Haproxy::start(Front::Clear, |port, _| {
        // The first lines still belong to the `global` section.
        format!(
            "{global}\
             defaults\n\
             mode http\n\
             timeout connect 10s\n\
             timeout client 1d\n\
             timeout server 1d\n\
             {defaults}\n\
             frontend site\n\
             bind 127.0.0.1:{port}\n\
             default_backend tunnels\n\
             backend tunnels\n\
             server serve 127.0.0.1:{serve}\n"
        )
    })
}

/// With the README's own text, but for addresses, the certificate and ALPN.
fn as_the_readme_says(serve: u16, certificate: &Certificate, alpn: &str) -> Haproxy {
    const BIND: &str = "bind :443 ssl crt /etc/haproxy/site.pem alpn h2,http/1.1";
    const SERVER: &str = "server serve 127.0.0.1:8080";
    let site = docs::snippet(SERVER);
    assert!(site.contains(BIND), "{site}");
    Haproxy::start(Front::Tls(certificate), |port, pem| {
        let bind = format!("bind 127.0.0.1:{port} ssl crt {pem} alpn {alpn}");
        site.replace(BIND, &bind)
            .replace(SERVER, &format!("server serve 127.0.0.1:{serve}"))
    })
}
