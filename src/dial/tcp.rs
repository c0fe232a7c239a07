//! The first step of a way: resolve, race addresses, connect.

use crate::base::{Blame, Error, Host, Kind, Result, Stage, Target};
use crate::dial::race;
use crate::dial::way::Way;
use crate::wire::{BoxWire, Socket};
use std::time::Instant;

impl Way<'_> {
    pub async fn direct(&mut self, target: &Target) -> Result<BoxWire> {
        let label = format!("target {target}");
        match target {
            Target::Tcp { host, port } => {
                let role = Role::Target;
                Ok(Box::new(self.tcp(host, *port, role, &label).await?))
            }
            Target::Unix(path) => match tokio::net::UnixStream::connect(path).await {
                Ok(unix) => Ok(Box::new(Socket::from(unix))),
                Err(e) => {
                    let cause = e.to_string();
                    let kind = Kind::CannotConnect;
                    Err(Error::new(kind, Stage::Connect, Blame::Target, cause).hop(label))
                }
            },
            Target::Builtin(_) | Target::Exec(_) => Err(Error::usage(format!(
                "{target} is a target inside a proxy: add -x embedded: or a 'tuncat serve'"
            ))),
        }
    }

    pub async fn tcp(&mut self, host: &Host, port: u16, role: Role, label: &str) -> Result<Socket> {
        let started = Instant::now();
        let resolving = self.dialer.network.resolve(host, port);
        let addresses = self.deadline.run(resolving).await;
        let addresses = addresses
            .map_err(|_| self.dialer.timeout(Stage::Resolve))
            .and_then(|result| result.map_err(|why| not_resolved(role, &why)))
            .map_err(|e| e.hop(label))?;
        self.setup.resolve += started.elapsed();
        let started = Instant::now();
        let connected = self.deadline.run(race::connect(&addresses)).await;
        let connected = connected
            .map_err(|_| {
                self.dialer
                    .timeout(Stage::Connect)
                    .peer(addresses.first().copied())
            })
            .and_then(|result| result.map_err(|failed| not_connected(role, failed)))
            .map_err(|e| e.hop(label))?;
        self.setup.tcp += started.elapsed();
        self.peer = connected.peer();
        Ok(connected)
    }
}

/// Who a TCP connection goes to.
#[derive(Clone, Copy)]
pub enum Role {
    Proxy,
    Target,
}

/// The target's name has no address here.
pub fn target_not_resolved(why: &str) -> Error {
    not_resolved(Role::Target, why)
}

/// The name of either has no address here.
pub fn not_resolved(role: Role, why: &str) -> Error {
    let kind = match role {
        Role::Proxy => Kind::ProxyNotResolved,
        Role::Target => Kind::TargetNotResolved,
    };
    Error::new(kind, Stage::Resolve, Blame::Network, why)
        .hint("check the name, and that this machine's DNS works")
}

fn not_connected(role: Role, failed: race::Failed) -> Error {
    let (blame, hint) = match role {
        Role::Proxy => (
            Blame::Proxy,
            "check the proxy's address and port, and that it runs",
        ),
        Role::Target => (
            Blame::Target,
            "check the target's address and port; no proxy is used (see -x)",
        ),
    };
    let mut cause = failed.error.to_string();
    if failed.attempts > 1 {
        cause += &format!(" (and {} other addresses)", failed.attempts - 1);
    }
    let kind = match failed.error.kind() {
        std::io::ErrorKind::TimedOut => Kind::Timeout,
        _ => Kind::CannotConnect,
    };
    Error::new(kind, Stage::Connect, blame, cause)
        .peer(Some(failed.address))
        .hint(hint)
}
