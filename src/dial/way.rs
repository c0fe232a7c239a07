//! One attempt to reach a target: connect, then hop by hop.

use crate::base::{Error, Kind, Result, Scheme, Setup, Signature, Stage, Target};
use crate::carrier::h2::client::{Session, Slot};
use crate::carrier::h2::failure::Why;
use crate::carrier::refused::Refused;
use crate::carrier::{Carrier, HalfClose, Opened, Version, h1, refused};
use crate::dial::credentials::Again;
use crate::dial::sessions::Known;
use crate::dial::tcp::Role;
use crate::dial::{Dialer, tls};
use crate::http::{Field, TunnelRequest, request, websocket};
use crate::wire::{BoxWire, Deadline, Sparing};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Instant;

/// One attempt under way.
pub struct Way<'a> {
    pub dialer: &'a Dialer,
    pub deadline: Deadline,
    pub setup: Setup,
    pub peer: Option<SocketAddr>,
    /// For every hop's request.
    pub fields: Vec<Field>,
    /// A connection to the last hop, where it took one to find out how it is reached. In a mutex only because a wire cannot
    /// be looked at by two threads, and a way can.
    pub ready: Mutex<Option<OnHop>>,
}

/// A connection to a hop that has not been asked for anything yet.
pub struct OnHop {
    pub wire: BoxWire,
    pub half_close: HalfClose,
    pub version: Version,
}

/// A tunnel that is wanted of a hop.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    pub target: &'a Target,
    /// Carriers that may be used, in order of preference.
    pub via: &'a [Carrier],
    /// More carriers could be tried after these.
    pub others: bool,
}

/// A tunnel as far as it goes.
pub struct OnWay {
    pub wire: BoxWire,
    pub half_close: HalfClose,
    pub carrier: Option<Carrier>,
    pub signature: Signature,
}

/// No tunnel.
pub struct NotOpened {
    pub error: Error,
    pub next: Next,
}

/// What may be tried after that.
pub enum Next {
    Nothing,
    /// All that does not need the connection, of which none came about: nobody was asked for anything.
    Unasked,
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
    /// The connection to hop `n`, TLS included.
    pub async fn reach(&mut self, n: usize, offer: &[Carrier]) -> Result<OnHop> {
        let (wire, half_close) = self.reach_clear(n).await?;
        let (wire, version) = self.secure(n, wire, offer).await?;
        Ok(OnHop {
            wire,
            half_close,
            version,
        })
    }

    /// The fold: each hop's target is the next hop. Gives the connection to hop `n` before anything was
    /// said to it.
    pub async fn reach_clear(&mut self, n: usize) -> Result<(BoxWire, HalfClose)> {
        if self.dialer.hops[0].proxy.scheme == Scheme::H3 {
            let Some(next) = self.dialer.hops.get(1).filter(|_| n > 0) else {
                let cause = "this is possible only with a proxy that is reached over TCP";
                return Err(self.name(0, Error::usage(cause)));
            };
            let target = next.proxy.target();
            let opened = self.quic_to(&target).await?;
            return self.fold(1, n, opened.wire, opened.half_close).await;
        }
        let first = &self.dialer.hops[0].proxy;
        let label = format!("proxy {first}");
        let socket = self.tcp(&first.host, first.port, Role::Proxy, &label);
        let socket = socket.await?;
        let wire: BoxWire = match self.dialer.sparing {
            true => Box::new(Sparing(socket)),
            false => Box::new(socket),
        };
        self.fold(0, n, wire, HalfClose::Kept).await
    }

    /// From the connection to hop `first` to that to hop `n`.
    async fn fold(
        &mut self,
        first: usize,
        n: usize,
        mut wire: BoxWire,
        mut half_close: HalfClose,
    ) -> Result<(BoxWire, HalfClose)> {
        for hop in first..n {
            let target = self.dialer.hops[hop + 1].proxy.target();
            let via = &self.dialer.hops[hop].via;
            let (wire_to_hop, version) = self.secure(hop, wire, via).await?;
            let at = OnHop {
                wire: wire_to_hop,
                half_close,
                version,
            };
            let wanted = Wanted {
                target: &target,
                via,
                others: false,
            };
            let opened = self.open_at(hop, at, wanted).await;
            let opened = opened.map_err(|not| not.error)?;
            wire = opened.wire;
            half_close = opened.half_close;
        }
        Ok((wire, half_close))
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
        let handshake = tls::handshake(
            wire,
            hop.sni.as_ref().unwrap_or(&hop.proxy.host),
            config,
            offer,
        );
        let done = self.deadline.run(handshake).await;
        let done = done.map_err(|_| named(self.dialer.timeout(Stage::Tls)))?;
        let (wire, version) = done.map_err(named)?;
        self.setup.tls += started.elapsed();
        Ok((wire, version))
    }

    /// Asks hop `n`, over a connection to it, for a tunnel with the first carrier that the version
    /// allows.
    pub async fn open_at(
        &mut self,
        n: usize,
        at: OnHop,
        wanted: Wanted<'_>,
    ) -> Result<OnWay, NotOpened> {
        if at.version == Version::Http2 {
            let known = self.begin(n, at).await?;
            let slot = known.session.reserve();
            return self.ask(n, known, slot, wanted).await;
        }
        if at.version == Version::Socks {
            return self.open_socks(n, at, wanted.target).await;
        }
        let carrier = first_of(wanted.via, Version::Http1)?;
        let asking = self.asking(n, carrier, wanted.target).await;
        let mut asking = asking.map_err(|e| self.name(n, e))?;
        let (mut at, mut reused) = (at, false);
        loop {
            let request = self.request(n, carrier, wanted.target)?;
            let request = asking.sign(request);
            let started = Instant::now();
            let opening = h1::client::open(at.wire, &request, self.last_question(wanted.others));
            let opened = self.deadline.run(opening).await;
            self.setup.request += started.elapsed();
            let opened = opened.unwrap_or_else(|_| Err(self.dialer.timeout(Stage::Request).into()));
            let refused = match opened {
                Ok(opened) => {
                    asking.accepted();
                    return Ok(OnWay::new(opened, at.half_close, carrier));
                }
                Err(refused) => refused,
            };
            let again = self.answer(&mut asking, refused, reused).await;
            let again = again.map_err(|error| self.not_opened(n, carrier, error))?;
            reused = matches!(again, Again::On(_));
            at = match again {
                Again::On(wire) => OnHop { wire, ..at },
                Again::Anew => self.reach_again(n, carrier).await?,
            };
        }
    }

    pub async fn begin(&mut self, n: usize, at: OnHop) -> Result<Known> {
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
    pub async fn ask(
        &mut self,
        n: usize,
        known: Known,
        slot: Slot,
        wanted: Wanted<'_>,
    ) -> Result<OnWay, NotOpened> {
        let carrier = first_of(wanted.via, Version::Http2)?;
        let asking = self.asking(n, carrier, wanted.target).await;
        let mut asking = asking.map_err(|e| self.name(n, e))?;
        self.peer = known.peer;
        let mut slot = slot;
        let (error, why) = loop {
            let request = self.request(n, carrier, wanted.target)?;
            let request = asking.sign(request);
            let started = Instant::now();
            let opening = (known.session).open(&request, slot, self.last_question(wanted.others));
            let opened = self.deadline.run(opening).await;
            self.setup.request += started.elapsed();
            let not = match opened {
                Ok(Ok(opened)) => {
                    asking.accepted();
                    return Ok(OnWay::new(opened, known.half_close, carrier));
                }
                Ok(Err(not)) => not,
                Err(_) => break (self.dialer.timeout(Stage::Request), Why::Final),
            };
            if not.challenges.is_none() {
                break (not.error, not.why);
            }
            let refused = Refused {
                challenges: not.challenges,
                ..Refused::from(not.error)
            };
            if let Err(error) = self.answer(&mut asking, refused, false).await {
                break (error, Why::Final);
            }
            slot = known.session.reserve();
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
    pub fn last_question(&self, others: bool) -> Deadline {
        match others {
            true => self.deadline.halfway(),
            false => self.deadline.earlier(refused::LAST_QUESTION),
        }
    }

    /// Without credentials yet.
    pub fn request(&self, n: usize, carrier: Carrier, target: &Target) -> Result<TunnelRequest> {
        let hop = &self.dialer.hops[n];
        let authority = match hop.path.names_the_target() {
            true => hop.proxy.authority(),
            false => target.authority(),
        };
        let scheme = match hop.proxy.scheme {
            Scheme::Https | Scheme::H3 => "https",
            _ => "http",
        };
        let path = || hop.path.expand(target);
        let method = match carrier {
            _ if carrier.is_post() => request::Method::Post {
                authority,
                path: path(),
                scheme,
            },
            _ if carrier.is_websocket() => request::Method::WebSocket {
                authority,
                path: path(),
                scheme,
                key: websocket::key().map_err(Error::internal)?,
            },
            _ => request::Method::Connect,
        };
        Ok(TunnelRequest {
            target: target.authority(),
            method,
            authorization: None,
            for_proxy: !carrier.is_of_origin(),
            fields: [hop.fields.as_slice(), &self.fields].concat(),
        })
    }

    /// What an answer of hop `n` means, and whether another carrier could do better.
    pub fn not_opened(&self, n: usize, carrier: Carrier, error: Error) -> NotOpened {
        let error = match carrier {
            _ if carrier.is_post() => error.at(Stage::Post),
            _ if carrier.is_websocket() => error.at(Stage::WebSocket),
            _ => error,
        };
        NotOpened {
            next: match error.kind() {
                Kind::Unsupported => Next::Carrier(carrier),
                _ => Next::Nothing,
            },
            error: self.name(n, error),
        }
    }

    /// Says which hop it was, and what it was asked for where that was the next one. Beyond the first one there is
    /// no address that we would know.
    pub fn name(&self, n: usize, error: Error) -> Error {
        let peer = self.peer.filter(|_| n == 0);
        let this = &self.dialer.hops[n].proxy;
        let asked = matches!(
            error.stage(),
            Stage::Request | Stage::Post | Stage::WebSocket | Stage::Socks
        );
        let next = self.dialer.hops.get(n + 1).filter(|_| asked);
        let label = match next {
            Some(next) => format!("proxy {this} for proxy {}", next.proxy),
            None => format!("proxy {this}"),
        };
        error.hop(label).peer(peer)
    }
}

impl OnWay {
    pub fn new(opened: Opened, before: HalfClose, carrier: Carrier) -> Self {
        tracing::debug!("{carrier}: {}", opened.status);
        OnWay {
            wire: opened.wire,
            half_close: before.and(opened.half_close),
            carrier: Some(carrier),
            signature: opened.signature,
        }
    }
}

pub fn first_of(via: &[Carrier], version: Version) -> Result<Carrier> {
    let first = via.iter().find(|c| c.version() == version).copied();
    first.ok_or_else(|| Error::internal("no carrier of that version"))
}
