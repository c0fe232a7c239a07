//! HAProxy in front of a server.

use super::{Certificate, Front, folder, start_on_free_port};
use crate::support::proc::{Proc, tool};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

pub struct Haproxy {
    _process: Proc,
    _folder: TempDir,
    pub port: u16,
}

impl Haproxy {
    /// Its configuration from the port on which it listens and, where that is with TLS, a file with certificate and
    /// key; without a `global` section.
    pub fn start(front: Front, sections: impl Fn(u16, &str) -> String) -> Self {
        let folder = folder();
        let path = folder.path();
        let pem = path.join("site.pem");
        if let Some(certificate) = front.certificate() {
            fs::write(&pem, chain_and_key(certificate)).expect("write a certificate");
        }
        let stats = path.join("stats");
        let (process, port) = start_on_free_port(
            "haproxy",
            // It says nothing. All its sockets are bound when the last one is, and this one is a file.
            |_| stats.exists(),
            |port| {
                fs::remove_file(&stats).ok();
                let file = path.join("haproxy.cfg");
                let sections = sections(port, &pem.display().to_string());
                fs::write(&file, configuration(&stats, &sections)).expect("write haproxy.cfg");
                let mut command = tool("haproxy", "haproxy");
                // In the foreground.
                command.args(["-db", "-f"]).arg(file);
                command
            },
        );
        Self {
            _process: process,
            _folder: folder,
            port,
        }
    }
}

fn chain_and_key(certificate: &Certificate) -> String {
    let read = |file: String| fs::read_to_string(file).expect("read a certificate");
    read(certificate.cert()) + &read(certificate.key())
}

fn configuration(stats: &Path, sections: &str) -> String {
    format!(
        "global\n\
         nbthread 1\n\
         log stderr format raw local0\n\
         stats socket {}\n\
         {sections}",
        stats.display()
    )
}
