//! One attempt to reach a target: resolve, connect, then hop by hop.

use crate::base::{Blame, Error, Host, Kind, Result, Scheme, Stage, Target};
use crate::carrier::h2::client::{Session, Slot, Why};
use crate::carrier::{Carrier, HalfClose, Opened, Version, h1};
use crate::dial::sessions::{Known, Turn};
use crate::dial::{Dialer, Setup, race, tls};
use crate::http::{TunnelRequest, request};
use crate::wire::{BoxWire, Deadline, Socket};
use std::net::SocketAddr;
use std::time::Instant;

/// One attempt under way.
pub struct Way<'a> {
    pub dialer: &'a Dialer,
    pub deadline: Deadline,
    pub setup: Setup,
    pub peer: Option<SocketAddr>,
}

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
            Target::Builtin(_) => Err(Error::usage(format!(
                "{target} is a target inside a proxy: add -x embedded: or a 'tuncat serve'"
            ))),
        }
    }

    /// The carriers of the last hop are tried in order, until one is possible there. What the proxy
    /// refuses for another reason is its answer.
    pub async fn through_proxies(&mut self, target: &Target) -> Result<OnWay> {
        let last = self.dialer.hops.len() - 1;
        let mut left = self.dialer.ladder.order(&self.dialer.hops[last].via);
        loop {
            let tried = match self.through(last, target, &left).await {
                Ok(opened) => {
                    self.dialer.ladder.won(opened.carrier);
                    return Ok(opened);
                }
                Err(not) => not,
            };
            let carrier = tried.carrier.filter(|_| left.len() > 1);
            let Some(carrier) = carrier.filter(|c| c.is_impossible(&tried.error)) else {
                return Err(tried.error);
            };
            left.retain(|c| *c != carrier);
            tracing::info!(
                "{carrier} is not possible ({}), next: {}",
                tried.error,
                left[0]
            );
        }
    }

    /// One carrier out of `left`: in a session where there can be one. A request that was certainly not
    /// processed goes out once more.
    async fn through(
        &mut self,
        last: usize,
        target: &Target,
        left: &[Carrier],
    ) -> Result<OnWay, NotOpened> {
        if !self.sessions_possible(last, left) {
            let at = self.reach(last, left).await?;
            return self.open_at(last, at, left, target).await;
        }
        match self.in_session(last, target, left, None).await {
            Err(NotOpened {
                again: Some(session),
                ..
            }) => self.in_session(last, target, left, Some(&session)).await,
            done => done,
        }
    }

    /// Over TLS it shows only after the handshake.
    fn sessions_possible(&self, last: usize, left: &[Carrier]) -> bool {
        let wanted = |c: &Carrier| c.version() == Version::Http2;
        match self.dialer.hops[last].proxy.scheme {
            Scheme::Https => left.iter().any(wanted) && self.dialer.sessions.are_possible(),
            Scheme::Http | Scheme::H2c => left.first().is_some_and(wanted),
        }
    }

    /// In a session that is there, other than `not`, or in a new one.
    async fn in_session(
        &mut self,
        last: usize,
        target: &Target,
        left: &[Carrier],
        not: Option<&Session>,
    ) -> Result<OnWay, NotOpened> {
        let sessions = &self.dialer.sessions;
        let turn = self.deadline.run(sessions.turn(not)).await;
        let turn = turn.map_err(|_| self.name(last, self.dialer.timeout(Stage::Request)));
        let (known, slot) = match turn? {
            Turn::Use(known, slot) => (known, slot),
            Turn::Make(making) => match self.new_session(last, left).await? {
                Ok(known) => {
                    let slot = known.session.reserve();
                    making.done(known.clone());
                    (known, slot)
                }
                Err(at) => {
                    sessions.are_impossible();
                    drop(making);
                    return self.open_at(last, at, left, target).await;
                }
            },
        };
        self.ask(last, known, slot, left, target).await
    }

    /// A session with hop `n`, or the connection to it where it chose a version without.
    async fn new_session(
        &mut self,
        n: usize,
        offer: &[Carrier],
    ) -> Result<std::result::Result<Known, OnHop>> {
        let at = self.reach(n, offer).await?;
        if at.version == Version::Http1 {
            return Ok(Err(at));
        }
        self.begin(n, at).await.map(Ok)
    }

    /// Opens one more session with the last hop, for tunnels to come; whether it has any.
    pub async fn warm_up(&mut self) -> Result<Option<Session>> {
        let last = self.dialer.hops.len() - 1;
        let via = self.dialer.ladder.order(&self.dialer.hops[last].via);
        if !self.sessions_possible(last, &via) {
            return Ok(None);
        }
        let making = self.dialer.sessions.make().await;
        let Ok(known) = self.new_session(last, &via).await? else {
            self.dialer.sessions.are_impossible();
            return Ok(None);
        };
        let session = known.session.clone();
        making.done(known);
        Ok(Some(session))
    }

    /// The fold: each hop's target is the next hop. Gives the connection to hop `n`, TLS included.
    async fn reach(&mut self, n: usize, offer: &[Carrier]) -> Result<OnHop> {
        let first = &self.dialer.hops[0].proxy;
        let label = format!("proxy {first}");
        let mut wire: BoxWire = Box::new(
            self.tcp(&first.host, first.port, Role::Proxy, &label)
                .await?,
        );
        let mut half_close = HalfClose::Kept;
        for hop in 0..n {
            let next = &self.dialer.hops[hop + 1].proxy;
            let target = Target::Tcp {
                host: next.host.clone(),
                port: next.port,
            };
            let via = &self.dialer.hops[hop].via;
            let (wire_to_hop, version) = self.secure(hop, wire, via).await?;
            let at = OnHop {
                wire: wire_to_hop,
                half_close,
                version,
            };
            let opened = self.open_at(hop, at, via, &target).await;
            let opened = opened.map_err(|not| not.error)?;
            wire = opened.wire;
            half_close = opened.half_close;
        }
        let (wire, version) = self.secure(n, wire, offer).await?;
        Ok(OnHop {
            wire,
            half_close,
            version,
        })
    }

    /// TLS with hop `n` where it wants that, and the version it is then spoken to with, which is that
    /// of one of `offer`.
    async fn secure(
        &mut self,
        n: usize,
        wire: BoxWire,
        offer: &[Carrier],
    ) -> Result<(BoxWire, Version)> {
        let hop = &self.dialer.hops[n];
        let named = |e: Error| self.name(n, e);
        let first = offer.first().copied();
        let first = first.ok_or_else(|| Error::internal("no carrier"))?;
        if hop.proxy.scheme != Scheme::Https {
            return Ok((wire, first.version()));
        }
        let config = hop.tls.clone();
        let config = config.ok_or_else(|| Error::internal("no TLS settings"))?;
        let started = Instant::now();
        let handshake = tls::handshake(wire, &hop.proxy.host, config, offer);
        let done = self.deadline.run(handshake).await;
        let done = done.map_err(|_| named(self.dialer.timeout(Stage::Tls)))?;
        let (wire, version) = done.map_err(named)?;
        self.setup.tls += started.elapsed();
        Ok((wire, version))
    }

    /// Asks hop `n`, over a connection to it, for a tunnel with the first of `via` that the version
    /// allows.
    async fn open_at(
        &mut self,
        n: usize,
        at: OnHop,
        via: &[Carrier],
        target: &Target,
    ) -> Result<OnWay, NotOpened> {
        if at.version == Version::Http2 {
            let known = self.begin(n, at).await?;
            let slot = known.session.reserve();
            return self.ask(n, known, slot, via, target).await;
        }
        let carrier = first_of(via, Version::Http1)?;
        let request = self.request(n, carrier, target);
        let started = Instant::now();
        let opening = h1::client::open(at.wire, &request, self.deadline);
        let opened = self.deadline.run(opening).await;
        let opened = opened
            .map_err(|_| self.dialer.timeout(Stage::Request))
            .flatten();
        self.setup.request += started.elapsed();
        match opened {
            Ok(opened) => Ok(OnWay::new(opened, at.half_close, carrier)),
            Err(error) => Err(NotOpened {
                error: self.name(n, error),
                carrier: Some(carrier),
                again: None,
            }),
        }
    }

    async fn begin(&mut self, n: usize, at: OnHop) -> Result<Known> {
        let started = Instant::now();
        let beginning = Session::begin(at.wire, self.dialer.sessions.changed());
        let begun = self.deadline.run(beginning).await;
        let begun = begun
            .map_err(|_| self.dialer.timeout(Stage::Request))
            .flatten();
        self.setup.request += started.elapsed();
        Ok(Known {
            session: begun.map_err(|e| self.name(n, e))?,
            half_close: at.half_close,
            peer: self.peer,
        })
    }

    /// Asks for a tunnel in a session with hop `n`.
    async fn ask(
        &mut self,
        n: usize,
        known: Known,
        slot: Slot,
        via: &[Carrier],
        target: &Target,
    ) -> Result<OnWay, NotOpened> {
        let carrier = first_of(via, Version::Http2)?;
        let request = self.request(n, carrier, target);
        let started = Instant::now();
        self.peer = known.peer;
        let opening = known.session.open(&request, slot, self.deadline);
        let opened = self.deadline.run(opening).await;
        self.setup.request += started.elapsed();
        let (error, why) = match opened {
            Ok(Ok(opened)) => return Ok(OnWay::new(opened, known.half_close, carrier)),
            Ok(Err(not)) => (not.error, not.why),
            Err(_) => (self.dialer.timeout(Stage::Request), Why::Other),
        };
        if why == Why::SessionEnds {
            self.dialer.sessions.forget(&known.session);
        }
        Err(NotOpened {
            error: self.name(n, error),
            carrier: Some(carrier),
            again: (why != Why::Other).then_some(known.session),
        })
    }

    fn request(&self, n: usize, carrier: Carrier, target: &Target) -> TunnelRequest {
        let hop = &self.dialer.hops[n];
        let method = match carrier.is_post() {
            false => request::Method::Connect,
            true => request::Method::Post {
                authority: match hop.path.names_the_target() {
                    true => hop.proxy.authority(),
                    false => target.authority(),
                },
                path: hop.path.expand(target),
                scheme: match hop.proxy.scheme {
                    Scheme::Https => "https",
                    Scheme::Http | Scheme::H2c => "http",
                },
            },
        };
        TunnelRequest {
            target: target.authority(),
            method,
            authorization: hop.authorization.clone(),
            fields: hop.fields.clone(),
        }
    }

    /// Says which hop it was. Beyond the first one there is no address that we would know.
    fn name(&self, n: usize, error: Error) -> Error {
        let peer = self.peer.filter(|_| n == 0);
        error
            .hop(format!("proxy {}", self.dialer.hops[n].proxy))
            .peer(peer)
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

/// A connection to a hop that has not been asked for anything yet.
struct OnHop {
    wire: BoxWire,
    half_close: HalfClose,
    version: Version,
}

/// A tunnel as far as it goes.
pub struct OnWay {
    pub wire: BoxWire,
    pub half_close: HalfClose,
    pub carrier: Option<Carrier>,
}

impl OnWay {
    fn new(opened: Opened, before: HalfClose, carrier: Carrier) -> Self {
        tracing::debug!("{carrier}: {}", opened.status);
        OnWay {
            wire: opened.wire,
            half_close: before.and(opened.half_close),
            carrier: Some(carrier),
        }
    }
}

/// No tunnel.
struct NotOpened {
    error: Error,
    /// What was asked with.
    carrier: Option<Carrier>,
    /// The proxy certainly did not process the request, which went over this session.
    again: Option<Session>,
}

impl From<Error> for NotOpened {
    /// An error before anything was asked.
    fn from(error: Error) -> Self {
        NotOpened {
            error,
            carrier: None,
            again: None,
        }
    }
}

fn first_of(via: &[Carrier], version: Version) -> Result<Carrier> {
    let first = via.iter().find(|c| c.version() == version).copied();
    first.ok_or_else(|| Error::internal("no carrier of that version"))
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
