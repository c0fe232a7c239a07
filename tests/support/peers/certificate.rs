//! Certificates as files: one that is its own root, and one of an authority of the tests' own.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
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
        Self::of(&made.cert, &made.signing_key)
    }

    fn of(certificate: &rcgen::Certificate, key: &KeyPair) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let write = |name: &str, text: String| {
            fs::write(folder.path().join(name), text).expect("write a certificate");
        };
        write("cert.pem", certificate.pem());
        write("key.pem", key.serialize_pem());
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

/// A certificate authority that no store of roots knows.
pub struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// With this common name.
    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a root certificate");
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join("root.pem"), issuer.pem()).expect("write a certificate");
        Self { folder, issuer }
    }

    /// The file with its own certificate, for clients that trust it.
    pub fn root(&self) -> String {
        self.folder.path().join("root.pem").display().to_string()
    }

    /// A certificate for a name or an address, without the authority's own.
    pub fn issue(&self, name: &str) -> Certificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer);
        Certificate::of(&certificate.expect("a certificate"), &key)
    }
}
