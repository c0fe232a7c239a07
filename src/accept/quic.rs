//! HTTP/3 beside TLS, on the same port number.

use crate::accept::client::{Client, Kept};
use crate::accept::ledger::Who;
use crate::accept::server::Joining;
use crate::accept::{Draining, Server, Terminator};
use crate::base::defaults::LINGER;
use crate::carrier::Carrier;
use crate::carrier::h3::socket::{self, Batching};
use crate::carrier::h3::{self, server};
use crate::http::Refusal;
use crate::tls::certificate;
use quinn::{Endpoint, Incoming};
use rustls::pki_types::CertificateDer;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Handshakes under way, beyond which a client first has to show that its address is its own (RFC 9000 §8.1.2).
const UNPROVEN: usize = 64;
/// How often a connection whose last tunnel may have ended is looked at in a drain.
const LOOK: Duration = Duration::from_millis(100);
/// A connection without tunnels may be there for so long.
const IDLE: Duration = Duration::from_secs(300);

/// What a handshake needs of its endpoint.
struct Beginning {
    port: u16,
    socket: Arc<Batching>,
    /// Held by each handshake.
    _under_way: Arc<()>,
}

impl Terminator {
    /// Serves clients of HTTP/3 on `bound`, as long as `server` does those of the other versions.
    pub fn start_quic(
        self: Arc<Self>,
        bound: UdpSocket,
        config: quinn::ServerConfig,
        server: &Server,
    ) -> io::Result<Endpoint> {
        let (endpoint, socket) = socket::endpoint(bound, Some(config))?;
        let port = endpoint.local_addr()?.port();
        self.quic_port.get_or_init(|| port);
        tokio::spawn(self.serve_quic(endpoint.clone(), socket, server.joining()));
        Ok(endpoint)
    }

    /// Serves the connections of an endpoint until the drain begins.
    async fn serve_quic(
        self: Arc<Self>,
        endpoint: Endpoint,
        socket: Arc<Batching>,
        joining: Joining,
    ) {
        let mut draining = joining.draining();
        let port = endpoint.local_addr().map_or(0, |here| here.port());
        // Each handshake under way holds it once.
        let handshakes = Arc::new(());
        loop {
            let incoming = tokio::select! {
                incoming = endpoint.accept() => incoming,
                () = draining.begun() => break,
            };
            let Some(incoming) = incoming else {
                return;
            };
            let crowded = Arc::strong_count(&handshakes) > UNPROVEN;
            if crowded && incoming.may_retry() && !incoming.remote_address_validated() {
                let _ = incoming.retry();
                continue;
            }
            let (this, joining) = (self.clone(), joining.clone());
            let beginning = Beginning {
                port,
                socket: socket.clone(),
                _under_way: handshakes.clone(),
            };
            tokio::spawn(async move {
                this.quic_connection(incoming, joining, beginning).await;
            });
        }
        // No new connections; the endpoint lives as long as what it carries.
        endpoint.set_server_config(None);
        endpoint.wait_idle().await;
    }

    async fn quic_connection(
        self: Arc<Self>,
        incoming: Incoming,
        joining: Joining,
        beginning: Beginning,
    ) {
        let rules = self.rules.get();
        let address = incoming.remote_address();
        let mut client = Client {
            name: address.to_string().into(),
            address: Some(address),
            came_to: incoming
                .local_ip()
                .map(|ip| SocketAddr::new(ip, beginning.port)),
            certificate: None,
            since: Instant::now(),
            known: Arc::default(),
        };
        if !rules.clients.admits(Some(address.ip())) {
            tracing::info!("{client}: refused, this client address is not allowed");
            return incoming.refuse();
        }
        let kept = Kept::new(joining.held(), &self.ledger);
        let limit = self.shares.limits().head_timeout;
        let handshake = async {
            let connection = incoming.await?;
            let session = server::Session::begin(connection.clone(), &beginning.socket).await?;
            Ok((connection, session))
        };
        let (connection, session) = match tokio::time::timeout(limit, handshake).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => {
                self.ledger.metrics.handshakes_failed.inc();
                let reason = server::reason(&error);
                return tracing::info!("{client}: QUIC handshake failed: {reason}");
            }
            Err(_) => {
                self.ledger.metrics.handshakes_failed.inc();
                return;
            }
        };
        drop(beginning);
        let shown = connection.peer_identity();
        let shown = shown.and_then(|all| all.downcast::<Vec<CertificateDer<'static>>>().ok());
        if let Some(certificate) = shown.as_deref().and_then(|all| all.first()) {
            client.certificate = Some(certificate::identities(certificate).into());
        }
        self.quic_session(session, client, joining.draining(), kept)
            .await;
    }

    async fn quic_session(
        self: Arc<Self>,
        mut session: server::Session,
        client: Client,
        mut draining: Draining,
        kept: Kept,
    ) {
        let mut live = true;
        let mut stranger = std::pin::pin!(self.is_stranger(&client));
        // One that is kept warm has no requests for long; strangers are given less.
        let mut used = Instant::now();
        loop {
            if session.tunnels() > 0 {
                used = Instant::now();
            }
            let coming = tokio::select! {
                coming = session.next() => coming,
                () = draining.begun(), if live => {
                    live = false;
                    // It leaves before the end that follows: who has just asked must learn that nobody has read it.
                    session.drain().await;
                    continue;
                }
                () = tokio::time::sleep(LOOK), if !live => {
                    if session.tunnels() == 0 {
                        return session.end(h3::code::NO_ERROR, "");
                    }
                    continue;
                }
                () = tokio::time::sleep(IDLE), if live => {
                    if session.tunnels() == 0 && used.elapsed() >= IDLE {
                        live = false;
                        session.drain().await;
                    }
                    continue;
                }
                () = &mut stranger => {
                    tracing::info!("{client}: the connection ended: no credentials in time");
                    return session.end(h3::code::EXCESSIVE_LOAD, "no credentials in time");
                }
            };
            let Some(coming) = coming else {
                return;
            };
            if !live {
                coming.reject();
                continue;
            }
            used = Instant::now();
            let (this, client, kept) = (self.clone(), client.clone(), kept.tunnel());
            tokio::spawn(async move { this.quic_request(coming, client, kept).await });
        }
    }

    async fn quic_request(self: Arc<Self>, coming: server::Coming, client: Client, kept: Kept) {
        let rules = self.rules.get();
        let limits = *self.shares.limits();
        let read = tokio::time::timeout(limits.head_timeout, coming.read(limits.head));
        let mut asking = match read.await {
            Ok(Some(Ok(asking))) => asking,
            Ok(Some(Err(wrong))) => {
                let (answering, refusal) = *wrong;
                let who = client.who(Carrier::H3);
                return self.refuse_quic(answering, who, "-", &refusal).await;
            }
            _ => return,
        };
        let mut who = client.who(asking.carrier());
        let fields = asking.fields.clone();
        let asked = asking.asked(rules.forward.as_ref());
        let admitted = tokio::select! {
            admitted = async { self.admit(&rules, asked?, &fields, &client, &mut who).await } => admitted,
            () = asking.withdrawn() => return,
        };
        let shown = asking.shown();
        match admitted {
            Ok(admitted) => {
                let near = asking.answering().accept(admitted.asked.method).await;
                if let Some(pair) = self.opened(near, admitted, &client, who) {
                    self.start(pair, kept);
                }
            }
            Err(refusal) => {
                self.refuse_quic(asking.answering(), who, &shown, &refusal)
                    .await;
            }
        }
    }

    async fn refuse_quic(
        &self,
        answering: server::Answering,
        who: Who,
        target: &str,
        refusal: &Refusal,
    ) {
        self.note_refusal(&who, target, refusal);
        let _ = tokio::time::timeout(LINGER, answering.refuse(refusal)).await;
    }
}
