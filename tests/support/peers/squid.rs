//! squid: the forward proxy of many companies.

use super::{Kdc, Login, folder, password_line, says, start_on_free_port};
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

/// Only those who have logged in.
const KNOWN: &str =
    "acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all\n";

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
             {KNOWN}",
            helper.display(),
            passwords.display(),
        );
        Self::within(folder, &rules)
    }

    /// The same with Digest; `nonces` are directives about how long they live.
    pub fn with_digest(login: Login, nonces: &str) -> Self {
        let folder = folder();
        let passwords = folder.path().join("passwords");
        let line = format!("{}:{}\n", login.user, login.password);
        fs::write(&passwords, line).expect("write passwords");
        let helper = packaged("/usr/lib/squid/digest_file_auth", "squid");
        let rules = format!(
            "auth_param digest program {} {}\n\
             auth_param digest children 1 startup=1 idle=1\n\
             auth_param digest realm test\n\
             {nonces}{KNOWN}",
            helper.display(),
            passwords.display(),
        );
        Self::within(folder, &rules)
    }

    /// The same with NTLM: Samba's helper judges the answer by the password alone, whoever the user is.
    pub fn with_ntlm(password: &str) -> Self {
        let folder = folder();
        let helper = packaged("/usr/bin/ntlm_auth", "winbind");
        let place = folder.path().display();
        let settings = format!(
            "[global]\nlock directory = {place}\nstate directory = {place}\ncache directory = {place}\n\
             private dir = {place}\npid directory = {place}\nncalrpc dir = {place}\n"
        );
        let file = folder.path().join("smb.conf");
        fs::write(&file, settings).expect("write smb.conf");
        let rules = format!(
            "auth_param ntlm program {} --helper-protocol=squid-2.5-ntlmssp --configfile={} \
             --password={password} --domain=CORP --workstation=PROXY\n\
             auth_param ntlm children 20 startup=2 idle=2\n\
             auth_param ntlm keep_alive on\n\
             {KNOWN}",
            helper.display(),
            file.display(),
        );
        Self::within(folder, &rules)
    }

    /// The same with Negotiate, for the tickets of a realm; `others` are further `auth_param` directives.
    pub fn with_negotiate(kdc: &Kdc, others: &str) -> Self {
        let helper = packaged("/usr/lib/squid/negotiate_kerberos_auth", "squid");
        let rules = format!(
            "auth_param negotiate program {} -r -k {} -s GSS_C_NO_NAME\n\
             auth_param negotiate children 1 startup=1 idle=1\n\
             auth_param negotiate keep_alive on\n\
             {others}{KNOWN}",
            helper.display(),
            kdc.keytab().display(),
        );
        Self::within_realm(folder(), &rules, kdc.environment())
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
        Self::within_realm(folder, rules, Vec::new())
    }

    fn within_realm(folder: TempDir, rules: &str, environment: Vec<(String, String)>) -> Self {
        let path = folder.path();
        let (process, port) =
            start_on_free_port("squid", says("Accepting HTTP Socket connections"), |port| {
                let file = path.join("squid.conf");
                fs::write(&file, configuration(path, port, rules)).expect("write squid.conf");
                let mut command = tool_as("proxy", "squid", "squid");
                command.args(["-N", "-d", "1", "-n", &format!("test{port}"), "-f"]);
                command.arg(file).envs(environment.clone());
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
