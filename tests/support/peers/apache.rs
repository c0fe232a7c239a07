//! Apache with mod_proxy_connect.

use super::{Login, folder, password_line, start_on_free_port};
use crate::support::proc::{Proc, packaged, tool, tool_as};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

const PACKAGE: &str = "apache2-bin";

pub struct Apache {
    _process: Proc,
    _folder: TempDir,
    pub port: u16,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

impl Apache {
    /// Tunnels to one port, for everybody.
    pub fn allowing(port: u16) -> Self {
        Self::allowing_ports(&port.to_string())
    }

    /// Tunnels to the ports of `AllowCONNECT`, for everybody.
    pub fn allowing_ports(ports: &str) -> Self {
        Self::with(ports, |_| "Require all granted\n".to_owned())
    }

    /// Tunnels to one port for those who have the login (Basic).
    pub fn with_login(port: u16, login: Login) -> Self {
        Self::with(&port.to_string(), |folder| {
            let passwords = folder.join("passwords");
            fs::write(&passwords, password_line(login)).expect("write passwords");
            format!(
                "AuthType Basic\n\
                 AuthName test\n\
                 AuthUserFile {}\n\
                 Require valid-user\n",
                passwords.display()
            )
        })
    }

    /// The same with Digest.
    pub fn with_digest(port: u16, login: Login) -> Self {
        Self::with(&port.to_string(), |folder| {
            let passwords = folder.join("passwords");
            let Login { user, password } = login;
            let mut command = tool("openssl", "openssl");
            command.args(["dgst", "-md5", "-r"]).stdin(Stdio::piped());
            let mut child = command
                .stdout(Stdio::piped())
                .spawn()
                .expect("start openssl");
            let mut stdin = child.stdin.take().expect("stdin");
            write!(stdin, "{user}:test:{password}").expect("write to openssl");
            drop(stdin);
            let output = child.wait_with_output().expect("run openssl");
            let hash = String::from_utf8_lossy(&output.stdout[..32]).into_owned();
            fs::write(&passwords, format!("{user}:test:{hash}\n")).expect("write passwords");
            format!(
                "AuthType Digest\n\
                 AuthName test\n\
                 AuthUserFile {}\n\
                 Require valid-user\n",
                passwords.display()
            )
        })
    }

    fn with(allowed: &str, rules: impl FnOnce(&Path) -> String) -> Self {
        let folder = folder();
        let path = folder.path();
        let rules = rules(path);
        let pid = path.join("apache2.pid");
        let (process, port) = start_on_free_port(
            "apache2",
            // It writes its number once it has bound its port, and nothing to stderr.
            |_| pid.exists(),
            |port| {
                let file = path.join("apache2.conf");
                fs::remove_file(&pid).ok();
                fs::write(&file, configuration(path, port, allowed, &rules))
                    .expect("write apache2.conf");
                let mut command = tool_as("www-data", "apache2", PACKAGE);
                // One process that stays in the foreground.
                command.args(["-X", "-f"]).arg(file);
                command
            },
        );
        Self {
            _process: process,
            _folder: folder,
            port,
            url: format!("http://127.0.0.1:{port}"),
        }
    }
}

fn configuration(folder: &Path, port: u16, allowed: &str, rules: &str) -> String {
    let place = folder.display();
    let mut text = String::new();
    for module in [
        "mpm_event",
        "authn_core",
        "authn_file",
        "authz_core",
        "authz_user",
        "auth_basic",
        "auth_digest",
        "proxy",
        "proxy_connect",
    ] {
        let file = format!("/usr/lib/apache2/modules/mod_{module}.so");
        let file = packaged(&file, PACKAGE);
        writeln!(text, "LoadModule {module}_module {}", file.display()).expect("write to a string");
    }
    write!(
        text,
        "ServerRoot {place}\n\
         ServerName apache.test\n\
         DefaultRuntimeDir {place}\n\
         PidFile {place}/apache2.pid\n\
         ErrorLog {place}/error.log\n\
         LogLevel info\n\
         Listen 127.0.0.1:{port}\n\
         Timeout 600\n\
         ProxyRequests On\n\
         AllowCONNECT {allowed}\n\
         <Proxy \"*\">\n{rules}</Proxy>\n"
    )
    .expect("write to a string");
    text
}
