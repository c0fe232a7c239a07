//! The terminator's way to targets: resolve once, judge the addresses, dial just those.

use crate::base::{Host, Target};
use crate::builtin;
use crate::carrier::{Connecting, Connector};
use crate::dial::race;
use crate::dial::resolve::Network;
use crate::http::{ProxyError, Refusal};
use crate::policy::{Denied, Policy};
use crate::wire::{BoxWire, Deadline, Socket};
use std::io;
use std::time::Duration;
use tokio::net::UnixStream;

/// Connects to what the policy permits.
pub struct TargetDialer {
    pub policy: Policy,
    pub network: Network,
    /// For resolving and connecting together.
    pub timeout: Duration,
}

impl Connector for TargetDialer {
    fn connect<'a>(&'a self, target: &'a Target) -> Connecting<'a> {
        Box::pin(self.dial(target))
    }
}

impl TargetDialer {
    async fn dial(&self, target: &Target) -> Result<BoxWire, Refusal> {
        self.policy
            .check_target(target)
            .map_err(refusal_of_policy)?;
        match target {
            Target::Builtin(builtin) => Ok(builtin::open(*builtin)),
            Target::Unix(path) => match UnixStream::connect(path).await {
                Ok(unix) => Ok(Box::new(Socket::from(unix))),
                Err(error) => Err(refusal_of(&error)),
            },
            Target::Tcp { host, port } => Ok(Box::new(self.tcp(host, *port).await?)),
        }
    }

    async fn tcp(&self, host: &Host, port: u16) -> Result<Socket, Refusal> {
        let deadline = Deadline::after(self.timeout);
        let resolved = deadline.run(self.network.resolve(host, port)).await;
        let resolved = resolved
            .map_err(|_| Refusal::new(ProxyError::DnsTimeout, "resolving took too long"))?
            .map_err(|why| Refusal::new(ProxyError::DnsError, why))?;
        // From here on only these addresses count: a second lookup could answer differently.
        let allowed = self.policy.check_addresses(host, &resolved);
        let allowed = allowed.map_err(refusal_of_policy)?;
        let connected = deadline.run(race::connect(&allowed)).await;
        connected
            .map_err(|_| Refusal::new(ProxyError::ConnectionTimeout, "connecting took too long"))?
            .map_err(|failed| refusal_of(&failed.error))
    }
}

fn refusal_of_policy(denied: Denied) -> Refusal {
    match denied {
        Denied::Target(why) => Refusal::new(ProxyError::HttpRequestDenied, why),
        Denied::Address(why) => Refusal::new(ProxyError::DestinationIpProhibited, why),
    }
}

fn refusal_of(error: &io::Error) -> Refusal {
    use rustix::io::Errno;
    let proxy_error = match error.kind() {
        io::ErrorKind::ConnectionRefused => ProxyError::ConnectionRefused,
        io::ErrorKind::ConnectionReset => ProxyError::ConnectionTerminated,
        io::ErrorKind::TimedOut => ProxyError::ConnectionTimeout,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            ProxyError::DestinationIpUnroutable
        }
        // Our own descriptors or ports have run out.
        _ => match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::ADDRNOTAVAIL | Errno::NOBUFS) => {
                ProxyError::ConnectionLimitReached
            }
            _ => ProxyError::DestinationUnavailable,
        },
    };
    Refusal::new(proxy_error, error.to_string())
}
