//! One attempt to reach a target: connect, then hop by hop.

use crate::base::{Blame, Error, Kind, Result, Scheme, Stage, Target};
use crate::carrier::h2::client::{Session, Slot};
use crate::carrier::h2::failure::Why;
use crate::carrier::{Carrier, HalfClose, Opened, Version, h1, refused};
use crate::dial::sessions::{Known, Making, Turn};
use crate::dial::tcp::Role;
use crate::dial::{Dialer, Setup, tls};
use crate::http::{TunnelRequest, request};
use crate::wire::{BoxWire, Deadline};
use std::net::SocketAddr;
use std::time::Instant;

/// A request goes out so often at most, each time in another session.
const ATTEMPTS: usize = 16;

/// One attempt under way.
pub struct Way<'a> {
    pub dialer: &'a Dialer,
    pub deadline: Deadline,
    pub setup: Setup,
    pub peer: Option<SocketAddr>,
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

/// No tunnel.
struct NotOpened {
    error: Error,
    next: Next,
}

/// What may be tried after that.
enum Next {
    Nothing,
    /// The same request in another session: the proxy certainly did not process it in this one, which
    /// is full or takes no more.
    Session {
        not: Session,
        full: bool,
    },
    /// Any other carrier: this one cannot be had.
    Carrier(Carrier),
    /// Carriers of another version only.
    Version(Version),
}

impl From<Error> for NotOpened {
    /// An error before anything was asked.
    fn from(error: Error) -> Self {
        let next = Next::Nothing;
        NotOpened { error, next }
    }
}

impl Way<'_> {
    /// The carriers of the last hop are tried in order, until one is possible there. What the proxy
    /// refuses for another reason is its answer.
    pub async fn through_proxies(&mut self, target: &Target) -> Result<OnWay> {
        let ladder = &self.dialer.ladder;
        let (mut left, mut known) = ladder.order(&self.dialer.hops[self.last()].via);
        let mut told: Option<Error> = None;
        loop {
            // At first the proxy may choose among the versions of all of them.
            let version = left.first().map(|c| c.version());
            let offer = left
                .iter()
                .filter(|c| !known || Some(c.version()) == version);
            let offer: Vec<Carrier> = offer.copied().collect();
            let others = left.len() > 1;
            let NotOpened { error, next } = match self.through(target, &offer, others).await {
                Ok(opened) => {
                    ladder.won(opened.carrier);
                    return Ok(opened);
                }
                Err(not) => not,
            };
            let before = left.len();
            match next {
                Next::Nothing | Next::Session { .. } => return Err(error),
                Next::Carrier(carrier) => left.retain(|c| *c != carrier),
                Next::Version(version) => left.retain(|c| c.version() != version),
            }
            let telling = |e: &Error| e.kind() == Kind::Unsupported;
            if left.is_empty() || left.len() == before {
                return Err(told
                    .filter(|t| telling(t) || !telling(&error))
                    .unwrap_or(error));
            }
            tracing::info!("{error}; next: {}", left[0]);
            if told.as_ref().is_none_or(|t| !telling(t) && telling(&error)) {
                told = Some(error);
            }
            known = true;
        }
    }

    fn last(&self) -> usize {
        self.dialer.hops.len() - 1
    }

    /// With one carrier out of `offer`: in a session where there can be one. `others` says that more
    /// carriers could be tried after these.
    async fn through(
        &mut self,
        target: &Target,
        offer: &[Carrier],
        others: bool,
    ) -> Result<OnWay, NotOpened> {
        if !self.sessions_possible(offer) {
            let at = self.reach_last(offer, others).await?;
            return self.open_at(self.last(), at, offer, target, others).await;
        }
        let (mut not, mut was_full) = (None, false);
        for _ in 1..ATTEMPTS {
            let done = self.in_session(target, offer, others, not.as_ref()).await;
            match done {
                Err(NotOpened {
                    next: Next::Session { not: this, full },
                    ..
                }) if !(full && was_full) => {
                    not = Some(this);
                    was_full |= full;
                }
                done => return done,
            }
        }
        self.in_session(target, offer, others, not.as_ref()).await
    }

    /// Over TLS it shows only after the handshake.
    fn sessions_possible(&self, offer: &[Carrier]) -> bool {
        let wanted = |c: &Carrier| c.version() == Version::Http2;
        match self.dialer.hops[self.last()].proxy.scheme {
            Scheme::Https => offer.iter().any(wanted) && self.dialer.sessions.are_possible(),
            Scheme::Http | Scheme::H2c => offer.first().is_some_and(wanted),
        }
    }

    /// In a session that is there, other than `not`, or in a new one.
    async fn in_session(
        &mut self,
        target: &Target,
        offer: &[Carrier],
        others: bool,
        not: Option<&Session>,
    ) -> Result<OnWay, NotOpened> {
        let last = self.last();
        let sessions = &self.dialer.sessions;
        let turn = self.deadline.run(sessions.turn(not)).await;
        let (known, slot) = match turn.map_err(|_| self.no_room())? {
            Turn::Use(known, slot) => (known, slot),
            Turn::Make(making) => match self.new_session(making, offer, others).await? {
                Ok(made) => made,
                Err(at) => return self.open_at(last, at, offer, target, others).await,
            },
            Turn::Without => {
                let at = self.reach_last(offer, others).await?;
                return self.open_at(last, at, offer, target, others).await;
            }
        };
        self.ask(last, known, slot, offer, target, others).await
    }

    /// A session with the last hop and a place in it, or the connection to it where it chose a version
    /// without.
    async fn new_session(
        &mut self,
        making: Making<'_>,
        offer: &[Carrier],
        others: bool,
    ) -> Result<std::result::Result<(Known, Slot), OnHop>, NotOpened> {
        let at = self.reach_last(offer, others).await?;
        if at.version == Version::Http1 {
            self.dialer.sessions.seen(false);
            return Ok(Err(at));
        }
        let known = self.begin(self.last(), at).await?;
        // Before others see it: there may be room for one only.
        let slot = known.session.reserve();
        making.done(known.clone());
        Ok(Ok((known, slot)))
    }

    /// Opens one more session with the last hop, for tunnels to come; nothing where it has none, or has
    /// as many as there may be.
    pub async fn warm_up(&mut self, making: Making<'_>) -> Result<Option<Session>> {
        let (via, _) = self.dialer.ladder.order(&self.dialer.hops[self.last()].via);
        if !self.sessions_possible(&via) {
            return Ok(None);
        }
        let made = self.new_session(making, &via, false).await;
        let Ok((known, _)) = made.map_err(|not| not.error)? else {
            return Ok(None);
        };
        let mut session = known.session;
        let settled = session.clone();
        let began = async {
            tokio::select! {
                () = settled.settled() => true,
                () = session.over() => false,
            }
        };
        match self.deadline.run(began).await {
            Ok(true) => Ok(Some(session)),
            Ok(false) => {
                let cause = "the session ended as soon as it had begun";
                let error = Error::new(Kind::CannotConnect, Stage::Request, Blame::Proxy, cause);
                Err(self.name(self.last(), error))
            }
            Err(_) => Err(self.name(self.last(), self.dialer.timeout(Stage::Request))),
        }
    }

    /// The connection to the last hop. Where no version of `offer` can be had, others may be tried.
    async fn reach_last(&mut self, offer: &[Carrier], others: bool) -> Result<OnHop, NotOpened> {
        let versions = |v: Version| offer.iter().all(|c| c.version() == v);
        match self.reach(self.last(), offer).await {
            Ok(at) => Ok(at),
            Err(error) => Err(NotOpened {
                next: match offer.first().map(|c| c.version()) {
                    Some(only)
                        if others && versions(only) && error.kind() == Kind::TlsHandshake =>
                    {
                        Next::Version(only)
                    }
                    _ => Next::Nothing,
                },
                error,
            }),
        }
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
            let opened = self.open_at(hop, at, via, &target, false).await;
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
        others: bool,
    ) -> Result<OnWay, NotOpened> {
        if at.version == Version::Http2 {
            let known = self.begin(n, at).await?;
            let slot = known.session.reserve();
            return self.ask(n, known, slot, via, target, others).await;
        }
        let carrier = first_of(via, Version::Http1)?;
        let request = self.request(n, carrier, target);
        let started = Instant::now();
        let opening = h1::client::open(at.wire, &request, self.last_question(others));
        let opened = self.deadline.run(opening).await;
        let opened = opened
            .map_err(|_| self.dialer.timeout(Stage::Request))
            .flatten();
        self.setup.request += started.elapsed();
        match opened {
            Ok(opened) => Ok(OnWay::new(opened, at.half_close, carrier)),
            Err(error) => Err(self.not_opened(n, carrier, error)),
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
        others: bool,
    ) -> Result<OnWay, NotOpened> {
        let carrier = first_of(via, Version::Http2)?;
        let request = self.request(n, carrier, target);
        let started = Instant::now();
        self.peer = known.peer;
        let opening = (known.session).open(&request, slot, self.last_question(others));
        let opened = self.deadline.run(opening).await;
        self.setup.request += started.elapsed();
        let (error, why) = match opened {
            Ok(Ok(opened)) => return Ok(OnWay::new(opened, known.half_close, carrier)),
            Ok(Err(not)) => (not.error, not.why),
            Err(_) => (self.dialer.timeout(Stage::Request), Why::Final),
        };
        let mut not = self.not_opened(n, carrier, error);
        match why {
            Why::Final => return Err(not),
            Why::SessionFull => {}
            _ => self.dialer.sessions.forget(&known.session),
        }
        not.next = match why {
            Why::SessionFull | Why::SessionEnds => Next::Session {
                full: why == Why::SessionFull,
                not: known.session,
            },
            Why::NotHttp2 => Next::Version(Version::Http2),
            Why::SessionBroke | Why::Final => Next::Nothing,
        };
        Err(not)
    }

    /// When a POST that has not been answered is ended. With other carriers to try there is to be time
    /// left for them.
    fn last_question(&self, others: bool) -> Deadline {
        match others {
            true => self.deadline.halfway(),
            false => self.deadline.earlier(refused::LAST_QUESTION),
        }
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

    /// What an answer of hop `n` means, and whether another carrier could do better.
    fn not_opened(&self, n: usize, carrier: Carrier, error: Error) -> NotOpened {
        let error = match carrier.is_post() {
            true => error.of_post(),
            false => error,
        };
        NotOpened {
            next: match error.kind() {
                Kind::Unsupported => Next::Carrier(carrier),
                _ => Next::Nothing,
            },
            error: self.name(n, error),
        }
    }

    /// Why the time has run out before anything could be asked.
    fn no_room(&self) -> Error {
        let timeout = self.dialer.timeout(Stage::Request);
        self.name(
            self.last(),
            match self.dialer.sessions.are_all() {
                false => timeout,
                true => {
                    let cause = "the sessions with the proxy have no room for another tunnel";
                    let error = Error::new(Kind::Timeout, Stage::Request, Blame::Proxy, cause);
                    error.hint("--connections sets how many sessions there may be")
                }
            },
        )
    }

    /// Says which hop it was. Beyond the first one there is no address that we would know.
    pub fn name(&self, n: usize, error: Error) -> Error {
        let peer = self.peer.filter(|_| n == 0);
        error
            .hop(format!("proxy {}", self.dialer.hops[n].proxy))
            .peer(peer)
    }
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

fn first_of(via: &[Carrier], version: Version) -> Result<Carrier> {
    let first = via.iter().find(|c| c.version() == version).copied();
    first.ok_or_else(|| Error::internal("no carrier of that version"))
}
