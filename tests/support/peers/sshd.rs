//! An OpenSSH server with keys of its own, and the client options that fit it.

use super::{folder, says, start_on_free_port};
use crate::support::proc::{Proc, find, is_root, tool};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub struct Sshd {
    _process: Proc,
    folder: TempDir,
    pub port: u16,
}

impl Sshd {
    pub fn start() -> Self {
        let folder = folder();
        let path = folder.path();
        make_key(&path.join("host_key"));
        make_key(&path.join("user_key"));
        fs::rename(path.join("user_key.pub"), path.join("authorized_keys")).expect("move a key");
        if is_root() {
            make_privilege_separation_folder();
        }
        let (process, port) = start_on_free_port("sshd", says("Server listening on"), |port| {
            let file = path.join("sshd_config");
            fs::write(&file, configuration(path, port)).expect("write sshd_config");
            // It runs itself again for every connection, and wants its absolute path for that.
            let mut command = tool(&sshd().to_string_lossy(), "openssh-server");
            command.args(["-D", "-e", "-f"]).arg(file);
            command
        });
        Self {
            _process: process,
            folder,
            port,
        }
    }

    /// `ssh` or `scp` with the options to log in here. The destination is [`Self::destination`].
    pub fn client(&self, program: &str) -> Command {
        self.client_on(program, self.port)
    }

    /// As [`Self::client`], by way of another port of 127.0.0.1.
    pub fn client_on(&self, program: &str, port: u16) -> Command {
        let mut command = tool(program, "openssh-client");
        command
            .arg("-o")
            .arg(format!("Port={port}"))
            .args(self.options());
        command
    }

    /// The options of the client, but for the port.
    pub fn options(&self) -> Vec<String> {
        let key = self.folder.path().join("user_key");
        [
            "BatchMode=yes".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            format!("IdentityFile={}", key.display()),
            "IdentityAgent=none".to_owned(),
            "StrictHostKeyChecking=no".to_owned(),
            "UserKnownHostsFile=/dev/null".to_owned(),
            "LogLevel=ERROR".to_owned(),
            "ConnectTimeout=30".to_owned(),
        ]
        .into_iter()
        .flat_map(|option| ["-o".to_owned(), option])
        // Not the machine's own configuration.
        .chain(["-F".to_owned(), "/dev/null".to_owned()])
        .collect()
    }

    /// `USER@127.0.0.1`, with the user who runs the tests.
    pub fn destination(&self) -> String {
        format!("{}@127.0.0.1", user())
    }

    /// `127.0.0.1:PORT`.
    pub fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// The name of the user who runs the tests.
fn user() -> String {
    let output = tool("id", "coreutils").arg("-un").output();
    let name = output.expect("run id").stdout;
    String::from_utf8(name)
        .expect("a user name is text")
        .trim()
        .to_owned()
}

fn sshd() -> PathBuf {
    find("sshd", "openssh-server")
}

fn make_key(file: &Path) {
    let mut command = tool("ssh-keygen", "openssh-client");
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(file);
    let output = command.output().expect("run ssh-keygen");
    assert!(output.status.success(), "ssh-keygen: {output:?}");
}

/// sshd insists on this folder when root runs it; the service's unit file makes it where sshd is a service.
fn make_privilege_separation_folder() {
    match fs::create_dir("/run/sshd") {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => panic!("/run/sshd: {error}"),
        _ => {}
    }
}

fn configuration(folder: &Path, port: u16) -> String {
    let place = folder.display();
    format!(
        "ListenAddress 127.0.0.1\n\
         Port {port}\n\
         HostKey {place}/host_key\n\
         PidFile none\n\
         AuthorizedKeysFile {place}/authorized_keys\n\
         StrictModes no\n\
         UsePAM no\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         PermitRootLogin prohibit-password\n\
         PrintMotd no\n\
         PrintLastLog no\n\
         Subsystem sftp internal-sftp\n"
    )
}
