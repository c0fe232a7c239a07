//! A connection to `serve`, from its first byte to its last.

use crate::accept::sniff;
use crate::accept::{Draining, Held, Incoming};
use crate::auth::Users;
use crate::base::Target;
use crate::base::defaults::{DRAIN_HURRY, HEAD_TIMEOUT, TLS_BUFFER};
use crate::carrier::Connector;
use crate::carrier::h1::server::{self, NoRequest};
use crate::carrier::h2;
use crate::http::asked::{self, Method};
use crate::http::{Asked, Fields, ProxyError, Refusal};
use crate::policy::Clients;
use crate::relay::{Options, relay};
use crate::tls::certificate;
use crate::wire::{BoxWire, Deadline, Prefixed, Socket};
use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use tokio_rustls::TlsAcceptor;

/// How long a client may take to read why its handshake failed.
const ALERT: Duration = Duration::from_secs(2);

/// Answers CONNECT and POST: who may, where to, and then the bytes.
pub struct Terminator {
    /// Where every POST goes.
    pub forward: Option<Target>,
    /// Speak TLS.
    pub tls: Option<TlsAcceptor>,
    /// Ask for a user and password.
    pub users: Option<Arc<Users>>,
    pub clients: Clients,
    pub connector: Arc<dyn Connector>,
}

/// Whoever connected.
#[derive(Clone)]
pub struct Client {
    /// For the log.
    name: Arc<str>,
    /// Our own address, as the client sees it; nothing for a unix socket.
    came_to: Option<SocketAddr>,
}

impl Client {
    /// A POST whose path says nothing of a target has our own address for its authority.
    fn check_not_here(&self, asked: &Asked) -> Result<(), Refusal> {
        let Target::Tcp { host, port } = &asked.target else {
            return Ok(());
        };
        let here =
            self.came_to.is_some() && host.as_ip().map(|ip| (ip, *port).into()) == self.came_to;
        if asked.method == Method::Connect || !here {
            return Ok(());
        }
        let details = "there is no tunnel at this path, and the authority is this proxy's own";
        Err(Refusal::new(ProxyError::HttpRequestError, details).status(404))
    }
}

impl Display for Client {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// An open tunnel.
pub struct Pair {
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
        let client = Client {
            name: peer.map_or_else(|| "unix".into(), |p| p.to_string().into()),
            came_to: socket.local(),
        };
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
        client: &Client,
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
            let wire: BoxWire = match early.is_empty() {
                true => wire,
                false => Box::new(Prefixed::new(early, wire)),
            };
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
        let (head, near) = match request {
            Ok(request) => request,
            Err((NoRequest::Gone, _)) => return None,
            Err((NoRequest::Refuse(refusal), wire)) => {
                return refuse(wire, &refusal, client, "-").await;
            }
        };
        let (asked, framing) = match asked::of_http1(&head, self.forward.as_ref()) {
            Ok(asked) => asked,
            Err(refusal) => return refuse(near, &refusal, client, &head.target).await,
        };
        let (asked, far) = match self.answer(asked, &head.fields, client).await {
            Ok(open) => open,
            Err(refusal) => return refuse(near, &refusal, client, &head.target).await,
        };
        let near = server::accept(near, asked.method, framing, &head.fields).await;
        let pair = opened(near, far, asked, client, "HTTP/1.1")?;
        Some(Spoken::Http1(pair))
    }

    async fn handshake(
        &self,
        socket: Socket,
        deadline: Deadline,
        draining: &mut Draining,
        client: &Client,
    ) -> Option<(BoxWire, bool)> {
        let Some(acceptor) = &self.tls else {
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
                }
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                Some((Box::new(stream), http2))
            }
            Ok(Err((error, mut socket))) => {
                tracing::info!("{client}: TLS handshake failed: {error}");
                // The alert says why; a reset would overtake it.
                let _ = server::close_in_stages(&mut socket, Deadline::after(ALERT)).await;
                None
            }
            Err(_) => None,
        }
    }

    /// A connection to the target, if the client may have it.
    pub async fn answer(
        &self,
        asked: Asked,
        fields: &Fields,
        client: &Client,
    ) -> Result<(Asked, BoxWire), Refusal> {
        self.authenticate(asked.method, fields)?;
        client.check_not_here(&asked)?;
        let far = self.connector.connect(&asked.target).await?;
        Ok((asked, far))
    }

    /// A POST is answered as an origin would, whose fields other proxies pass on; but a client that
    /// takes us for its proxy is welcome too.
    fn authenticate(&self, method: Method, fields: &Fields) -> Result<(), Refusal> {
        let Some(users) = &self.users else {
            return Ok(());
        };
        let proxy = fields.get("proxy-authorization");
        let (sent, status, field) = match method {
            Method::Connect => (proxy, 407, "Proxy-Authenticate"),
            Method::Post { .. } => (
                fields.get("authorization").or(proxy),
                401,
                "WWW-Authenticate",
            ),
        };
        if sent.and_then(|value| users.check(value)).is_some() {
            return Ok(());
        }
        let details = match sent {
            Some(_) => "user name or password is wrong",
            None => "this proxy asks for a user name and password",
        };
        let challenge = "Basic realm=\"tuncat\", charset=\"UTF-8\"";
        Err(Refusal::new(ProxyError::HttpRequestDenied, details)
            .status(status)
            .field(field, challenge))
    }
}

/// The tunnel's bytes, until its end. (A function and a block: an `async fn` would keep its arguments
/// beside what is made of them.)
pub fn carry(pair: Pair, client: Client, held: Held) -> impl Future<Output = ()> + Send {
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

/// The tunnel of a request that was answered with success, if the answer got through.
pub fn opened<E: Display>(
    near: Result<BoxWire, E>,
    far: BoxWire,
    asked: Asked,
    client: &Client,
    version: &str,
) -> Option<Pair> {
    let target = asked.target;
    let method = match asked.method {
        Method::Connect => "CONNECT",
        Method::Post { .. } => "POST",
    };
    match near {
        Ok(near) => {
            tracing::info!("{client} -> {target}: open ({method}, {version})");
            Some(Pair { near, far, target })
        }
        Err(error) => {
            tracing::info!("{client} -> {target}: the client went away: {error}");
            None
        }
    }
}

pub fn log_refusal(client: &Client, target: &str, refusal: &Refusal) {
    let Refusal {
        status, details, ..
    } = refusal;
    tracing::info!("{client} -> {target}: {status} {details}");
}

async fn refuse<T>(wire: BoxWire, refusal: &Refusal, client: &Client, target: &str) -> Option<T> {
    log_refusal(client, target, refusal);
    let _ = server::refuse(wire, refusal).await;
    None
}
