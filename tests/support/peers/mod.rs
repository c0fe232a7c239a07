//! Real programs, run in the foreground from a configuration in a temporary folder.

mod apache;
mod certificate;
mod chromium;
mod envoy;
mod front;
mod git;
mod haproxy;
mod kdc;
mod mitmproxy;
mod nghttpx;
mod nginx;
mod node;
mod origin;
mod socks;
mod squid;
mod sshd;
mod stunnel;
mod tinyproxy;

pub use apache::Apache;
pub use certificate::{Authority, Certificate};
pub use chromium::chromium;
pub use envoy::{Envoy, Upstream};
pub use front::Front;
pub use git::{bare_repository, git};
pub use haproxy::Haproxy;
pub use kdc::Kdc;
pub use mitmproxy::Mitmproxy;
pub use nghttpx::Nghttpx;
pub use nginx::Nginx;
pub use node::{NodeServer, node};
pub use origin::Origin;
pub use socks::{Dante, Microsocks};
pub use squid::Squid;
pub use sshd::Sshd;
pub use stunnel::Stunnel;
pub use tinyproxy::Tinyproxy;

use super::proc::{Proc, is_root};
use super::wait::{accepts, free_port, wait_for};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use tempfile::TempDir;

/// A login that a proxy asks for.
#[derive(Clone, Copy)]
pub struct Login {
    pub user: &'static str,
    pub password: &'static str,
}

pub const LOGIN: Login = Login {
    user: "user",
    password: "pass",
};

/// A temporary folder in which a daemon that has dropped root can still write.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    if is_root() {
        fs::set_permissions(folder.path(), Permissions::from_mode(0o1777)).expect("open a folder");
    }
    folder
}

/// Starts a daemon that cannot let the kernel pick its port: with a port that was free a moment ago, and with another
/// one if somebody was faster. It runs once `ready` says so of its output and it accepts.
fn start_on_free_port(
    name: &str,
    ready: impl Fn(&[String]) -> bool,
    command: impl Fn(u16) -> Command,
) -> (Proc, u16) {
    start_when(name, |lines, port| ready(lines) && accepts(port), command)
}

/// As [`start_on_free_port`], but `running` alone decides: for those that would pass a trial connection on.
fn start_when(
    name: &str,
    running: impl Fn(&[String], u16) -> bool,
    command: impl Fn(u16) -> Command,
) -> (Proc, u16) {
    const ATTEMPTS: usize = 5;
    for _ in 0..ATTEMPTS {
        let port = free_port();
        let mut process = Proc::spawn(name, command(port));
        let started = wait_for(&format!("{name} to run"), || {
            if process.status().is_some() {
                return Some(false);
            }
            running(&process.lines(), port).then_some(true)
        });
        if started {
            return (process, port);
        }
        let lines = process.lines().join("\n");
        eprintln!("{name} did not start on port {port}:\n{lines}");
    }
    panic!("{name} did not start on any of {ATTEMPTS} ports");
}

/// Whether one of the lines contains `text`.
fn says(text: &'static str) -> impl Fn(&[String]) -> bool {
    move |lines| lines.iter().any(|line| line.contains(text))
}

/// A line of a password file, as `htpasswd -m` would write it.
fn password_line(login: Login) -> String {
    let mut command = super::proc::tool("openssl", "openssl");
    command.args(["passwd", "-apr1", login.password]);
    let output = command.output().expect("run openssl passwd");
    assert!(output.status.success(), "openssl passwd: {output:?}");
    let hash = String::from_utf8(output.stdout).expect("a hash is text");
    format!("{}:{hash}", login.user)
}
