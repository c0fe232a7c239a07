//! An https server that stands where a tunnel ends: files, and the hash of what is sent to it.

use super::{Certificate, NodeServer};
use serde_json::json;
use std::fs;
use tempfile::TempDir;

pub struct Origin {
    server: NodeServer,
    folder: TempDir,
    pub certificate: Certificate,
}

impl Origin {
    /// On a port of 127.0.0.1, with a certificate for `name`.
    pub fn start(name: &str) -> Self {
        let certificate = Certificate::naming(name);
        let folder = tempfile::tempdir().expect("temporary folder");
        let config = json!({ "folder": folder.path() });
        Self {
            server: NodeServer::tls(include_str!("origin.js"), &config, &certificate),
            folder,
            certificate,
        }
    }

    /// Has `bytes` under `/NAME` from now on.
    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(name), bytes).expect("write a file");
    }

    /// `127.0.0.1:PORT`.
    pub fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    pub fn port(&self) -> u16 {
        self.server.port
    }
}
