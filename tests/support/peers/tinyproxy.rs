//! tinyproxy: a small HTTP/1 proxy.

use super::{Login, folder, says, start_on_free_port};
use crate::support::proc::{Proc, tool};
use rustix::process::Pid;
use std::fs;
use tempfile::TempDir;

pub struct Tinyproxy {
    process: Proc,
    _folder: TempDir,
    pub port: u16,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

impl Tinyproxy {
    /// Tunnels to everywhere, for everybody.
    pub fn start() -> Self {
        Self::with("")
    }

    /// Tunnels to everywhere for those who have the login (Basic).
    pub fn with_login(login: Login) -> Self {
        Self::with(&format!("BasicAuth {} {}\n", login.user, login.password))
    }

    /// Tunnels to one port only.
    pub fn only_port(port: u16) -> Self {
        Self::with(&format!("ConnectPort {port}\n"))
    }

    /// The process that carries the tunnels.
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    fn with(rules: &str) -> Self {
        let folder = folder();
        let file = folder.path().join("tinyproxy.conf");
        let (process, port) =
            start_on_free_port("tinyproxy", says("Accepting connections"), |port| {
                let text = format!(
                    "Port {port}\n\
                     Listen 127.0.0.1\n\
                     Timeout 600\n\
                     MaxClients 100\n\
                     LogLevel Info\n\
                     {rules}"
                );
                fs::write(&file, text).expect("write tinyproxy.conf");
                let mut command = tool("tinyproxy", "tinyproxy-bin");
                command.args(["-d", "-c"]).arg(&file);
                command
            });
        Self {
            process,
            _folder: folder,
            port,
            url: format!("http://127.0.0.1:{port}"),
        }
    }
}
