//! The terminator's way to targets: resolve once, judge the addresses, dial just those.

use crate::base::defaults::TARGET_TIMEOUT;
use crate::base::{Host, Target};
use crate::builtin::{self, Exec};
use crate::carrier::{Connected, Connecting, Connector, Errand, HalfClose};
use crate::dial::proxy_header::ProxyVersion;
use crate::dial::race;
use crate::dial::resolve::Network;
use crate::http::{ProxyError, Refusal};
use crate::policy::{Denied, Policies, Policy};
use crate::wire::{BoxWire, Deadline, Socket};
use std::io;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

/// Connects to what the policy permits.
pub struct TargetDialer {
    pub policies: Policies,
    pub network: Network,
    /// For resolving and connecting together.
    pub timeout: Duration,
    /// Says to targets on sockets who the client is.
    pub proxy_protocol: Option<ProxyVersion>,
}

impl Connector for TargetDialer {
    fn connect<'a>(&'a self, errand: Errand<'a>) -> Connecting<'a> {
        Box::pin(self.dial(errand))
    }
}

impl TargetDialer {
    /// With the same policy for everybody.
    pub fn new(policy: Policy) -> Self {
        TargetDialer {
            policies: Policies::from(policy),
            network: Network::default(),
            timeout: TARGET_TIMEOUT,
            proxy_protocol: None,
        }
    }

    async fn dial(&self, errand: Errand<'_>) -> Result<Connected, Refusal> {
        let policy = self.policies.of(errand.user);
        let target = errand.target;
        policy.check_target(target).map_err(refusal_of_policy)?;
        match target {
            Target::Builtin(builtin) => Ok(builtin::open(*builtin).into()),
            Target::Exec(command) => {
                let started = Exec::start(command).map_err(|error| refusal_of(&error))?;
                let wire: BoxWire = Box::new(started);
                Ok(wire.into())
            }
            Target::Unix(path) => {
                let unix = UnixStream::connect(path).await;
                let mut socket = Socket::from(unix.map_err(|error| refusal_of(&error))?);
                self.introduce(&mut socket, errand).await?;
                let wire: BoxWire = Box::new(socket);
                Ok(wire.into())
            }
            Target::Tcp { host, port } => self.tcp(policy, host, *port, errand).await,
        }
    }

    async fn tcp(
        &self,
        policy: &Policy,
        host: &Host,
        port: u16,
        errand: Errand<'_>,
    ) -> Result<Connected, Refusal> {
        let deadline = Deadline::after(self.timeout);
        let begun = Instant::now();
        let resolved = deadline.run(self.network.resolve(host, port)).await;
        let resolved = resolved
            .map_err(|_| Refusal::new(ProxyError::DnsTimeout, "resolving took too long"))?
            .map_err(|why| Refusal::new(ProxyError::DnsError, why))?;
        let resolve = begun.elapsed();
        // From here on only these addresses count: a second lookup could answer differently.
        let allowed = policy.check_addresses(host, &resolved);
        let allowed = allowed.map_err(refusal_of_policy)?;
        let begun = Instant::now();
        let connected = deadline.run(race::connect(&allowed)).await;
        let mut socket = connected
            .map_err(|_| Refusal::new(ProxyError::ConnectionTimeout, "connecting took too long"))?
            .map_err(|failed| refusal_of(&failed.error))?;
        let connect = begun.elapsed();
        self.introduce(&mut socket, errand).await?;
        Ok(Connected {
            address: socket.peer(),
            wire: Box::new(socket),
            half_close: HalfClose::Kept,
            resolve,
            connect,
        })
    }

    /// In one write, as receivers want it; a new connection's buffer has room for that.
    async fn introduce(&self, socket: &mut Socket, errand: Errand<'_>) -> Result<(), Refusal> {
        let Some(version) = self.proxy_protocol else {
            return Ok(());
        };
        let header = version.header(errand.client, errand.came_to);
        let header = header.map_err(|error| refusal_of(&error))?;
        let written = socket.write_all(&header).await;
        written.map_err(|error| refusal_of(&error))
    }
}

pub fn refusal_of_policy(denied: Denied) -> Refusal {
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
