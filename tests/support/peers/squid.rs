//! squid: the forward proxy of many companies.

use super::{Login, folder, password_line, says, start_on_free_port};
use crate::support::proc::{Proc, packaged, tool_as};
use rustix::process::Pid;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

pub struct Squid {
    process: Proc,
    folder: TempDir,
    pub port: u16,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
}

impl Squid {
    /// Tunnels to everywhere, for everybody.
    pub fn start() -> Self {
        Self::with("http_access allow all\n")
    }

    /// Tunnels to everywhere for those who have the login (Basic).
    pub fn with_login(login: Login) -> Self {
        let folder = folder();
        let passwords = folder.path().join("passwords");
        fs::write(&passwords, password_line(login)).expect("write passwords");
        let helper = packaged("/usr/lib/squid/basic_ncsa_auth", "squid");
        let rules = format!(
            "auth_param basic program {} {}\n\
             auth_param basic children 1 startup=1 idle=1\n\
             auth_param basic realm test\n\
             acl known proxy_auth REQUIRED\n\
             http_access allow known\n\
             http_access deny all\n",
            helper.display(),
            passwords.display(),
        );
        Self::within(folder, &rules)
    }

    /// Refuses tunnels to one port.
    pub fn denying_port(port: u16) -> Self {
        Self::with(&format!(
            "acl closed port {port}\nhttp_access deny closed\nhttp_access allow all\n"
        ))
    }

    /// With other access rules.
    pub fn with(rules: &str) -> Self {
        Self::within(folder(), rules)
    }

    fn within(folder: TempDir, rules: &str) -> Self {
        let path = folder.path();
        let (process, port) =
            start_on_free_port("squid", says("Accepting HTTP Socket connections"), |port| {
                let file = path.join("squid.conf");
                fs::write(&file, configuration(path, port, rules)).expect("write squid.conf");
                let mut command = tool_as("proxy", "squid", "squid");
                command.args(["-N", "-d", "1", "-n", &format!("test{port}"), "-f"]);
                command.arg(file);
                command
            });
        Self {
            process,
            port,
            url: format!("http://127.0.0.1:{port}"),
            folder,
        }
    }

    /// The process that carries the tunnels.
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// Its access log so far.
    pub fn access_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default()
    }
}

fn configuration(folder: &Path, port: u16, rules: &str) -> String {
    let place = folder.display();
    let mut text = format!(
        "http_port 127.0.0.1:{port}\n\
         visible_hostname squid.test\n\
         pid_filename {place}/squid.pid\n\
         cache_log {place}/cache.log\n\
         access_log stdio:{place}/access.log\n\
         coredump_dir {place}\n\
         cache deny all\n\
         cache_mem 1 MB\n\
         netdb_filename none\n\
         pinger_enable off\n\
         shutdown_lifetime 0 seconds\n"
    );
    // Nothing answers there, so names that are not in the hosts file fail, and fast, without leaving this machine. Both
    // times are checked only when the shorter one is over.
    text.push_str("dns_nameservers 127.0.0.1\n");
    text.push_str("dns_timeout 100 milliseconds\ndns_retransmit_interval 50 milliseconds\n");
    text.write_str(rules).expect("write to a string");
    text
}
