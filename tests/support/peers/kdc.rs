//! MIT Kerberos: a realm of its own.

use super::{folder, start_on_free_port};
use crate::support::proc::{Proc, tool};
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use tempfile::TempDir;

const REALM: &str = "TUNCAT.TEST";
/// Whose tickets there can be.
const USER: &str = "user";
const PASSWORD: &str = "kerberos pass";

pub struct Kdc {
    process: Option<Proc>,
    folder: TempDir,
}

impl Kdc {
    /// With a user, and the service `HTTP/localhost`.
    pub fn start() -> Self {
        let folder = folder();
        let kdc = |port| {
            let place = folder.path().display();
            let client = format!(
                "[libdefaults]\n\
                 default_realm = {REALM}\n\
                 dns_lookup_kdc = false\n\
                 dns_lookup_realm = false\n\
                 dns_canonicalize_hostname = false\n\
                 rdns = false\n\
                 udp_preference_limit = 1\n\
                 clockskew = 1\n\
                 [realms]\n\
                 {REALM} = {{\n kdc = 127.0.0.1:{port}\n }}\n"
            );
            let server = format!(
                "[realms]\n\
                 {REALM} = {{\n\
                 database_name = {place}/principal\n\
                 key_stash_file = {place}/stash\n\
                 acl_file = {place}/acl\n\
                 kdc_listen = 127.0.0.1:{port}\n\
                 kdc_tcp_listen = 127.0.0.1:{port}\n\
                 }}\n\
                 [logging]\n\
                 kdc = STDERR\n"
            );
            fs::write(folder.path().join("krb5.conf"), client).expect("write krb5.conf");
            fs::write(folder.path().join("kdc.conf"), server).expect("write kdc.conf");
        };
        // Making the database asks for no port that is used.
        kdc(1);
        let make = |program: &str, package: &str, args: &[&str]| {
            let mut command = tool(program, package);
            command.args(args).envs(environment(&folder));
            let output = command.output().expect("run a Kerberos tool");
            assert!(output.status.success(), "{program}: {output:?}");
        };
        make(
            "kdb5_util",
            "krb5-kdc",
            &["-r", REALM, "create", "-s", "-P", "master"],
        );
        let keytab = folder.path().join("keytab");
        let user = format!("addprinc -pw \"{PASSWORD}\" {USER}");
        let service = "addprinc -randkey HTTP/localhost";
        let keys = format!("ktadd -k {} HTTP/localhost", keytab.display());
        for query in [&user, service, &keys] {
            make(
                "kadmin.local",
                "krb5-admin-server",
                &["-r", REALM, "-q", query],
            );
        }
        // squid's helper runs as another user.
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        fs::set_permissions(&keytab, readable).expect("open the keytab");
        let (process, _) = start_on_free_port(
            "krb5kdc",
            |lines| lines.iter().any(|l| l.contains("commencing operation")),
            |port| {
                kdc(port);
                let mut command = tool("krb5kdc", "krb5-kdc");
                command.args(["-n", "-r", REALM]).envs(environment(&folder));
                command
            },
        );
        Self {
            process: Some(process),
            folder,
        }
    }

    /// For whoever takes part; the ticket cache is empty at first.
    pub fn environment(&self) -> Vec<(String, String)> {
        environment(&self.folder)
    }

    /// The service's keys.
    pub fn keytab(&self) -> PathBuf {
        self.folder.path().join("keytab")
    }

    /// Gets the user a ticket that lives so long.
    pub fn kinit(&self, lifetime: &str) {
        let mut command = tool("kinit", "krb5-user");
        command.args(["-l", lifetime, USER]);
        let mut child = command
            .envs(self.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("start kinit");
        let mut stdin = child.stdin.take().expect("stdin");
        writeln!(stdin, "{PASSWORD}").expect("type the password");
        drop(stdin);
        assert!(child.wait().expect("kinit").success());
    }

    /// Nobody answers any more.
    pub fn stop(&mut self) {
        self.process = None;
    }
}

fn environment(folder: &TempDir) -> Vec<(String, String)> {
    let at = |file: &str| folder.path().join(file).display().to_string();
    [
        ("KRB5_CONFIG", at("krb5.conf")),
        ("KRB5_KDC_PROFILE", at("kdc.conf")),
        ("KRB5CCNAME", format!("FILE:{}", at("tickets"))),
        ("KRB5RCACHENAME", "none:".into()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
