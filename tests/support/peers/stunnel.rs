//! stunnel: TLS in front of something in the clear.

use super::{Authority, Certificate, folder, says, start_on_free_port};
use crate::support::proc::{Proc, tool};
use std::fs;
use tempfile::TempDir;

pub struct Stunnel {
    _process: Proc,
    _folder: TempDir,
    pub port: u16,
}

impl Stunnel {
    /// In front of a port of this machine; with an authority only for clients with a certificate of it.
    pub fn start(certificate: &Certificate, clients: Option<&Authority>, port: u16) -> Self {
        let folder = folder();
        let file = folder.path().join("stunnel.conf");
        let clients = clients.map(|authority| {
            let root = authority.root();
            format!("CAfile = {root}\nverifyChain = yes\nrequireCert = yes\n")
        });
        let clients = clients.unwrap_or_default();
        let ready = says("Configuration successful");
        let (process, own) = start_on_free_port("stunnel", ready, |own| {
            let text = format!(
                "foreground = yes\npid =\nsyslog = no\ndebug = notice\n\
                 [front]\naccept = 127.0.0.1:{own}\nconnect = 127.0.0.1:{port}\n\
                 cert = {}\nkey = {}\n{clients}",
                certificate.cert(),
                certificate.key()
            );
            fs::write(&file, text).expect("write stunnel.conf");
            let mut command = tool("stunnel4", "stunnel4");
            command.arg(&file);
            command
        });
        Self {
            _process: process,
            _folder: folder,
            port: own,
        }
    }
}
