//! TLS with real servers: client certificates, names, alerts, and TLS with the target inside the tunnel.

use super::MIB;
use crate::support::peers::{Authority, Certificate, Front, Haproxy, Nginx, Squid, Stunnel};
use crate::support::proc::{Proc, tool};
use crate::support::{
    Feed, Listen, Pattern, Run, Serve, Target, accepts, connect, free_port, wait_for,
};
use std::fs;
use tempfile::TempDir;

/// An authority, a server's certificate and a client's, and the file of another client that nobody signed.
struct Papers {
    authority: Authority,
    server: Certificate,
    client: Certificate,
    stranger: Certificate,
}

impl Papers {
    fn new() -> Self {
        let authority = Authority::named("Test Root");
        Papers {
            server: authority.issue("localhost"),
            client: authority.issue("client.test"),
            stranger: Certificate::naming("stranger.test"),
            authority,
        }
    }

    /// Trusts the authority, and shows this certificate.
    fn args(&self, who: &Certificate) -> Vec<String> {
        [
            "--cacert",
            &self.authority.root(),
            "-E",
            &who.cert(),
            "--key",
            &who.key(),
        ]
        .map(str::to_owned)
        .into()
    }
}

#[track_caller]
fn carries(args: &[String], len: u64) {
    let target = Target::echo();
    let run = connect(args).arg(target.addr()).feed(Feed::Pattern(4, len));
    let output = run.hash_only().run().expect_code(0);
    assert_eq!(output.stdout_len, len, "{}", output.stderr);
    assert_eq!(output.stdout_sha256, Pattern::sha256(4, len));
}

#[track_caller]
fn fails(args: &[String], code: i32, said: &[&str]) {
    let line = connect(args)
        .arg("target.test:1")
        .run()
        .expect_failure(code);
    for text in said {
        assert!(line.contains(text), "{text:?} in: {line}");
    }
}

fn x(url: &str, rest: Vec<String>) -> Vec<String> {
    [vec!["-x".to_owned(), url.to_owned()], rest].concat()
}

/// What every server that wants certificates has to make of ours.
fn mutual(url: &str, papers: &Papers) {
    carries(&x(url, papers.args(&papers.client)), MIB);
    let none = vec!["--cacert".into(), papers.authority.root()];
    fails(
        &x(url, none),
        35,
        &["TLS handshake", "certificate of ours", "--cert"],
    );
    fails(
        &x(url, papers.args(&papers.stranger)),
        35,
        &["it does not accept our certificate", "check --cert"],
    );
}

#[test]
fn serve_with_client_certificates() {
    let papers = Papers::new();
    let (cert, key, root) = (
        papers.server.cert(),
        papers.server.key(),
        papers.authority.root(),
    );
    let serve = Serve::with(&["--cert", &cert, "--key", &key, "--client-ca", &root, "-v"]);
    let url = format!("https://localhost:{}", serve.port);
    mutual(&url, &papers);
    for via in ["h1", "h2-post"] {
        let more = [
            papers.args(&papers.client),
            vec!["--via".into(), via.into()],
        ]
        .concat();
        carries(&x(&url, more), MIB);
        fails(
            &x(
                &url,
                vec!["--cacert".into(), root.clone(), "--via".into(), via.into()],
            ),
            35,
            &["it wants a certificate of ours"],
        );
    }
    // One file for both.
    let folder = TempDir::new().expect("a temporary folder");
    let both = folder.path().join("both.pem");
    let read = |file: String| fs::read_to_string(file).expect("read a certificate");
    fs::write(
        &both,
        read(papers.client.cert()) + &read(papers.client.key()),
    )
    .expect("write");
    let both = both.display().to_string();
    carries(
        &x(&url, vec!["--cacert".into(), root, "-E".into(), both]),
        MIB,
    );
}

#[test]
fn haproxy_with_client_certificates() {
    let papers = Papers::new();
    let squid = Squid::start();
    let (port, root) = (squid.port, papers.authority.root());
    let haproxy = Haproxy::start(Front::Tls(&papers.server), |own, pem| {
        format!(
            "defaults\n timeout connect 10s\n timeout client 1m\n timeout server 1m\n\
             listen all\n mode tcp\n bind 127.0.0.1:{own} ssl crt {pem} ca-file {root} verify required\n \
             server squid 127.0.0.1:{port}\n"
        )
    });
    mutual(&format!("https://localhost:{}", haproxy.port), &papers);
}

#[test]
fn stunnel_with_client_certificates() {
    let papers = Papers::new();
    let squid = Squid::start();
    let stunnel = Stunnel::start(&papers.server, Some(&papers.authority), squid.port);
    mutual(&format!("https://localhost:{}", stunnel.port), &papers);
}

/// openssl with its ways of saying no.
struct Openssl {
    _process: Proc,
    port: u16,
}

fn openssl(certificate: &Certificate, args: &[&str]) -> Openssl {
    let port = free_port();
    let mut command = tool("openssl", "openssl");
    command.args([
        "s_server",
        "-quiet",
        "-accept",
        &format!("127.0.0.1:{port}"),
    ]);
    command.args(["-cert", &certificate.cert(), "-key", &certificate.key()]);
    command.args(args);
    let process = Proc::spawn("openssl s_server", command);
    wait_for("openssl s_server", || accepts(port).then_some(()));
    Openssl {
        _process: process,
        port,
    }
}

#[test]
fn alerts_in_words() {
    let papers = Papers::new();
    let other = Certificate::naming("other.test");
    let (cert2, key2) = (other.cert(), other.key());
    let root = papers.authority.root();
    for (args, said) in [
        (
            vec!["-tls1_1", "-cipher", "ALL@SECLEVEL=0"],
            "no version of TLS that is safe",
        ),
        (
            vec![
                "-servername",
                "other.test",
                "-cert2",
                &cert2,
                "-key2",
                &key2,
                "-servername_fatal",
            ],
            "it has no certificate for that name",
        ),
        (
            vec!["-tls1_2", "-Verify", "1", "-verify_return_error"],
            "certificate of ours",
        ),
    ] {
        let server = openssl(&papers.server, &args);
        let url = format!("https://localhost:{}", server.port);
        fails(&x(&url, vec!["--cacert".into(), root.clone()]), 35, &[said]);
    }
}

#[test]
fn certificates_that_are_not_trusted() {
    let papers = Papers::new();
    let root = papers.authority.root();
    let server = openssl(&papers.server, &[]);
    let by_name = format!("https://localhost:{}", server.port);
    let by_address = format!("https://127.0.0.1:{}", server.port);
    fails(
        &x(&by_name, vec![]),
        60,
        &[
            "an authority that is not trusted here (of ",
            "by CN=Test Root)",
            "--cacert",
        ],
    );
    let trusting = vec!["--cacert".to_owned(), root];
    fails(
        &x(&by_address, trusting.clone()),
        60,
        &["not valid for name", "localhost", "--sni"],
    );
    // With the name that the certificate has, it is another failure: openssl is no proxy.
    let named = [
        trusting,
        vec!["--sni".into(), "localhost".into(), "-w".into(), "2".into()],
    ]
    .concat();
    let code = connect(x(&by_address, named))
        .arg("target.test:1")
        .run()
        .code;
    assert!(code != 60 && code != 35, "{code}");

    let inspector = Authority::named("Zscaler Root CA");
    let certificate = inspector.issue("localhost");
    let server = openssl(&certificate, &[]);
    fails(
        &x(&format!("https://localhost:{}", server.port), vec![]),
        60,
        &[
            "CN=Zscaler Root CA",
            "a middlebox appears to inspect TLS here",
        ],
    );
}

#[test]
fn files_that_cannot_be_used() {
    let papers = Papers::new();
    let folder = TempDir::new().expect("a temporary folder");
    let encrypted = folder.path().join("encrypted.pem").display().to_string();
    let mut command = tool("openssl", "openssl");
    command.args([
        "pkey",
        "-in",
        &papers.client.key(),
        "-aes256",
        "-passout",
        "pass:x",
        "-out",
    ]);
    assert!(
        command
            .arg(&encrypted)
            .status()
            .expect("run openssl")
            .success()
    );
    let cert = papers.client.cert();
    for (args, said) in [
        (
            vec!["-E", &cert, "--key", &encrypted],
            "the key is encrypted; 'openssl pkey",
        ),
        (vec!["-E", &cert, "--key", "/nonexistent"], "/nonexistent: "),
        (vec!["-E", &cert], "no items found"),
        (vec!["-E", &encrypted], "no certificate in it"),
    ] {
        let args = args.into_iter().map(str::to_owned).collect();
        fails(&x("https://127.0.0.1:1", args), 2, &[said]);
    }
}

/// The keys of a session, in the form that tools for captures read.
#[test]
fn a_key_log() {
    let papers = Papers::new();
    let (cert, key) = (papers.server.cert(), papers.server.key());
    let serve = Serve::with(&["--cert", &cert, "--key", &key]);
    let url = format!("https://localhost:{}", serve.port);
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("keys");
    let run = connect(["-x", &url, "--cacert", &papers.authority.root(), "echo:"]);
    let output = run.env("SSLKEYLOGFILE", &file).stdin("hello").run();
    let output = output.expect_code(0);
    assert_eq!(output.stdout, b"hello");
    assert!(output.stderr.contains("SSLKEYLOGFILE"), "{}", output.stderr);
    let keys = fs::read_to_string(file).expect("read the keys");
    let random = |line: &str| line.split(' ').nth(1).map(str::to_owned);
    let of = |label: &str| keys.lines().find(|l| l.starts_with(label)).and_then(random);
    let random = of("CLIENT_TRAFFIC_SECRET_0 ").expect("the client's secret");
    assert_eq!(random.len(), 64);
    assert_eq!(of("SERVER_TRAFFIC_SECRET_0 "), Some(random));
}

/// A target that speaks TLS, by every carrier; both directions, and the end from each side.
#[test]
fn inner_tls() {
    let papers = Papers::new();
    let echo = Target::echo();
    let tls = Stunnel::start(&papers.server, None, echo.port);
    let (squid, mut serve) = (Squid::start(), Serve::with(&["--self-signed"]));
    let (plain, pin) = (Serve::start(), serve.pin());
    let trust = ["--inner-tls", "--inner-cacert", &papers.authority.root()].map(str::to_owned);
    let pinned = ["--inner-tls", "--inner-pin", &papers.server.pin()].map(str::to_owned);
    let target = format!("localhost:{}", tls.port);
    let through = |ways: &[&str], inner: &[String]| {
        let run = connect(ways).args(inner).arg(&target);
        let output = run.feed(Feed::Pattern(8, 4 * MIB)).hash_only().run();
        let output = output.expect_code(0);
        assert_eq!(
            output.stdout_sha256,
            Pattern::sha256(8, 4 * MIB),
            "{ways:?}"
        );
    };
    for ways in [
        vec!["--no-proxy"],
        vec!["-x", &squid.url],
        vec!["-x", &plain.url],
        vec!["-x", &plain.url, "--via", "h1-post"],
        vec!["-x", &serve.url, "--pin", &pin],
        vec!["-x", &serve.url, "--pin", &pin, "--via", "h2-post"],
    ] {
        through(&ways, &trust);
        through(&ways, &pinned);
    }
    // Another certificate than the one that is trusted, and no TLS at all: said of the target.
    let named = ["--inner-tls", "--no-proxy"].map(str::to_owned);
    let line = connect(&named).arg(&target).run().expect_failure(60);
    assert!(
        line.starts_with(&format!("tuncat: TLS handshake: target {target}")),
        "{line}"
    );
    assert!(line.contains("--inner-cacert"), "{line}");
    let other = Target::answers_after_eof(3, 10);
    let wait = ["-w".to_owned(), "2".to_owned()];
    let run = connect(&named).args(wait).arg(other.addr());
    let line = run.run().expect_failure(28);
    assert!(line.contains("TLS handshake: target"), "{line}");
}

/// The answer comes after our end, by a close_notify each way.
#[test]
fn inner_tls_ends() {
    let papers = Papers::new();
    let answers = Target::answers_after_eof(7, 2 * MIB);
    let tls = Stunnel::start(&papers.server, None, answers.port);
    let serve = Serve::start();
    let root = papers.authority.root();
    let target = format!("localhost:{}", tls.port);
    let args = [
        "-x",
        &serve.url,
        "--inner-tls",
        "--inner-cacert",
        &root,
        &target,
    ];
    let output = connect(args).stdin("hello").run().expect_clean();
    assert_eq!(output.stdout_len, 2 * MIB);
    assert_eq!(output.stdout_sha256, Pattern::sha256(7, 2 * MIB));
    assert_eq!(answers.received(1).0, 5);
}

/// What curl would do by itself: a request to nginx over TLS, with a certificate of ours and ALPN, for `listen` as well.
#[test]
fn inner_tls_to_a_site() {
    let papers = Papers::new();
    let site = format!(
        "ssl_client_certificate {}; ssl_verify_client on;\n         location / {{ return 200 \"$ssl_client_s_dn $ssl_alpn_protocol\"; }}",
        papers.authority.root()
    );
    let nginx = Nginx::start(Front::Tls(&papers.server), &site);
    let target = format!("localhost:{}", nginx.port);
    let (root, cert, key) = (
        papers.authority.root(),
        papers.client.cert(),
        papers.client.key(),
    );
    let inner = [
        "--inner-tls",
        "--inner-cacert",
        &root,
        "--inner-cert",
        &cert,
        "--inner-key",
        &key,
        "--inner-alpn",
        "http/1.1",
    ];
    let request = format!("GET / HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n");
    let run = connect(["-x", "embedded:", &target]).args(inner);
    let output = run
        .feed(Feed::Open(request.into_bytes()))
        .run()
        .expect_code(0);
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("http/1.1"), "{answer}");

    let args = [&["-x", "embedded:"][..], &inner].concat();
    let listen = Listen::start(&args, &[&format!("0:{target}")]);
    let run = Run::new(tool("curl", "curl"));
    let url = format!("http://127.0.0.1:{}/", listen.ports[0]);
    let output = run
        .args(["-sS", "--noproxy", "*", &url])
        .run()
        .expect_clean();
    assert!(output.stdout.ends_with(b"http/1.1"), "{output:?}");
}
