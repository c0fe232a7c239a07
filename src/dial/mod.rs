//! From hops to a tunnel: resolve, race addresses, TCP, TLS, then each hop's carrier in turn.

mod credentials;
mod forward;
mod ladder;
mod last_hop;
pub mod memory;
pub mod proxy_header;
mod quic;
mod quic_race;
mod race;
mod reach;
pub mod resolve;
mod sessions;
mod socks;
pub mod target;
mod tcp;
mod tend;
mod tls;
mod upstream;
mod way;

pub use proxy_header::ProxyVersion;
pub use reach::Reached;
pub use resolve::{Family, Network};
pub use target::TargetDialer;
pub use upstream::Upstream;

use crate::auth::Login;
use crate::base::{Blame, Error, Host, Kind, Proxy, Result, Setup, Signature, Stage, Target};
pub use crate::carrier::h2::client::Session;
pub use crate::carrier::h3::congestion::Congestion;
use crate::carrier::{Carrier, HalfClose};
use crate::http::Field;
use crate::http::post::Template;
use crate::wire::{BoxWire, Deadline};
use ladder::Ladder;
use memory::Memory;
use quic::Quic;
use rustls::ClientConfig;
use sessions::Sessions;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use way::{OnWay, Way};

/// One proxy on the way, with all that is needed to use it.
#[derive(Clone)]
pub struct Hop {
    pub proxy: Proxy,
    /// There for `https` proxies. Each handshake adds the protocols it offers (ALPN).
    pub tls: Option<Arc<ClientConfig>>,
    /// The name to ask for in TLS, and to find in the certificate, instead of the proxy's host.
    pub sni: Option<Host>,
    /// Who we are to this hop, and to no other.
    pub login: Arc<Login>,
    /// The user's own fields; go to this hop only.
    pub fields: Vec<Field>,
    /// Carriers in order of preference, never empty. Over TLS the proxy chooses among their versions.
    pub via: Vec<Carrier>,
    /// Where the hop has its POST tunnels.
    pub path: Template,
}

/// Opens tunnels along one route.
pub struct Dialer {
    /// In order; none means straight to the target.
    pub hops: Vec<Hop>,
    pub network: Network,
    /// For everything until a tunnel is open; zero for no limit.
    pub connect_timeout: Duration,
    /// TLS with the target, inside the tunnel.
    pub inner: Option<Inner>,
    /// Nothing behind the proxies' answers is read, so that the tunnel's socket can be given away. Slower.
    pub sparing: bool,
    /// Of connections over QUIC.
    pub congestion: Congestion,
    /// Where this way cannot be reached.
    pub fallback: Option<Box<Dialer>>,
    out_of_reach: Mutex<Option<Instant>>,
    /// With the last hop, where its carrier has them.
    sessions: Sessions,
    ladder: Ladder,
    /// With the first hop, where it is reached over QUIC.
    quic: Quic,
}

/// TLS with the target of every tunnel.
#[derive(Clone)]
pub struct Inner {
    /// With its own store of tickets, and the protocols to offer.
    pub config: Arc<ClientConfig>,
    /// Instead of the target's host.
    pub name: Option<Host>,
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
    /// How the last hop names itself; empty without a proxy.
    pub signature: Signature,
    /// The proxies that it went through; none without.
    pub route: Vec<String>,
}

/// How long a way that could not be reached is not tried where there is another.
const OUT_OF_REACH: Duration = Duration::from_secs(60);

/// The first step of the way failed: nothing was asked of anybody.
fn is_unreached(error: &Error) -> bool {
    matches!(error.stage(), Stage::Resolve | Stage::Connect)
}

impl Dialer {
    /// `connections` is how many sessions there may be with the last hop at the same time.
    pub fn new(
        hops: Vec<Hop>,
        network: Network,
        connect_timeout: Duration,
        connections: usize,
    ) -> Self {
        Dialer {
            hops,
            network,
            connect_timeout,
            inner: None,
            sparing: false,
            congestion: Congestion::default(),
            fallback: None,
            out_of_reach: Mutex::default(),
            sessions: Sessions::new(connections),
            ladder: Ladder::default(),
            quic: Quic::default(),
        }
    }

    fn way(&self) -> Way<'_> {
        self.way_until(Deadline::after(self.connect_timeout))
    }

    fn way_until(&self, deadline: Deadline) -> Way<'_> {
        Way {
            dialer: self,
            deadline,
            setup: Setup::default(),
            peer: None,
            fields: Vec::new(),
            ready: Mutex::default(),
        }
    }

    /// The carrier that works with the last hop is kept in `file` for processes to come, and what is kept there is tried
    /// first.
    pub fn remember_in(&mut self, file: &Path) {
        let memory = Memory::new(file, &self.route().join(" "));
        self.ladder.remember(memory);
    }

    /// Opens a tunnel to `target`. One deadline covers all of it.
    pub async fn open(&self, target: &Target) -> Result<Tunnel> {
        self.open_with(target, Vec::new()).await
    }

    /// The same, with more fields for every hop's request.
    pub async fn open_with(&self, target: &Target, fields: Vec<Field>) -> Result<Tunnel> {
        let deadline = Deadline::after(self.connect_timeout);
        self.open_by(target, deadline, &fields).await
    }

    async fn open_by(
        &self,
        target: &Target,
        deadline: Deadline,
        fields: &[Field],
    ) -> Result<Tunnel> {
        let Some(fallback) = &self.fallback else {
            return self.attempt(target, deadline, fields).await;
        };
        if !self.is_out_of_reach() {
            // A proxy that is silent must leave time for the next.
            match self.attempt(target, deadline.halfway(), fields).await {
                Err(error) if is_unreached(&error) => {
                    tracing::info!("{error}; next: {}", fallback.words());
                    self.note_out_of_reach();
                }
                done => return done,
            }
        }
        // Boxed: each may have another behind it.
        Box::pin(fallback.open_by(target, deadline, fields)).await
    }

    async fn attempt(
        &self,
        target: &Target,
        deadline: Deadline,
        fields: &[Field],
    ) -> Result<Tunnel> {
        let mut way = self.way_until(deadline);
        way.fields = fields.to_vec();
        let opened = match self.hops.is_empty() {
            true => OnWay {
                wire: way.direct(target).await?,
                half_close: HalfClose::Kept,
                carrier: None,
                signature: Signature::default(),
            },
            false => way.through_proxies(target).await?,
        };
        let (wire, half_close) = match &self.inner {
            Some(inner) => {
                way.inner_tls(inner, opened.wire, opened.half_close, target)
                    .await?
            }
            None => (opened.wire, opened.half_close),
        };
        Ok(Tunnel {
            wire,
            half_close,
            carrier: opened.carrier,
            peer: way.peer,
            setup: way.setup,
            signature: opened.signature,
            route: self.route(),
        })
    }

    /// TLS with targets, whichever way it goes.
    pub fn set_inner(&mut self, inner: Option<&Inner>) {
        self.inner = inner.cloned();
        if let Some(fallback) = &mut self.fallback {
            fallback.set_inner(inner);
        }
    }

    /// A hop did not accept what it was shown.
    pub fn was_turned_down(&self) -> bool {
        self.hops.iter().any(|hop| hop.login.was_turned_down())
    }

    fn route(&self) -> Vec<String> {
        self.hops.iter().map(|hop| hop.proxy.to_string()).collect()
    }

    fn words(&self) -> String {
        match self.hops.is_empty() {
            true => "direct".into(),
            false => self.route().join(", "),
        }
    }

    /// It was not reached lately, and something else was to do.
    fn is_out_of_reach(&self) -> bool {
        let since = self.out_of_reach.lock().map_or(None, |since| *since);
        since.is_some_and(|since| since.elapsed() < OUT_OF_REACH)
    }

    fn note_out_of_reach(&self) {
        if let Ok(mut since) = self.out_of_reach.lock() {
            *since = Some(Instant::now());
        }
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
