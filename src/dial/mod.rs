//! From hops to a tunnel: resolve, race addresses, TCP, TLS, then each hop's carrier in turn.

mod race;
pub mod resolve;
pub mod target;
mod tls;

pub use resolve::{Family, Network};
pub use target::TargetDialer;

use crate::base::{Blame, Error, Host, Kind, Proxy, Result, Scheme, Secret, Stage, Target};
use crate::carrier::{self, Carrier, HalfClose};
use crate::http::Field;
use crate::http::connect::ConnectRequest;
use crate::wire::{BoxWire, Deadline, Socket};
use rustls::ClientConfig;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One proxy on the way, with all that is needed to use it.
#[derive(Clone)]
pub struct Hop {
    pub proxy: Proxy,
    /// There for `https` proxies.
    pub tls: Option<Arc<ClientConfig>>,
    /// `Proxy-Authorization`; goes to this hop only.
    pub authorization: Option<Secret>,
    /// The user's own fields; go to this hop only.
    pub fields: Vec<Field>,
}

/// Opens tunnels along one route.
pub struct Dialer {
    /// In order; none means straight to the target.
    pub hops: Vec<Hop>,
    pub network: Network,
    /// For everything until a tunnel is open; zero for no limit.
    pub connect_timeout: Duration,
}

/// An open tunnel.
pub struct Tunnel {
    pub wire: BoxWire,
    pub half_close: HalfClose,
    /// The last hop's; nothing without a proxy.
    pub carrier: Option<Carrier>,
    /// The first address on the way.
    pub peer: Option<SocketAddr>,
    pub setup: Setup,
}

/// How long each phase of the set-up took, over all hops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    pub resolve: Duration,
    pub tcp: Duration,
    pub tls: Duration,
    /// From the request to its answer.
    pub request: Duration,
}

impl Setup {
    pub fn total(&self) -> Duration {
        self.resolve + self.tcp + self.tls + self.request
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |d: Duration| d.as_secs_f64() * 1e3;
        write!(
            f,
            "{:.1} ms (resolve {:.1}, tcp {:.1}, tls {:.1}, request {:.1})",
            ms(self.total()),
            ms(self.resolve),
            ms(self.tcp),
            ms(self.tls),
            ms(self.request)
        )
    }
}

impl Dialer {
    /// Opens a tunnel to `target`. One deadline covers all of it.
    pub async fn open(&self, target: &Target) -> Result<Tunnel> {
        let deadline = Deadline::after(self.connect_timeout);
        let mut way = Way {
            dialer: self,
            deadline,
            setup: Setup::default(),
            peer: None,
        };
        let (wire, half_close) = match self.hops.split_first() {
            None => (way.direct(target).await?, HalfClose::Kept),
            Some((first, _)) => way.through(first, target).await?,
        };
        Ok(Tunnel {
            wire,
            half_close,
            carrier: self.hops.last().map(|_| Carrier::H1),
            peer: way.peer,
            setup: way.setup,
        })
    }

    fn timeout(&self, stage: Stage) -> Error {
        let limit = self.connect_timeout.as_secs_f64();
        Error::new(
            Kind::Timeout,
            stage,
            Blame::Network,
            format!("no answer within {limit} s"),
        )
        .hint("-w sets the limit")
    }
}

/// One attempt under way.
struct Way<'a> {
    dialer: &'a Dialer,
    deadline: Deadline,
    setup: Setup,
    peer: Option<SocketAddr>,
}

impl Way<'_> {
    async fn direct(&mut self, target: &Target) -> Result<BoxWire> {
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
            Target::Builtin(_) => Err(Error::usage(format!(
                "{target} is a target inside a proxy: add -x embedded: or a 'tuncat serve'"
            ))),
        }
    }

    /// The fold: each hop's target is the next hop.
    async fn through(&mut self, first: &Hop, target: &Target) -> Result<(BoxWire, HalfClose)> {
        let label = format!("proxy {}", first.proxy);
        let (host, port) = (&first.proxy.host, first.proxy.port);
        let mut wire: BoxWire = Box::new(self.tcp(host, port, Role::Proxy, &label).await?);
        let mut half_close = HalfClose::Kept;
        for (n, hop) in self.dialer.hops.iter().enumerate() {
            let authority = match self.dialer.hops.get(n + 1) {
                Some(next) => format!("{}:{}", next.proxy.host, next.proxy.port),
                None => target.authority(),
            };
            let opened = self.hop(wire, hop, authority).await;
            // Beyond the first hop there is no address that we would know.
            let peer = self.peer.filter(|_| n == 0);
            let label = format!("proxy {}", hop.proxy);
            let opened = opened.map_err(|e| e.hop(label).peer(peer))?;
            tracing::debug!("{}: {} to CONNECT", hop.proxy, opened.status);
            half_close = half_close.and(opened.half_close);
            wire = opened.wire;
        }
        Ok((wire, half_close))
    }

    async fn hop(
        &mut self,
        mut wire: BoxWire,
        hop: &Hop,
        authority: String,
    ) -> Result<carrier::Opened> {
        if hop.proxy.scheme == Scheme::Https {
            let config = hop
                .tls
                .clone()
                .ok_or_else(|| Error::internal("no TLS settings"))?;
            let started = Instant::now();
            let handshake = tls::handshake(wire, &hop.proxy.host, config);
            let done = self.deadline.run(handshake).await;
            wire = done.map_err(|_| self.dialer.timeout(Stage::Tls))??;
            self.setup.tls += started.elapsed();
        }
        let request = ConnectRequest {
            authority,
            authorization: hop.authorization.clone(),
            fields: hop.fields.clone(),
        };
        let started = Instant::now();
        let opening = carrier::open(Carrier::H1, wire, &request);
        let opened = self.deadline.run(opening).await;
        let opened = opened.map_err(|_| self.dialer.timeout(Stage::Request))??;
        self.setup.request += started.elapsed();
        Ok(opened)
    }

    async fn tcp(&mut self, host: &Host, port: u16, role: Role, label: &str) -> Result<Socket> {
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
enum Role {
    Proxy,
    Target,
}

fn not_resolved(role: Role, why: &str) -> Error {
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
