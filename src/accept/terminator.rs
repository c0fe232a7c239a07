//! A connection to `serve`, from its first byte to its last.

use crate::accept::admit::Admitted;
use crate::accept::client::{Client, Kept};
use crate::accept::inner;
use crate::accept::ledger::{Ledger, Listed, Who};
use crate::accept::limits::{Limits, Shares};
use crate::accept::rules::{Current, Rules};
use crate::accept::sniff;
use crate::accept::{Draining, Incoming, name_of};
use crate::base::defaults::{DRAIN_HURRY, FIN_DELAY, TLS_BUFFER};
use crate::carrier::h1::server::{self, NoRequest};
use crate::carrier::{Carrier, HalfClose, Version, h2};
use crate::http::asked;
use crate::http::{ProxyError, Refusal};
use crate::relay::{Options, relay_watched};
use crate::tls::certificate;
use crate::wire::{BoxWire, Deadline, Prefixed, Socket};
use std::borrow::Cow;
use std::fmt::Display;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::Sleep;

/// How long a client may take to read why its handshake failed.
const ALERT: Duration = Duration::from_secs(2);

/// Answers CONNECT and POST: who may, where to, and then the bytes.
pub struct Terminator {
    pub rules: Current,
    pub shares: Arc<Shares>,
    pub ledger: Arc<Ledger>,
    /// Slow hashes that are computed at the same time.
    pub verifying: Arc<Semaphore>,
    /// The UDP port of HTTP/3, where there is one.
    pub quic_port: OnceLock<u16>,
}

/// An open tunnel.
pub struct Pair {
    near: BoxWire,
    far: BoxWire,
    half_close: HalfClose,
    listed: Listed,
    inner: Option<inner::Task>,
}

/// What a client turned out to speak.
enum Spoken {
    Http1(Pair),
    Http2(Box<h2::server::Session>),
}

impl Terminator {
    pub fn new(rules: Current, shares: Arc<Shares>, ledger: Arc<Ledger>) -> Arc<Self> {
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        Arc::new(Terminator {
            rules,
            shares,
            ledger,
            // Whoever guesses passwords is not to take all of the machine.
            verifying: Arc::new(Semaphore::new(threads.div_ceil(2))),
            quic_port: OnceLock::new(),
        })
    }

    /// With nothing else in its process.
    pub fn of(rules: Rules) -> Arc<Self> {
        let shares = Shares::new(Limits::default());
        Terminator::new(Current::new(rules), shares, Ledger::new(None))
    }

    /// Serves one connection. What carries its tunnels are tasks of their own: that of the set-up is
    /// large and gone while they idle.
    pub async fn handle(self: Arc<Self>, incoming: Incoming) {
        let Incoming {
            mut socket,
            peer,
            mut draining,
            held,
        } = incoming;
        let kept = Kept::new(held, &self.ledger);
        let rules = self.rules.get();
        let since = Instant::now();
        let deadline = Deadline::after(self.shares.limits().head_timeout);
        let ends = async {
            tokio::select! {
                ends = rules.senders.ends(&mut socket, peer) => ends,
                () = draining.begun() => Err(std::io::ErrorKind::Interrupted.into()),
            }
        };
        let (address, came_to) = match deadline.run(ends).await {
            Ok(Ok(ends)) => ends,
            Ok(Err(error)) => {
                return tracing::info!("{}: {error}", name_of(peer));
            }
            Err(_) => return,
        };
        let mut client = Client {
            name: name_of(address).into(),
            address,
            came_to,
            certificate: None,
            since,
            known: Arc::default(),
        };
        let opened = self.open(&rules, socket, &mut draining, &mut client, deadline);
        match opened.await {
            None => {}
            Some(Spoken::Http1(pair)) => {
                self.start(pair, kept);
            }
            Some(Spoken::Http2(session)) => {
                self.serve_session(session, client, draining, kept).await;
            }
        }
    }

    async fn open(
        &self,
        rules: &Rules,
        socket: Socket,
        draining: &mut Draining,
        client: &mut Client,
        deadline: Deadline,
    ) -> Option<Spoken> {
        if !rules.clients.admits(client.address.map(|a| a.ip())) {
            tracing::info!("{client}: refused, this client address is not allowed");
            let details = "this client address is not allowed";
            let refusal = Refusal::new(ProxyError::HttpRequestDenied, details);
            self.ledger.refused(&client.who(Carrier::H1), "-", &refusal);
            return None;
        }
        let handshake = self.handshake(rules, socket, deadline, draining, client);
        let (mut wire, agreed) = handshake.await?;
        let (early, http2) = match &rules.tls {
            Some(_) => (Vec::new(), agreed),
            None => sniff::preface(&mut wire, deadline, draining.begun()).await?,
        };
        let limits = self.shares.limits();
        if http2 {
            let wire: BoxWire = match early.is_empty() {
                true => wire,
                false => Box::new(Prefixed::new(early, wire)),
            };
            let begun = h2::server::Session::begin(wire, limits.streams, limits.head as u32);
            return match deadline.run(begun).await.ok()? {
                Ok(session) => Some(Spoken::Http2(Box::new(session))),
                Err(error) => {
                    tracing::info!("{client}: no HTTP/2: {error}");
                    None
                }
            };
        }
        let request = server::read_request(wire, early, limits.head, deadline, draining.begun());
        let (head, near) = match request.await {
            Ok(request) => request,
            Err((NoRequest::Gone, _)) => return None,
            Err((NoRequest::Refuse(refusal), wire)) => {
                let who = client.who(Carrier::H1);
                return self.refuse(wire, &refusal, who, "-").await;
            }
        };
        let mut who = client.who(Carrier::of(&head.method, Version::Http1));
        let asked = asked::of_http1(&head, rules.forward.as_ref());
        let admitted = match asked {
            Ok((asked, framing)) => {
                let admitted = self.admit(rules, asked, &head.fields, client, &mut who);
                admitted.await.map(|admitted| (admitted, framing))
            }
            Err(refusal) => Err(refusal),
        };
        let (admitted, framing) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => return self.refuse(near, &refusal, who, &head.target).await,
        };
        let near = server::accept(near, admitted.asked.method, framing, &head.fields).await;
        let pair = self.opened(near, admitted, client, who)?;
        Some(Spoken::Http1(pair))
    }

    async fn handshake(
        &self,
        rules: &Rules,
        socket: Socket,
        deadline: Deadline,
        draining: &mut Draining,
        client: &mut Client,
    ) -> Option<(BoxWire, bool)> {
        let Some(acceptor) = &rules.tls else {
            return Some((Box::new(socket), false));
        };
        let mut handshake = std::pin::pin!(acceptor.accept(socket).into_fallible());
        let all = async {
            tokio::select! {
                biased;
                done = &mut handshake => Ok(done),
                () = draining.begun() => Deadline::after(DRAIN_HURRY).run(handshake).await,
            }
        };
        match deadline.run(all).await.flatten() {
            Ok(Ok(mut stream)) => {
                stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
                if let Some([certificate, ..]) = stream.get_ref().1.peer_certificates() {
                    let (subject, _) = certificate::names(certificate);
                    tracing::info!("{client}: the certificate of {subject}");
                    client.certificate = Some(certificate::identities(certificate).into());
                }
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                Some((Box::new(stream), http2))
            }
            Ok(Err((error, mut socket))) => {
                self.ledger.metrics.handshakes_failed.inc();
                tracing::info!("{client}: TLS handshake failed: {error}");
                // The alert says why; a reset would overtake it.
                let _ = server::close_in_stages(&mut socket, Deadline::after(ALERT)).await;
                None
            }
            Err(_) => {
                self.ledger.metrics.handshakes_failed.inc();
                None
            }
        }
    }

    /// The tunnel of a request that was answered with success, if the answer got through.
    pub fn opened<E: Display>(
        &self,
        near: Result<BoxWire, E>,
        admitted: Admitted,
        client: &Client,
        who: Who,
    ) -> Option<Pair> {
        let Admitted {
            asked,
            connected,
            share,
            inner,
        } = admitted;
        let target = asked.target;
        let near = match near {
            Ok(near) => near,
            Err(error) => {
                tracing::info!("{client} -> {target}: the client went away: {error}");
                return None;
            }
        };
        let (method, version) = (asked.method.name(), who.carrier.version().name());
        tracing::info!("{client} -> {target}: open ({method}, {version})");
        let user = who.user.clone();
        let listed = self.ledger.open(who, target.clone(), &connected, share);
        let inner = inner.map(|inner| inner::Task {
            inner,
            target,
            user,
            client: client.address,
            came_to: client.came_to,
        });
        Some(Pair {
            near,
            far: connected.wire,
            half_close: connected.half_close,
            listed,
            inner,
        })
    }

    /// Carries the tunnel's bytes until its end, in a task of its own. (Its future is made before it is a block's: an
    /// `async fn` would keep its arguments beside what is made of them.)
    pub fn start(self: &Arc<Self>, pair: Pair, kept: Kept) {
        let Pair {
            near,
            far,
            half_close,
            listed,
            inner,
        } = pair;
        let limits = self.shares.limits();
        if let Some(task) = inner {
            let this = self.clone();
            tokio::spawn(async move {
                task.run(near, far, listed, this).await;
                drop(kept);
            });
            return;
        }
        let options = Options {
            idle: limits.idle,
            fin_delay: match half_close {
                HalfClose::Kept => None,
                HalfClose::Unknown => Some(FIN_DELAY),
            },
            ..Options::default()
        };
        let lifetime = Lifetime::new(limits.lifetime);
        let relay = relay_watched(near, far, options, lifetime, listed.tunnel.clone());
        tokio::spawn(async move {
            let outcome = relay.await;
            tracing::info!(
                "{} -> {}: closed after {:.3} s, {} bytes to the target, {} bytes from it, {}",
                listed.tunnel.who.client,
                listed.tunnel.target,
                listed.tunnel.age().as_secs_f64(),
                outcome.to_far,
                outcome.to_near,
                outcome.end
            );
            listed.close(&outcome);
            drop(kept);
        });
    }

    pub fn note_refusal(&self, who: &Who, target: &str, refusal: &Refusal) {
        let Refusal {
            status, details, ..
        } = refusal;
        tracing::info!("{} -> {target}: {status} {details}", who.client);
        self.ledger.refused(who, target, refusal);
    }

    async fn refuse<T>(
        &self,
        wire: BoxWire,
        refusal: &Refusal,
        who: Who,
        target: &str,
    ) -> Option<T> {
        self.note_refusal(&who, target, refusal);
        let refusal = self.with_alternative(refusal, &who);
        let _ = server::refuse(wire, &refusal).await;
        None
    }

    /// Says that there is HTTP/3, too (RFC 7838): where the request was for us as an origin, since else it would be said of
    /// the target. Behind a load balancer the port may be another one.
    pub fn with_alternative<'a>(&self, refusal: &'a Refusal, who: &Who) -> Cow<'a, Refusal> {
        match self.quic_port.get() {
            Some(port) if who.carrier.is_of_origin() && self.rules.get().senders.are_none() => {
                let alternative = format!("h3=\":{port}\"; ma=86400");
                Cow::Owned(refusal.clone().field("Alt-Svc", alternative))
            }
            _ => Cow::Borrowed(refusal),
        }
    }
}

/// Until a tunnel has lived long enough.
pub struct Lifetime(Option<Pin<Box<Sleep>>>);

impl Lifetime {
    pub fn new(limit: Option<Duration>) -> Self {
        Lifetime(limit.map(|limit| Box::pin(tokio::time::sleep(limit))))
    }
}

impl Future for Lifetime {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
