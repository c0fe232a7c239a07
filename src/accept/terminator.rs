//! A connection to `serve`, from its first byte to its last.

use crate::accept::sniff;
use crate::accept::{Draining, Held, Incoming};
use crate::auth::Users;
use crate::base::Target;
use crate::base::defaults::{DRAIN_HURRY, HEAD_TIMEOUT};
use crate::carrier::Connector;
use crate::carrier::h1::server::{self, NoRequest};
use crate::carrier::h2;
use crate::http::connect::target_of;
use crate::http::{Fields, ProxyError, Refusal};
use crate::policy::Clients;
use crate::relay::{Options, relay};
use crate::wire::{BoxWire, Deadline, Prefixed, Socket};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tokio_rustls::TlsAcceptor;

/// Answers CONNECT: who may, where to, and then the bytes.
pub struct Terminator {
    /// Speak TLS.
    pub tls: Option<TlsAcceptor>,
    /// Ask for a user and password.
    pub users: Option<Arc<Users>>,
    pub clients: Clients,
    pub connector: Arc<dyn Connector>,
}

/// An open tunnel.
struct Pair {
    near: BoxWire,
    far: BoxWire,
    target: Target,
}

/// What a client turned out to speak.
enum Spoken {
    Http1(Pair),
    Http2(Box<h2::server::Session>),
}

impl Terminator {
    /// Serves one connection. What carries its tunnels are tasks of their own: that of the set-up is
    /// large and gone while they idle.
    pub async fn handle(self: Arc<Self>, incoming: Incoming) {
        let Incoming {
            socket,
            peer,
            mut draining,
            held,
        } = incoming;
        let client: Arc<str> = peer.map_or_else(|| "unix".into(), |p| p.to_string().into());
        match self.open(socket, peer, &mut draining, &client).await {
            None => {}
            Some(Spoken::Http1(pair)) => {
                tokio::spawn(carry(pair, client, held));
            }
            Some(Spoken::Http2(session)) => {
                self.serve_session(session, client, draining, held).await;
            }
        }
    }

    async fn open(
        &self,
        socket: Socket,
        peer: Option<SocketAddr>,
        draining: &mut Draining,
        client: &str,
    ) -> Option<Spoken> {
        if !self.clients.admits(peer.map(|p| p.ip())) {
            tracing::info!("{client}: refused, this client address is not allowed");
            return None;
        }
        let deadline = Deadline::after(HEAD_TIMEOUT);
        let (mut wire, agreed) = self.handshake(socket, deadline, draining, client).await?;
        let (early, http2) = match &self.tls {
            Some(_) => (Vec::new(), agreed),
            None => sniff::preface(&mut wire, deadline, draining.begun()).await?,
        };
        if http2 {
            let wire = Box::new(Prefixed::new(early, wire));
            let session = deadline.run(h2::server::Session::begin(wire)).await.ok()?;
            return match session {
                Ok(session) => Some(Spoken::Http2(Box::new(session))),
                Err(error) => {
                    tracing::info!("{client}: no HTTP/2: {error}");
                    None
                }
            };
        }
        let request = server::read_request(wire, early, deadline, draining.begun()).await;
        let (head, mut near) = match request {
            Ok(request) => request,
            Err((NoRequest::Gone, _)) => return None,
            Err((NoRequest::Refuse(refusal), wire)) => {
                return refuse(wire, &refusal, client, "-").await;
            }
        };
        let open = self.answer(target_of(&head), &head.fields).await;
        let (target, far) = match open {
            Ok(open) => open,
            Err(refusal) => return refuse(near, &refusal, client, &head.target).await,
        };
        if let Err(error) = server::accept(&mut near).await {
            tracing::info!("{client} -> {target}: the client went away: {error}");
            return None;
        }
        tracing::info!("{client} -> {target}: open");
        Some(Spoken::Http1(Pair { near, far, target }))
    }

    /// Answers the requests of one session, each in a task of its own, until the connection is over.
    async fn serve_session(
        self: Arc<Self>,
        mut session: Box<h2::server::Session>,
        client: Arc<str>,
        mut draining: Draining,
        held: Held,
    ) {
        let mut live = true;
        loop {
            let asked = tokio::select! {
                asked = session.next() => asked,
                () = draining.begun(), if live => {
                    live = false;
                    session.drain();
                    continue;
                }
            };
            match asked {
                Some(Ok(asked)) => {
                    let (this, client, held) = (self.clone(), client.clone(), held.another());
                    tokio::spawn(async move {
                        if let Some(pair) = this.open_stream(asked, &client).await {
                            tokio::spawn(carry(pair, client, held));
                        }
                    });
                }
                Some(Err(error)) => {
                    tracing::info!("{client}: the session ended: {error}");
                    return;
                }
                None => return,
            }
        }
    }

    async fn open_stream(&self, mut asked: h2::server::Asked, client: &str) -> Option<Pair> {
        let fields = asked.fields();
        let target = asked.target();
        let open = tokio::select! {
            open = self.answer(target, &fields) => open,
            () = asked.withdrawn() => return None,
        };
        match open {
            Ok((target, far)) => match asked.accept() {
                Ok(near) => {
                    tracing::info!("{client} -> {target}: open");
                    Some(Pair { near, far, target })
                }
                Err(error) => {
                    tracing::info!("{client} -> {target}: the client went away: {error}");
                    None
                }
            },
            Err(refusal) => {
                let target = asked.shown();
                tracing::info!(
                    "{client} -> {target}: {} {}",
                    refusal.status,
                    refusal.details
                );
                let _ = asked.refuse(&refusal);
                None
            }
        }
    }

    async fn handshake(
        &self,
        socket: Socket,
        deadline: Deadline,
        draining: &mut Draining,
        client: &str,
    ) -> Option<(BoxWire, bool)> {
        let Some(acceptor) = &self.tls else {
            return Some((Box::new(socket), false));
        };
        let mut handshake = std::pin::pin!(acceptor.accept(socket));
        let all = async {
            tokio::select! {
                biased;
                done = &mut handshake => Ok(done),
                () = draining.begun() => Deadline::after(DRAIN_HURRY).run(handshake).await,
            }
        };
        match deadline.run(all).await.flatten() {
            Ok(Ok(stream)) => {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                Some((Box::new(stream), http2))
            }
            Ok(Err(error)) => {
                tracing::info!("{client}: TLS handshake failed: {error}");
                None
            }
            Err(_) => None,
        }
    }

    /// A connection to the target, if the client may have it.
    async fn answer(
        &self,
        target: Result<Target, Refusal>,
        fields: &Fields,
    ) -> Result<(Target, BoxWire), Refusal> {
        let target = target?;
        self.authenticate(fields)?;
        let far = self.connector.connect(&target).await?;
        Ok((target, far))
    }

    fn authenticate(&self, fields: &Fields) -> Result<(), Refusal> {
        let Some(users) = &self.users else {
            return Ok(());
        };
        let sent = fields.get("proxy-authorization");
        if sent.and_then(|value| users.check(value)).is_some() {
            return Ok(());
        }
        let details = match sent {
            Some(_) => "user name or password is wrong",
            None => "this proxy asks for a user name and password",
        };
        let challenge = "Basic realm=\"tuncat\", charset=\"UTF-8\"";
        Err(Refusal::new(ProxyError::HttpRequestDenied, details)
            .status(407)
            .field("Proxy-Authenticate", challenge))
    }
}

/// The tunnel's bytes, until its end. (A function and a block: an `async fn` would keep its arguments
/// beside what is made of them.)
fn carry(pair: Pair, client: Arc<str>, held: Held) -> impl Future<Output = ()> + Send {
    let Pair { near, far, target } = pair;
    let started = Instant::now();
    let relay = relay(near, far, Options::default());
    async move {
        let outcome = relay.await;
        tracing::info!(
            "{client} -> {target}: closed after {:.3} s, {} bytes to the target, {} bytes from it, {}",
            started.elapsed().as_secs_f64(),
            outcome.to_far,
            outcome.to_near,
            outcome.end
        );
        drop(held);
    }
}

async fn refuse<T>(wire: BoxWire, refusal: &Refusal, client: &str, target: &str) -> Option<T> {
    tracing::info!(
        "{client} -> {target}: {} {}",
        refusal.status,
        refusal.details
    );
    let _ = server::refuse(wire, refusal).await;
    None
}
