//! The last hop of a way: its carriers in turn, and the sessions that tunnels share with it.

use crate::base::{Blame, Error, Kind, Result, Scheme, Stage, Target};
use crate::carrier::h2::client::{Session, Slot};
use crate::carrier::{Carrier, Version};
use crate::dial::sessions::{Known, Making, Turn};
use crate::dial::tend::Warm;
use crate::dial::way::{Next, NotOpened, OnHop, OnWay, Wanted, Way};

/// A request goes out so often at most, each time in another session.
const ATTEMPTS: usize = 16;

/// Of an attempt to connect: another way may do better, since nobody has shown to be somebody else.
pub fn is_no_connection(error: &Error) -> bool {
    matches!(error.stage(), Stage::Connect | Stage::Tls)
        && error.kind() != Kind::CertificateNotTrusted
}

impl Way<'_> {
    /// The carriers of the last hop are tried in order, until one is possible there. What the proxy
    /// refuses for another reason is its answer.
    pub async fn through_proxies(&mut self, target: &Target) -> Result<OnWay> {
        let ladder = &self.dialer.ladder;
        let (mut left, mut known) = ladder.order(&self.dialer.hops[self.last()].via);
        // Carriers over QUIC, put off since TCP came first.
        let mut spare = Vec::new();
        let mut told: Option<Error> = None;
        loop {
            if self.choose_quic_or_tcp(&mut left, &mut spare).await? {
                known = false;
            }
            // At first the proxy may choose among the versions of all that are possible over TCP.
            let version = left.first().map(|c| c.version());
            let over_quic = version == Some(Version::Http3);
            let offer = left.iter().filter(|c| match c.version() {
                Version::Http3 => over_quic,
                other => !over_quic && (!known || Some(other) == version),
            });
            let offer: Vec<Carrier> = offer.copied().collect();
            let wanted = Wanted {
                target,
                via: &offer,
                others: left.len() > 1,
            };
            let through = match over_quic {
                true => self.through_quic(wanted).await,
                false => self.through(wanted).await,
            };
            let NotOpened { error, next } = match through {
                Ok(opened) => {
                    ladder.won(opened.carrier);
                    return Ok(opened);
                }
                Err(not) => not,
            };
            let before = left.len();
            match next {
                Next::Unasked => {
                    match over_quic {
                        true => left.retain(|c| !c.is_quic()),
                        false => {
                            spare.extend(left.drain(..).filter(|c| c.is_quic()));
                            // Whatever said that TCP is the way.
                            ladder.forget();
                            if !spare.is_empty() && self.rescued_by_quic().await {
                                left.append(&mut spare);
                            }
                        }
                    }
                    if left.is_empty() {
                        return Err(error);
                    }
                    tracing::info!("{error}; next: {}", left[0]);
                    known |= !over_quic;
                    continue;
                }
                Next::Nothing | Next::Session { .. } => return Err(error),
                Next::Carrier(carrier) => left.retain(|c| *c != carrier),
                Next::Version(version) => left.retain(|c| c.version() != version),
            }
            let stuck = left.len() == before;
            if left.is_empty() && !spare.is_empty() && self.rescued_by_quic().await {
                left.append(&mut spare);
                ladder.forget();
            }
            let telling = |e: &Error| e.kind() == Kind::Unsupported;
            if left.is_empty() || stuck {
                return Err(told
                    .filter(|t| telling(t) || !telling(&error))
                    .unwrap_or(error));
            }
            tracing::info!("{error}; next: {}", left[0]);
            if told.as_ref().is_none_or(|t| !telling(t) && telling(&error)) {
                told = Some(error);
            }
            // What QUIC met says nothing of TCP.
            known |= !over_quic;
        }
    }

    fn last(&self) -> usize {
        self.dialer.hops.len() - 1
    }

    /// With one of its carriers: in a session where there can be one.
    async fn through(&mut self, wanted: Wanted<'_>) -> Result<OnWay, NotOpened> {
        if !self.sessions_possible(wanted.via) {
            let at = self.reach_last(wanted.via, wanted.others).await?;
            return self.open_at(self.last(), at, wanted).await;
        }
        let (mut not, mut was_full) = (None, false);
        for _ in 1..ATTEMPTS {
            let done = self.in_session(wanted, not.as_ref()).await;
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
        self.in_session(wanted, not.as_ref()).await
    }

    /// Over TLS it shows only after the handshake.
    fn sessions_possible(&self, offer: &[Carrier]) -> bool {
        let wanted = |c: &Carrier| c.version() == Version::Http2;
        match self.dialer.hops[self.last()].proxy.scheme {
            Scheme::Https => offer.iter().any(wanted) && self.dialer.sessions.are_possible(),
            _ => offer.first().is_some_and(wanted),
        }
    }

    /// In a session that is there, other than `not`, or in a new one.
    async fn in_session(
        &mut self,
        wanted: Wanted<'_>,
        not: Option<&Session>,
    ) -> Result<OnWay, NotOpened> {
        let last = self.last();
        let sessions = &self.dialer.sessions;
        let turn = self.deadline.run(sessions.turn(not)).await;
        let (known, slot) = match turn.map_err(|_| self.no_room(sessions.are_all()))? {
            Turn::Use(known, slot) => (known, slot),
            Turn::Make(making) => {
                match self.new_session(making, wanted.via, wanted.others).await? {
                    Ok(made) => made,
                    Err(at) => return self.open_at(last, at, wanted).await,
                }
            }
            Turn::Without => {
                let at = self.reach_last(wanted.via, wanted.others).await?;
                return self.open_at(last, at, wanted).await;
            }
        };
        self.ask(last, known, slot, wanted).await
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
    pub async fn warm_up(&mut self, making: Making<'_>) -> Result<Option<Warm>> {
        let (mut via, _) = self.dialer.ladder.order(&self.dialer.hops[self.last()].via);
        self.choose_quic_or_tcp(&mut via, &mut Vec::new()).await?;
        if via.first().is_some_and(|c| c.is_quic()) {
            return self.quic_session().await.map(Warm::Http3).map(Some);
        }
        via.retain(|c| !c.is_quic());
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
            Ok(true) => Ok(Some(Warm::Http2(session))),
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
        let last = self.last();
        let fits = |at: &mut OnHop| offer.iter().any(|c| c.version() == at.version);
        let ready = self.ready.get_mut().ok();
        if let Some(ready) = ready.and_then(|ready| ready.take_if(fits)) {
            return Ok(ready);
        }
        let versions = |v: Version| offer.iter().all(|c| c.version() == v);
        // Silence must leave time for QUIC.
        let whole = self.deadline;
        if self.dialer.hops[last].via.iter().any(|c| c.is_quic()) {
            self.deadline = whole.halfway();
        }
        let reached = self.reach(last, offer).await;
        self.deadline = whole;
        match reached {
            Ok(at) => Ok(at),
            Err(error) => Err(NotOpened {
                next: match offer.first().map(|c| c.version()) {
                    Some(only)
                        if others && versions(only) && error.kind() == Kind::TlsHandshake =>
                    {
                        Next::Version(only)
                    }
                    _ if is_no_connection(&error) => Next::Unasked,
                    _ => Next::Nothing,
                },
                error,
            }),
        }
    }

    /// Why the time has run out before anything could be asked. `all` is whether there are as many sessions as there may be.
    pub fn no_room(&self, all: bool) -> Error {
        let timeout = self.dialer.timeout(Stage::Request);
        self.name(
            self.last(),
            match all {
                false => timeout,
                true => {
                    let cause = "the sessions with the proxy have no room for another tunnel";
                    let error = Error::new(Kind::Timeout, Stage::Request, Blame::Proxy, cause);
                    error.hint("--connections sets how many sessions there may be")
                }
            },
        )
    }
}
