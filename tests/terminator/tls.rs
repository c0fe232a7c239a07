//! TLS in front of the terminator: versions, certificates, ALPN.

use super::request::{connect, connect_request, open_on, read_answer};
use crate::support::tuncat::TUNCAT;
use crate::support::{Run, Serve, Target, connect as connect_command, pattern};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;
use tuncat::tls::{ClientTls, Pin, provider};

pub type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Whom a client of a test trusts.
pub enum Trust {
    Pin(Pin),
    /// The certificates in a PEM file.
    Root(PathBuf),
}

/// A TLS connection to `port`, through its handshake.
pub fn client(
    port: u16,
    trust: &Trust,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> io::Result<Stream> {
    let builder = ClientConfig::builder_with_provider(provider());
    let builder = builder.with_protocol_versions(versions).expect("versions");
    let mut config = match trust {
        Trust::Root(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(path).expect("a PEM file") {
                roots
                    .add(certificate.expect("a certificate"))
                    .expect("a root");
            }
            builder.with_root_certificates(roots).with_no_client_auth()
        }
        Trust::Pin(pin) => {
            let tls = ClientTls {
                pins: vec![*pin],
                ..ClientTls::default()
            };
            ClientConfig::clone(&tls.config().expect("settings"))
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").expect("a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
    let mut stream = StreamOwned::new(connection, connect(port));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// A certificate and its key as files.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
        let made = made.expect("make a certificate");
        let files = Files { folder };
        std::fs::write(files.path("cert.pem"), made.cert.pem()).expect("write");
        std::fs::write(files.path("key.pem"), made.signing_key.serialize_pem()).expect("write");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn serve(&self) -> Serve {
        Serve::with(&[
            "--cert",
            &self.text("cert.pem"),
            "--key",
            &self.text("key.pem"),
        ])
    }

    fn trust(&self) -> Trust {
        Trust::Root(self.path("cert.pem"))
    }
}

/// A tunnel with bytes each way and its end: close_notify, or reading would fail.
#[track_caller]
fn works(mut stream: Stream) {
    let target = Target::echo();
    open_on(&mut stream, &target.addr());
    let sent = pattern(1, 40_000);
    stream.write_all(&sent).expect("send");
    stream.conn.send_close_notify();
    stream.flush().expect("end");
    let mut got = Vec::new();
    stream.read_to_end(&mut got).expect("a clean end");
    assert!(got == sent, "{} bytes", got.len());
}

#[test]
fn both_versions() {
    let files = Files::new();
    let serve = files.serve();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let stream = client(serve.port, &files.trust(), &[version], &[]).expect("handshake");
        assert_eq!(stream.conn.protocol_version(), Some(version.version));
        works(stream);
    }
}

#[test]
fn application_protocols() {
    let files = Files::new();
    let serve = files.serve();
    for (offered, chosen) in [
        (&[][..], None),
        (&["http/1.1"], Some("http/1.1")),
        (&["x", "http/1.1", "h3"], Some("http/1.1")),
        (&["http/1.1", "h2"], Some("h2")),
    ] {
        let stream = client(serve.port, &files.trust(), rustls::ALL_VERSIONS, offered);
        let stream = stream.expect("handshake");
        let got = stream.conn.alpn_protocol();
        assert_eq!(got, chosen.map(str::as_bytes), "{offered:?}");
        if chosen != Some("h2") {
            works(stream);
        }
    }
    // RFC 7301 §3.2: no protocol in common is fatal, and said so.
    for offered in [&["h3"][..], &["http/1.0"], &["h3", "spdy/3"]] {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let result = client(serve.port, &files.trust(), &[version], offered);
            let error = result.expect_err("a refusal").to_string();
            let told = error.to_lowercase().replace(' ', "");
            assert!(
                told.contains("noapplicationprotocol"),
                "{offered:?}: {error}"
            );
        }
    }
}

#[test]
fn a_certificate_from_files_is_the_one_shown() {
    let files = Files::new();
    let mut serve = files.serve();
    let target = Target::echo();
    let certificate = CertificateDer::from_pem_file(files.path("cert.pem")).expect("a certificate");
    let pin = Pin::of(&certificate).expect("a pin").to_string();
    assert_eq!(serve.pin(), pin);
    let url = format!("https://localhost:{}", serve.port);
    for trust in [["--cacert", &files.text("cert.pem")], ["--pin", &pin]] {
        let run = connect_command(["-x", &url]).args(trust).arg(target.addr());
        let output = run.stdin("hello").run().expect_clean();
        assert_eq!(output.stdout, b"hello");
    }
}

#[test]
fn a_new_certificate_each_time() {
    let mut first = Serve::with(&["--self-signed"]);
    let mut second = Serve::with(&["--self-signed"]);
    let (one, other) = (first.pin(), second.pin());
    assert_ne!(one, other);
    let trust = |pin: &str| Trust::Pin(pin.parse().expect("a pin"));
    works(client(first.port, &trust(&one), rustls::ALL_VERSIONS, &[]).expect("handshake"));
    assert!(client(first.port, &trust(&other), rustls::ALL_VERSIONS, &[]).is_err());
}

#[test]
fn refusals_end_cleanly() {
    let files = Files::new();
    let serve = files.serve();
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(), 405),
        (connect_request("h:0"), 400),
    ] {
        let stream = client(serve.port, &files.trust(), rustls::ALL_VERSIONS, &[]);
        let mut stream = stream.expect("handshake");
        stream.write_all(request.as_bytes()).expect("ask");
        // To close_notify: an answer that is cut off would be an error.
        read_answer(stream).refuses(status, "http_request_error");
    }
}

/// What does not speak TLS gets an alert or nothing, at once, and never an HTTP answer in the clear.
#[test]
fn clear_http_is_turned_away() {
    let serve = Serve::with(&["--self-signed"]);
    let target = Target::sink();
    let mut stream = connect(serve.port);
    let request = connect_request(&target.addr());
    stream.write_all(request.as_bytes()).expect("ask");
    // It may have been turned away by now.
    stream.shutdown(Shutdown::Write).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
    assert_eq!(target.accepted(), 0);
}

#[test]
fn files_that_cannot_be_used() {
    let files = Files::new();
    let other = Files::new();
    std::fs::write(files.path("empty.pem"), "").expect("write");
    std::fs::write(files.path("text.pem"), "no certificate").expect("write");
    let (cert, key) = (files.text("cert.pem"), files.text("key.pem"));
    let cases = [
        vec!["--cert", &cert],
        vec!["--key", &key],
        vec!["--cert", &cert, "--key", &key, "--self-signed"],
    ];
    for args in cases {
        let run = Run::new(Command::new(TUNCAT)).arg("serve");
        run.args(["-l", "127.0.0.1:0"])
            .args(args)
            .run()
            .expect_code(2);
    }
    for (cert, key) in [
        (files.text("missing.pem"), key.clone()),
        (cert.clone(), files.text("missing.pem")),
        (files.text("empty.pem"), key.clone()),
        (files.text("text.pem"), key.clone()),
        (cert.clone(), files.text("text.pem")),
        (cert.clone(), cert.clone()),
        (cert.clone(), other.text("key.pem")),
    ] {
        let run = Run::new(Command::new(TUNCAT)).arg("serve");
        let run = run.args(["-l", "127.0.0.1:0", "--cert", &cert, "--key", &key]);
        run.run().expect_failure(2);
    }
}
