//! SOCKS servers.

use super::{Login, folder, start_on_free_port};
use crate::support::proc::{Proc, is_root, tool};
use std::fs;
use tempfile::TempDir;

/// microsocks: SOCKS 5 for everybody, or for one login.
pub struct Microsocks {
    _process: Proc,
    /// `127.0.0.1:PORT`.
    pub addr: String,
}

impl Microsocks {
    pub fn start(login: Option<Login>) -> Self {
        let (process, port) = start_on_free_port(
            "microsocks",
            |_| true,
            |port| {
                let mut command = tool("microsocks", "microsocks");
                command.args(["-i", "127.0.0.1", "-p", &port.to_string()]);
                if let Some(Login { user, password }) = login {
                    command.args(["-u", user, "-P", password]);
                }
                command
            },
        );
        Self {
            _process: process,
            addr: format!("127.0.0.1:{port}"),
        }
    }
}

/// Dante: SOCKS 4 and 5 for everybody, but not to one port.
pub struct Dante {
    _process: Proc,
    _folder: TempDir,
    /// `127.0.0.1:PORT`.
    pub addr: String,
}

impl Dante {
    pub fn denying_port(denied: u16) -> Self {
        let folder = folder();
        let file = folder.path().join("danted.conf");
        let (process, port) = start_on_free_port(
            "danted",
            |_| true,
            |port| {
                let user = match is_root() {
                    true => "user.unprivileged: nobody\n",
                    false => "",
                };
                let text = format!(
                    "logoutput: stderr\n\
                     internal: 127.0.0.1 port = {port}\n\
                     external: lo\n\
                     socksmethod: none\n\
                     clientmethod: none\n\
                     {user}\
                     client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n\
                     socks block {{ from: 0.0.0.0/0 to: 0.0.0.0/0 port = {denied} }}\n\
                     socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n"
                );
                fs::write(&file, text).expect("write danted.conf");
                let mut command = tool("danted", "dante-server");
                let pid = folder.path().join("danted.pid");
                command.arg("-f").arg(&file).arg("-p").arg(pid);
                command
            },
        );
        Self {
            _process: process,
            _folder: folder,
            addr: format!("127.0.0.1:{port}"),
        }
    }
}
