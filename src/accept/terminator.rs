//! A connection to `serve`, from its first byte to its last.

use crate::accept::{Draining, Incoming};
use crate::auth::Users;
use crate::base::Target;
use crate::base::defaults::{DRAIN_HURRY, HEAD_TIMEOUT};
use crate::carrier::Connector;
use crate::carrier::h1::server::{self, NoRequest};
use crate::http::connect::target_of;
use crate::http::head::RequestHead;
use crate::http::{ProxyError, Refusal};
use crate::policy::Clients;
use crate::relay::{Options, relay};
use crate::wire::{BoxWire, Deadline, Socket};
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

impl Terminator {
    /// Serves one connection until its end.
    pub async fn handle(self: Arc<Self>, incoming: Incoming) {
        let client = incoming
            .peer
            .map_or_else(|| "unix".into(), |p| p.to_string());
        // The set-up's state is large and short-lived: boxed, it is gone while the tunnel idles.
        let Some(Pair { near, far, target }) = Box::pin(self.open(incoming, &client)).await else {
            return;
        };
        drop(self);
        let started = Instant::now();
        let outcome = relay(near, far, Options::default()).await;
        tracing::info!(
            "{client} -> {}: closed after {:.3} s, {} bytes to the target, {} bytes from it, {}",
            target,
            started.elapsed().as_secs_f64(),
            outcome.to_far,
            outcome.to_near,
            outcome.end
        );
    }

    async fn open(&self, incoming: Incoming, client: &str) -> Option<Pair> {
        let Incoming {
            socket,
            peer,
            mut draining,
        } = incoming;
        if !self.clients.admits(peer.map(|p| p.ip())) {
            tracing::info!("{client}: refused, this client address is not allowed");
            return None;
        }
        let deadline = Deadline::after(HEAD_TIMEOUT);
        let wire = self
            .handshake(socket, deadline, &mut draining, client)
            .await?;
        let request = server::read_request(wire, deadline, draining.begun()).await;
        let (head, mut near) = match request {
            Ok(request) => request,
            Err((NoRequest::Gone, _)) => return None,
            Err((NoRequest::Refuse(refusal), wire)) => {
                return refuse(wire, &refusal, client, "-").await;
            }
        };
        let (target, far) = match self.answer(&head).await {
            Ok(open) => open,
            Err(refusal) => return refuse(near, &refusal, client, &head.target).await,
        };
        if let Err(error) = server::accept(&mut near).await {
            tracing::info!("{client} -> {target}: the client went away: {error}");
            return None;
        }
        tracing::info!("{client} -> {target}: open");
        Some(Pair { near, far, target })
    }

    async fn handshake(
        &self,
        socket: Socket,
        deadline: Deadline,
        draining: &mut Draining,
        client: &str,
    ) -> Option<BoxWire> {
        let Some(acceptor) = &self.tls else {
            return Some(Box::new(socket));
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
            Ok(Ok(stream)) => Some(Box::new(stream)),
            Ok(Err(error)) => {
                tracing::info!("{client}: TLS handshake failed: {error}");
                None
            }
            Err(_) => None,
        }
    }

    async fn answer(&self, head: &RequestHead) -> Result<(Target, BoxWire), Refusal> {
        let target = target_of(head)?;
        self.authenticate(head)?;
        let far = self.connector.connect(&target).await?;
        Ok((target, far))
    }

    fn authenticate(&self, head: &RequestHead) -> Result<(), Refusal> {
        let Some(users) = &self.users else {
            return Ok(());
        };
        let sent = head.fields.get("proxy-authorization");
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

async fn refuse(wire: BoxWire, refusal: &Refusal, client: &str, target: &str) -> Option<Pair> {
    tracing::info!(
        "{client} -> {target}: {} {}",
        refusal.status,
        refusal.details
    );
    let _ = server::refuse(wire, refusal).await;
    None
}
