//! mitmproxy: a proxy that looks into TLS, with certificates that it makes up and signs itself.
//!
//! It is no Debian package that would do: `tests/run` fetches it from PyPI.

use super::{Certificate, folder};
use crate::support::proc::{Proc, guarded};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Where `tests/run` puts it, below the package's folder.
const PLACE: &str = "target/peers/mitmproxy-11.0.2";

pub struct Mitmproxy {
    process: Proc,
    folder: TempDir,
    pub port: u16,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

impl Mitmproxy {
    /// In the clear, to everywhere; whatever certificate a target shows is good enough for it.
    pub fn start() -> Self {
        Self::with(&["--ssl-insecure"])
    }

    /// The same for targets with this certificate only.
    pub fn trusting(certificate: &Certificate) -> Self {
        let option = format!("ssl_verify_upstream_trusted_ca={}", certificate.cert());
        Self::with(&["--set", &option])
    }

    /// With more options.
    pub fn with(options: &[&str]) -> Self {
        let folder = folder();
        let mut command = command(folder.path());
        command.args(options);
        let mut process = Proc::spawn("mitmdump", command);
        let port = process.wait_line("its port", |line| {
            let (_, rest) = line.split_once("proxy listening at 127.0.0.1:")?;
            rest.trim_end_matches('.').parse().ok()
        });
        Self {
            process,
            folder,
            port,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    /// The file with the certificate that signs what it shows to clients.
    pub fn ca(&self) -> String {
        let file = self.folder.path().join("mitmproxy-ca-cert.pem");
        file.display().to_string()
    }

    /// What it wrote so far, a line each.
    pub fn lines(&self) -> Vec<String> {
        self.process.lines()
    }
}

/// # Panics
/// When it is not there.
fn command(folder: &Path) -> Command {
    let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(PLACE);
    let program = place.join("bin/mitmdump");
    assert!(
        program.is_file(),
        "mitmproxy is missing at {}: tests/run fetches it",
        program.display()
    );
    let mut command = guarded(&program);
    command
        .env("PYTHONPATH", &place)
        // Lines come out as they are written.
        .env("PYTHONUNBUFFERED", "1")
        .args(["--listen-host", "127.0.0.1", "--listen-port", "0"])
        .arg("--set")
        .arg(format!("confdir={}", folder.display()));
    command
}
