//! One attempt to reach a target: resolve, connect, then hop by hop.

use crate::base::{Blame, Error, Host, Kind, Result, Scheme, Stage, Target};
use crate::carrier::{Carrier, HalfClose, Opened, h1, h2};
use crate::dial::sessions::Known;
use crate::dial::{Dialer, Setup, race, tls};
use crate::http::connect::ConnectRequest;
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

    /// Through a session where there can be one; a request that was certainly not processed goes out
    /// once more.
    pub async fn through_proxies(&mut self, target: &Target) -> Result<OnWay> {
        let last = self.dialer.hops.len() - 1;
        let authority = target.authority();
        if !self
            .dialer
            .sessions
            .worth_waiting_for(&self.dialer.hops[last])
        {
            let at = self.reach(last).await?;
            return self.open_at(last, at, authority).await;
        }
        let opened = match self.in_session(last, &authority).await {
            Err(Refused { again: true, .. }) => self.in_session(last, &authority).await,
            done => done,
        };
        opened.map_err(|refused| refused.error)
    }

    /// In the session that is there, or in a new one. One is made at a time: whoever comes meanwhile
    /// waits for it rather than making another.
    async fn in_session(&mut self, last: usize, authority: &str) -> Result<OnWay, Refused> {
        let slot = &self.dialer.sessions;
        let held = self.deadline.run(slot.lock()).await;
        let late = |_| self.name(last, self.dialer.timeout(Stage::Request));
        let mut held = held.map_err(late)?;
        let known = match held.usable() {
            Some(known) => known,
            None => {
                let at = self.reach(last).await?;
                if at.carrier == Carrier::H1 {
                    slot.no_sessions();
                    drop(held);
                    return Ok(self.open_at(last, at, authority.into()).await?);
                }
                let known = Known {
                    session: self.begin(last, at.wire).await?,
                    half_close: at.half_close,
                    peer: self.peer,
                };
                held.remember(known.clone());
                known
            }
        };
        drop(held);
        let opened = self.ask(last, &known, authority.into()).await;
        if let Err(Refused { again: true, .. }) = opened {
            slot.lock().await.forget(&known);
        }
        opened
    }

    /// The fold: each hop's target is the next hop. Gives the connection to hop `n`, TLS included.
    async fn reach(&mut self, n: usize) -> Result<OnHop> {
        let first = &self.dialer.hops[0].proxy;
        let label = format!("proxy {first}");
        let mut wire: BoxWire = Box::new(
            self.tcp(&first.host, first.port, Role::Proxy, &label)
                .await?,
        );
        let mut half_close = HalfClose::Kept;
        for hop in 0..n {
            let next = &self.dialer.hops[hop + 1].proxy;
            let authority = format!("{}:{}", next.host, next.port);
            let (secured, carrier) = self.secure(hop, wire).await?;
            let at = OnHop {
                wire: secured,
                half_close,
                carrier,
            };
            let opened = self.open_at(hop, at, authority).await?;
            wire = opened.wire;
            half_close = opened.half_close;
        }
        let (wire, carrier) = self.secure(n, wire).await?;
        Ok(OnHop {
            wire,
            half_close,
            carrier,
        })
    }

    /// TLS with hop `n` where it wants that, and the carrier it is then spoken to with.
    async fn secure(&mut self, n: usize, wire: BoxWire) -> Result<(BoxWire, Carrier)> {
        let hop = &self.dialer.hops[n];
        let named = |e: Error| self.name(n, e);
        let first = hop.via.first().copied();
        let first = first.ok_or_else(|| Error::internal("no carrier"))?;
        if hop.proxy.scheme != Scheme::Https {
            return Ok((wire, first));
        }
        let config = hop.tls.clone();
        let config = config.ok_or_else(|| Error::internal("no TLS settings"))?;
        let started = Instant::now();
        let done = self
            .deadline
            .run(tls::handshake(wire, &hop.proxy.host, config))
            .await;
        let done = done.map_err(|_| named(self.dialer.timeout(Stage::Tls)))?;
        let (wire, protocol) = done.map_err(named)?;
        let agreed = match &protocol {
            // A server that knows no ALPN speaks HTTP/1.1.
            None => Some(Carrier::H1),
            Some(protocol) => [Carrier::H1, Carrier::H2]
                .into_iter()
                .find(|c| c.alpn().as_bytes() == protocol.as_slice()),
        };
        let carrier = agreed.filter(|c| hop.via.contains(c)).ok_or_else(|| {
            let cause = "the proxy did not agree to any protocol that was offered";
            named(Error::new(Kind::TlsHandshake, Stage::Tls, Blame::Proxy, cause).hint("see --via"))
        })?;
        self.setup.tls += started.elapsed();
        Ok((wire, carrier))
    }

    async fn open_at(&mut self, n: usize, at: OnHop, authority: String) -> Result<OnWay> {
        if at.carrier == Carrier::H2 {
            let session = self.begin(n, at.wire).await?;
            let known = Known {
                session,
                half_close: at.half_close,
                peer: self.peer,
            };
            return self.ask(n, &known, authority).await.map_err(|r| r.error);
        }
        let request = self.request(n, authority);
        let started = Instant::now();
        let opened = self.deadline.run(h1::client::open(at.wire, &request)).await;
        let opened = opened
            .map_err(|_| self.dialer.timeout(Stage::Request))
            .flatten();
        let opened = opened.map_err(|e| self.name(n, e))?;
        self.setup.request += started.elapsed();
        Ok(OnWay::new(opened, at.half_close, Carrier::H1))
    }

    async fn begin(&mut self, n: usize, wire: BoxWire) -> Result<h2::client::Session> {
        let started = Instant::now();
        let begun = self.deadline.run(h2::client::Session::begin(wire)).await;
        let begun = begun
            .map_err(|_| self.dialer.timeout(Stage::Request))
            .flatten();
        self.setup.request += started.elapsed();
        begun.map_err(|e| self.name(n, e))
    }

    async fn ask(&mut self, n: usize, known: &Known, authority: String) -> Result<OnWay, Refused> {
        let request = self.request(n, authority);
        let started = Instant::now();
        self.peer = known.peer;
        let opened = match self.deadline.run(known.session.open(&request)).await {
            Ok(opened) => opened,
            Err(_) => Err(h2::client::NotOpened {
                error: self.dialer.timeout(Stage::Request),
                again: false,
            }),
        };
        let opened = opened.map_err(|not| Refused {
            error: self.name(n, not.error),
            again: not.again,
        })?;
        self.setup.request += started.elapsed();
        Ok(OnWay::new(opened, known.half_close, Carrier::H2))
    }

    fn request(&self, n: usize, authority: String) -> ConnectRequest {
        let hop = &self.dialer.hops[n];
        ConnectRequest {
            authority,
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
    carrier: Carrier,
}

/// A tunnel as far as it goes.
pub struct OnWay {
    pub wire: BoxWire,
    pub half_close: HalfClose,
    pub carrier: Option<Carrier>,
}

impl OnWay {
    fn new(opened: Opened, before: HalfClose, carrier: Carrier) -> Self {
        tracing::debug!("{carrier}: {} to CONNECT", opened.status);
        OnWay {
            wire: opened.wire,
            half_close: before.and(opened.half_close),
            carrier: Some(carrier),
        }
    }
}

/// No tunnel; perhaps in another session.
struct Refused {
    error: Error,
    again: bool,
}

impl From<Error> for Refused {
    /// An error that another attempt would not mend.
    fn from(error: Error) -> Self {
        Refused {
            error,
            again: false,
        }
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
