//! A certificate that is its own root, as files.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs;
use tempfile::TempDir;
use tuncat::tls::Pin;

pub struct Certificate {
    folder: TempDir,
}

impl Certificate {
    /// For 127.0.0.1.
    pub fn new() -> Self {
        Self::naming("127.0.0.1")
    }

    /// For a name or an address.
    pub fn naming(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]);
        let made = made.expect("make a certificate");
        let folder = tempfile::tempdir().expect("temporary folder");
        let write = |name: &str, text: String| {
            fs::write(folder.path().join(name), text).expect("write a certificate");
        };
        write("cert.pem", made.cert.pem());
        write("key.pem", made.signing_key.serialize_pem());
        Self { folder }
    }

    /// The file with the certificate, for the server that shows it and for clients that trust it.
    pub fn cert(&self) -> String {
        self.path("cert.pem")
    }

    /// The file with its key.
    pub fn key(&self) -> String {
        self.path("key.pem")
    }

    /// Its pin, `sha256//…`.
    pub fn pin(&self) -> String {
        let certificate = CertificateDer::from_pem_file(self.cert()).expect("a certificate");
        Pin::of(&certificate).expect("a pin").to_string()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}
