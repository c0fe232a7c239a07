//! A certificate for 127.0.0.1 that is its own root, as files.

use std::fs;
use tempfile::TempDir;

pub struct Certificate {
    folder: TempDir,
}

impl Certificate {
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
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

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}
