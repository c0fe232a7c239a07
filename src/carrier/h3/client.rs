//! The client's side: a connection to a proxy, and tunnels in it.

use crate::base::defaults::INTERIM_ANSWERS;
use crate::base::{Blame, Error, Kind as ErrorKind, Stage};
use crate::carrier::h3::congestion::Congestion;
use crate::carrier::h3::connection::{self, Said};
use crate::carrier::h3::frame::{self, Wrong};
use crate::carrier::h3::stream::{Counted, Kind, Stream, Tunnels};
use crate::carrier::h3::{ALPN, FIELDS, at_client, code, qpack, socket};
use crate::carrier::refused::{self, Refused};
use crate::carrier::{HalfClose, Opened, greeting, signature};
use crate::http::post::{not_a_tunnel, wants_greeting};
use crate::http::request::Method;
use crate::http::{Field, Fields, TunnelRequest};
use crate::tls::failure::{self, With};
use crate::wire::{BoxWire, Deadline};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream,
    TransportErrorCode, VarInt,
};
use rustls::client::Resumption;
use rustls::{AlertDescription, CertificateError};
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// For a CONNECTION_CLOSE to leave.
const FAREWELL: Duration = Duration::from_millis(200);

/// A connection to a proxy that carries tunnels.
#[derive(Clone)]
pub struct Session {
    connection: Connection,
    said: Arc<Said>,
    tunnels: Arc<Tunnels>,
    control: Arc<SendStream>,
    _endpoint: Endpoint,
}

/// No tunnel.
pub struct NotOpened {
    pub refused: Refused,
    /// The proxy certainly did not process the request: it may be made again (RFC 9114 §4.1.1).
    pub unseen: bool,
    /// It was not even sent, for want of a stream.
    pub full: bool,
}

impl NotOpened {
    fn unseen(error: Error) -> Self {
        NotOpened {
            refused: error.into(),
            unseen: true,
            full: false,
        }
    }
}

impl<R: Into<Refused>> From<R> for NotOpened {
    fn from(refused: R) -> Self {
        NotOpened {
            refused: refused.into(),
            unseen: false,
            full: false,
        }
    }
}

/// How connections to a proxy are made, with TLS as `tls` says.
pub fn config(tls: &rustls::ClientConfig, congestion: Congestion) -> Result<ClientConfig, String> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    // RFC 9001 §4.6: what is sent early can be sent again by somebody else.
    tls.enable_early_data = false;
    // Tickets of connections over TCP say nothing of QUIC.
    tls.resumption = Resumption::default();
    let crypto = QuicClientConfig::try_from(tls);
    let crypto = crypto.map_err(|_| "QUIC needs TLS 1.3".to_owned())?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(at_client(congestion));
    Ok(config)
}

impl Session {
    /// QUIC and TLS with the proxy at `address`, which proves to be `name`.
    pub async fn connect(
        address: SocketAddr,
        name: &str,
        config: ClientConfig,
    ) -> Result<Session, Error> {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let local = |e: std::io::Error| {
            Error::new(
                ErrorKind::CannotConnect,
                Stage::Connect,
                Blame::Local,
                e.to_string(),
            )
        };
        let bound = UdpSocket::bind((any, 0));
        let made = bound.and_then(|bound| socket::endpoint(bound, None));
        let (endpoint, batching) = made.map_err(local)?;
        let connecting = endpoint.connect_with(config, address, name);
        let connecting = connecting.map_err(|e| Error::internal(format!("QUIC: {e}")))?;
        let connection = connecting.await.map_err(|e| not_connected(&e))?;
        open_endpoints().push(endpoint.clone());
        let begun = connection::begin(&connection, &batching).await;
        let (control, said) = begun.map_err(|e| not_connected(&e))?;
        Ok(Session {
            connection,
            said,
            tunnels: Arc::default(),
            control: Arc::new(control),
            _endpoint: endpoint,
        })
    }

    /// No more tunnels can be opened in it.
    pub fn is_over(&self) -> bool {
        self.connection.close_reason().is_some() || self.said.goaway.borrow().is_some()
    }

    /// Returns when that is so.
    pub async fn over(&self) {
        let mut goaway = self.said.goaway.subscribe();
        tokio::select! {
            _ = self.connection.closed() => {}
            _ = goaway.wait_for(Option::is_some) => {}
        }
    }

    pub fn peer(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    pub fn tunnels(&self) -> usize {
        self.tunnels.count()
    }

    /// The proxy took no more tunnels in it, and none has ended since.
    pub fn is_full(&self) -> bool {
        self.tunnels.is_full()
    }

    /// Asks for a tunnel. Where the proxy has all the tunnels it takes, waits for one to end, or not: then it is full.
    pub async fn open(
        &self,
        request: &TunnelRequest,
        last_question: Deadline,
        wait: bool,
    ) -> Result<Opened, NotOpened> {
        let mut opening = std::pin::pin!(self.connection.open_bi());
        let at_once = opening
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        let streams = match at_once {
            Poll::Ready(streams) => streams,
            Poll::Pending => {
                self.tunnels.are_all();
                // Where there is none, the leave to have one is still on its way.
                if !wait && self.tunnels.count() > 0 {
                    return Err(NotOpened {
                        full: true,
                        ..NotOpened::unseen(closed("takes no more tunnels".into()))
                    });
                }
                tokio::select! {
                    streams = opening => streams,
                    // RFC 9114 §5.2: no request is begun after a GOAWAY.
                    () = self.over() => {
                        return Err(NotOpened::unseen(closed("takes no more tunnels".into())));
                    }
                }
            }
        };
        let streams = streams.map_err(|e| NotOpened::unseen(unanswered(&e)))?;
        let counted = Counted::new(&self.tunnels, Some(self.control.clone()));
        let id = u64::from(VarInt::from(streams.0.id()));
        let opening = self.open_on(streams, counted, request, last_question);
        let mut goaway = self.said.goaway.subscribe();
        let opened = tokio::select! {
            biased;
            opened = opening => opened,
            Ok(_) = goaway.wait_for(|first| first.is_some_and(|first| id >= first)) => {
                Err(NotOpened::unseen(closed("takes no more tunnels".into())))
            }
        };
        opened.map_err(|mut not| {
            // RFC 9114 §5.2: those from the id of a GOAWAY on were not processed.
            not.unseen |= self.said.goaway.borrow().is_some_and(|first| id >= first);
            not.unseen |= self.was_closed_in_handshake();
            not
        })
    }

    /// The proxy gave up before its side of the handshake was done, and so before it could read any request: only then an
    /// end that an application wanted is told as one of the transport's (RFC 9000 §10.2.3).
    fn was_closed_in_handshake(&self) -> bool {
        match self.connection.close_reason() {
            Some(ConnectionError::ConnectionClosed(close)) => {
                close.error_code == TransportErrorCode::APPLICATION_ERROR
            }
            _ => false,
        }
    }

    async fn open_on(
        &self,
        (mut send, mut receive): (SendStream, RecvStream),
        counted: Counted,
        request: &TunnelRequest,
        last_question: Deadline,
    ) -> Result<Opened, NotOpened> {
        let section = qpack::encode(
            lines(request)
                .iter()
                .map(|(name, value)| (name.as_slice(), value.as_slice())),
        );
        let sent = send
            .write_all(&frame::frame(frame::HEADERS, &section))
            .await;
        sent.map_err(|e| closed(e.to_string()))?;
        let (status, fields) = self.answer(&mut receive).await?;
        let kind = match request.is_post() {
            true => Kind::Post,
            false => Kind::Connect,
        };
        let success = (200..300).contains(&status);
        let no_tunnel = match kind {
            Kind::Post if success => not_a_tunnel(status, &fields),
            _ => None,
        };
        if !success || no_tunnel.is_some() {
            let patience = Deadline::after(refused::patience(last_question));
            let mut body = Vec::new();
            let mut stream = Stream::new(kind, self.connection.clone(), (send, receive), counted);
            let _ = patience.run(read_body(&mut stream, &mut body)).await;
            let no_tunnel = no_tunnel.as_deref();
            let refused = refused::by_answer(status, fields, no_tunnel, &body, request);
            return Err(refused.into());
        }
        let stream = Stream::new(kind, self.connection.clone(), (send, receive), counted);
        let mut wire: BoxWire = Box::new(stream);
        if kind == Kind::Post && wants_greeting(&fields) {
            greeting::take(&mut wire, last_question).await?;
        }
        Ok(Opened {
            wire,
            half_close: HalfClose::Kept,
            status,
            signature: signature::of(&fields),
        })
    }

    /// The final answer's status and fields.
    async fn answer(&self, receive: &mut RecvStream) -> Result<(u16, Fields), NotOpened> {
        for _ in 0..=INTERIM_ANSWERS {
            let lines = Self::lines(receive).await.map_err(|wrong| match wrong {
                Wrong::Connection(code, why) => {
                    connection::close(&self.connection, code, why);
                    closed(format!("not HTTP/3: {why}")).into()
                }
                Wrong::Rejected => NotOpened::unseen(closed("rejected the request".into())),
                Wrong::Broken(error) => closed(error.to_string()).into(),
            })?;
            let mut fields = Fields::default();
            let mut status = None;
            for (name, value) in lines {
                match name.strip_prefix(b":") {
                    Some(b"status") if status.is_none() => {
                        status = std::str::from_utf8(&value)
                            .ok()
                            .and_then(|s| s.parse().ok());
                    }
                    Some(_) => {
                        let wrong = "an answer with a wrong pseudo-header field";
                        return Err(closed(wrong.into()).into());
                    }
                    None => fields.0.push(Field {
                        name: String::from_utf8_lossy(&name).into_owned(),
                        value,
                    }),
                }
            }
            match status {
                Some(100..200) => {}
                Some(status @ 200..600) => return Ok((status, fields)),
                _ => return Err(closed("an answer without a status".into()).into()),
            }
        }
        let cause = format!("more than {INTERIM_ANSWERS} interim (1xx) answers");
        Err(Error::new(ErrorKind::Refused, Stage::Request, Blame::Proxy, cause).into())
    }

    async fn lines(receive: &mut RecvStream) -> Result<Vec<qpack::FieldLine>, Wrong> {
        let length = frame::headers(receive, "a frame before the answer").await?;
        let length = length.ok_or_else(|| {
            Wrong::Broken(std::io::Error::other("closed the stream before answering"))
        })?;
        let section = frame::content(receive, length, FIELDS).await?;
        qpack::decode(&section, FIELDS).map_err(|bad| match bad {
            qpack::Bad::Coding => Wrong::Connection(
                code::QPACK_DECOMPRESSION_FAILED,
                "fields that cannot be decoded",
            ),
            qpack::Bad::TooLong => {
                Wrong::Connection(code::EXCESSIVE_LOAD, "the answer's fields are too long")
            }
        })
    }
}

/// Endpoints of this process, which is to say goodbye with them.
fn open_endpoints() -> MutexGuard<'static, Vec<Endpoint>> {
    static OPEN: Mutex<Vec<Endpoint>> = Mutex::new(Vec::new());
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    open.retain(|endpoint| endpoint.open_connections() > 0);
    open
}

/// Closes all connections and returns once the proxies have been told, or would not listen.
pub async fn all_ended() {
    let open: Vec<Endpoint> = open_endpoints().clone();
    for endpoint in &open {
        endpoint.close(code::NO_ERROR.into(), b"");
    }
    for endpoint in open {
        let _ = tokio::time::timeout(FAREWELL, endpoint.wait_idle()).await;
    }
}

async fn read_body(stream: &mut Stream, body: &mut Vec<u8>) -> std::io::Result<()> {
    use tokio::io::AsyncReadExt;
    while body.len() < refused::BODY && stream.read_buf(body).await? > 0 {}
    body.truncate(refused::BODY);
    Ok(())
}

/// Of CONNECT only `:method` and `:authority` (RFC 9114 §4.4), then our fields and the user's.
fn lines(request: &TunnelRequest) -> Vec<qpack::FieldLine> {
    let mut lines: Vec<qpack::FieldLine> = Vec::new();
    let mut add = |name: &str, value: &[u8]| lines.push((name.as_bytes().to_vec(), value.to_vec()));
    match &request.method {
        Method::Connect => add(":method", b"CONNECT"),
        Method::Post { path, scheme, .. } | Method::WebSocket { path, scheme, .. } => {
            add(":method", b"POST");
            add(":scheme", scheme.as_bytes());
            add(":path", path.as_bytes());
        }
    }
    add(":authority", request.authority());
    for (name, value) in request.fields_to_send() {
        add(&name.to_ascii_lowercase(), value);
    }
    lines
}

fn closed(cause: String) -> Error {
    Error::new(
        ErrorKind::CannotConnect,
        Stage::Request,
        Blame::Proxy,
        cause,
    )
    .hint("check that this is an HTTP/3 proxy")
}

fn unanswered(error: &ConnectionError) -> Error {
    closed(super::lost(error).to_string())
}

/// What a failed handshake means.
fn not_connected(error: &ConnectionError) -> Error {
    let alert_of = |code: u64| -> Option<AlertDescription> {
        (0x100..0x200)
            .contains(&code)
            .then(|| AlertDescription::from((code - 0x100) as u8))
    };
    let connect = |kind, cause: String| Error::new(kind, Stage::Connect, Blame::Proxy, cause);
    match error {
        ConnectionError::TransportError(e) => {
            // Our own verdict on the proxy's certificate.
            match alert_of(u64::from(e.code)) {
                Some(
                    AlertDescription::BadCertificate
                    | AlertDescription::UnknownCA
                    | AlertDescription::CertificateExpired
                    | AlertDescription::CertificateUnknown
                    | AlertDescription::UnsupportedCertificate
                    | AlertDescription::CertificateRevoked,
                ) => failure::of_certificate(&certificate_error(&e.reason), With::Proxy),
                _ => Error::new(
                    ErrorKind::TlsHandshake,
                    Stage::Tls,
                    Blame::Proxy,
                    e.to_string(),
                ),
            }
        }
        ConnectionError::ConnectionClosed(close) => match alert_of(u64::from(close.error_code)) {
            Some(alert) => failure::of_alert(alert, With::Proxy),
            None => connect(ErrorKind::CannotConnect, close.to_string()),
        },
        ConnectionError::TimedOut => {
            connect(ErrorKind::Timeout, "no answer over QUIC (UDP)".into())
                .hint("UDP may be blocked on the way: try https://")
        }
        other => connect(ErrorKind::CannotConnect, other.to_string())
            .hint("check that this port speaks HTTP/3 (UDP), and try https://"),
    }
}

/// quinn hands the library's verdict on as text alone.
fn certificate_error(reason: &str) -> CertificateError {
    let known = [
        ("UnknownIssuer", CertificateError::UnknownIssuer),
        ("Expired", CertificateError::Expired),
        ("NotValidYet", CertificateError::NotValidYet),
        ("NotValidForName", CertificateError::NotValidForName),
        ("Revoked", CertificateError::Revoked),
    ];
    let found = known.into_iter().find(|(word, _)| reason.contains(word));
    found.map_or_else(
        || {
            let text = reason.to_owned();
            CertificateError::Other(rustls::OtherError(Arc::new(std::io::Error::other(text))))
        },
        |(_, error)| error,
    )
}
