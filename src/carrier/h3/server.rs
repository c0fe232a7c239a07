//! The terminator's side: a connection of a client's, and its requests.

use crate::base::Target;
use crate::base::defaults::AGENT;
use crate::carrier::h3::congestion::Congestion;
use crate::carrier::h3::connection::{self, Said};
use crate::carrier::h3::frame::{self, Wrong};
use crate::carrier::h3::socket::Batching;
use crate::carrier::h3::stream::{Counted, Kind, Stream, Tunnels};
use crate::carrier::h3::{ALPN, at_server, code, name, qpack};
use crate::carrier::{Carrier, Version};
use crate::http::asked::{self, Method};
use crate::http::post::{GREETING, answer_fields};
use crate::http::{Asked, Field, Fields, ProxyError, Refusal};
use crate::wire::BoxWire;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, ConnectionError, RecvStream, SendStream, ServerConfig};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// QUIC with the identity of `tls`; `streams` is how many tunnels a client may have at a time in one connection.
pub fn config(
    tls: &rustls::ServerConfig,
    streams: u32,
    congestion: Congestion,
) -> Result<ServerConfig, String> {
    let mut tls = tls.clone();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.max_early_data_size = 0;
    let crypto = QuicServerConfig::try_from(tls).map_err(|e| e.to_string())?;
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(at_server(streams, congestion));
    Ok(config)
}

/// A client's connection.
pub struct Session {
    connection: Connection,
    control: SendStream,
    _said: Arc<Said>,
    tunnels: Arc<Tunnels>,
    /// The id after that of the last request that was taken.
    next: AtomicU64,
}

/// A request that is coming.
pub struct Coming(Answering);

/// A request that waits for its answer.
pub struct Asking {
    answering: Answering,
    pub method: String,
    authority: Option<String>,
    path: String,
    pub fields: Fields,
}

impl Session {
    pub async fn begin(
        connection: Connection,
        socket: &Arc<Batching>,
    ) -> Result<Session, ConnectionError> {
        let (control, said) = connection::begin(&connection, socket).await?;
        Ok(Session {
            connection,
            control,
            _said: said,
            tunnels: Arc::default(),
            next: AtomicU64::new(0),
        })
    }

    /// The next request; nothing once the connection is over.
    pub async fn next(&self) -> Option<Coming> {
        let streams = self.connection.accept_bi().await.ok()?;
        let id = quinn::VarInt::from(streams.0.id()).into_inner();
        self.next.fetch_max(id + 4, Ordering::Relaxed);
        Some(Coming(Answering {
            connection: self.connection.clone(),
            counted: Counted::new(&self.tunnels, None),
            streams,
        }))
    }

    pub fn tunnels(&self) -> usize {
        self.tunnels.count()
    }

    /// GOAWAY: no more requests, live tunnels go on.
    pub async fn drain(&mut self) {
        let next = self.next.load(Ordering::Relaxed);
        connection::say_goaway(&mut self.control, next).await;
    }

    /// Ends it with whatever it carries.
    pub fn end(&self, code: u32, why: &str) {
        connection::close(&self.connection, code, why);
    }

    pub async fn closed(&self) {
        self.connection.closed().await;
    }
}

impl Coming {
    /// Refuses it unread: the client may send it again elsewhere (RFC 9114 §4.1.1).
    pub fn reject(mut self) {
        let _ = self.0.streams.0.reset(code::REQUEST_REJECTED.into());
        let _ = self.0.streams.1.stop(code::REQUEST_REJECTED.into());
    }

    /// Reads its fields, of `most` octets. Nothing where there is no request to be answered.
    pub async fn read(mut self, most: usize) -> Option<Result<Asking, Box<(Answering, Refusal)>>> {
        match self.lines(most).await {
            Ok(Ok(lines)) => Some(self.understand(lines)),
            Ok(Err(refusal)) => Some(Err(Box::new((self.0, refusal)))),
            Err(Wrong::Connection(code, why)) => {
                connection::close(&self.0.connection, code, why);
                None
            }
            Err(Wrong::Broken(_) | Wrong::Rejected) => {
                let _ = self.0.streams.0.reset(code::REQUEST_INCOMPLETE.into());
                None
            }
        }
    }

    async fn lines(
        &mut self,
        most: usize,
    ) -> Result<Result<Vec<qpack::FieldLine>, Refusal>, Wrong> {
        let receive = &mut self.0.streams.1;
        let length = frame::headers(receive, "a frame before the request").await?;
        let length = length.ok_or_else(|| Wrong::Broken(io::ErrorKind::UnexpectedEof.into()))?;
        let too_long = || {
            let details = format!("the request's fields are longer than {most} bytes");
            Refusal::new(ProxyError::HttpRequestError, details).status(431)
        };
        if length > most as u64 {
            return Ok(Err(too_long()));
        }
        let section = frame::content(receive, length, most).await?;
        match qpack::decode(&section, most) {
            Ok(lines) => Ok(Ok(lines)),
            Err(qpack::Bad::Coding) => Err(Wrong::Connection(
                code::QPACK_DECOMPRESSION_FAILED,
                "fields that cannot be decoded",
            )),
            Err(qpack::Bad::TooLong) => Ok(Err(too_long())),
        }
    }

    /// RFC 9114 §4.2 and §4.3: what is malformed is no request at all.
    fn understand(self, lines: Vec<qpack::FieldLine>) -> Result<Asking, Box<(Answering, Refusal)>> {
        let mut pseudo: [Option<String>; 4] = Default::default();
        let mut fields = Fields::default();
        let mut wrong = None;
        for (name, value) in lines {
            let known = match name.as_slice() {
                b":method" => Some(0),
                b":scheme" => Some(1),
                b":authority" => Some(2),
                b":path" => Some(3),
                _ => None,
            };
            match known {
                Some(at) if fields.0.is_empty() && pseudo[at].is_none() => {
                    match String::from_utf8(value) {
                        Ok(text) if !text.is_empty() => pseudo[at] = Some(text),
                        _ => wrong = Some("a pseudo-header field is empty or not text"),
                    }
                }
                Some(_) => wrong = Some("pseudo-header fields come once, and first"),
                None if name.starts_with(b":") => wrong = Some("an unknown pseudo-header field"),
                None => match field(name, value) {
                    Some(field) => fields.0.push(field),
                    None => wrong = Some("a field that cannot be"),
                },
            }
        }
        let [method, scheme, authority, path] = pseudo;
        let connect = method.as_deref() == Some("CONNECT");
        if connect && (scheme.is_some() || path.is_some()) {
            wrong = Some("a CONNECT with :scheme or :path");
        }
        if method.is_none() || (!connect && (scheme.is_none() || path.is_none())) {
            wrong = Some("a pseudo-header field is missing");
        }
        if let Some(why) = wrong {
            let mut answering = self.0;
            let _ = answering.streams.0.reset(code::MESSAGE_ERROR.into());
            let refusal = Refusal::new(ProxyError::HttpRequestError, why);
            return Err(Box::new((answering, refusal)));
        }
        Ok(Asking {
            answering: self.0,
            method: method.unwrap_or_default(),
            authority,
            path: path.unwrap_or_default(),
            fields,
        })
    }
}

/// Names are in lower case, and neither has what could end it.
fn field(name: Vec<u8>, value: Vec<u8>) -> Option<Field> {
    const OF_CONNECTIONS: [&str; 5] = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    ];
    let name = String::from_utf8(name).ok()?;
    let parsed = http::HeaderName::from_lowercase(name.as_bytes()).ok()?;
    http::HeaderValue::from_bytes(&value).ok()?;
    (!OF_CONNECTIONS.contains(&parsed.as_str())).then_some(Field { name, value })
}

impl Asking {
    /// What is asked for, or the refusal it earns.
    pub fn asked(&self, forward: Option<&Target>) -> Result<Asked, Refusal> {
        let authority = self.authority.as_deref();
        asked::of_http2(&self.method, authority, &self.path, &self.fields, forward)
    }

    pub fn carrier(&self) -> Carrier {
        Carrier::of(&self.method, Version::Http3)
    }

    /// The target as it was asked for, for the log.
    pub fn shown(&self) -> String {
        format!("{}{}", self.authority.as_deref().unwrap_or(""), self.path)
    }

    /// Returns when the client no longer wants it.
    pub async fn withdrawn(&mut self) {
        let _ = self.answering.streams.0.stopped().await;
    }

    pub fn answering(self) -> Answering {
        self.answering
    }
}

/// A request whose answer is due.
pub struct Answering {
    connection: Connection,
    streams: (SendStream, RecvStream),
    counted: Counted,
}

impl Answering {
    /// Says that the tunnel is open, and gives the tunnel.
    pub async fn accept(mut self, method: Method) -> io::Result<BoxWire> {
        let (kind, greeting) = match method {
            Method::Connect | Method::WebSocket { .. } => (Kind::Connect, false),
            Method::Post { greeting } => (Kind::Post, greeting),
        };
        let mut fields = vec![("proxy-agent".to_owned(), AGENT.to_owned())];
        if kind == Kind::Post {
            let more = answer_fields(greeting);
            fields.extend(more.map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned())));
        }
        let mut out = head(200, &fields);
        if greeting {
            out.extend(frame::frame(frame::DATA, GREETING));
        }
        self.streams.0.write_all(&out).await?;
        let stream = Stream::new(kind, self.connection, self.streams, self.counted);
        Ok(Box::new(stream))
    }

    pub async fn refuse(mut self, refusal: &Refusal) -> io::Result<()> {
        let fields = refusal.fields().into_iter();
        let fields: Vec<_> = fields.map(|(n, v)| (n.to_ascii_lowercase(), v)).collect();
        let mut out = head(refusal.status, &fields);
        out.extend(frame::frame(frame::DATA, refusal.body().as_bytes()));
        self.streams.0.write_all(&out).await?;
        let _ = self.streams.0.finish();
        // RFC 9114 §4.1: whatever else it would send is not wanted.
        let _ = self.streams.1.stop(code::NO_ERROR.into());
        // Until it has arrived the connection is needed.
        let _ = self.streams.0.stopped().await;
        Ok(())
    }
}

fn head(status: u16, fields: &[(String, String)]) -> Vec<u8> {
    let status = status.to_string();
    let first = (&b":status"[..], status.as_bytes());
    let fields = fields.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
    frame::frame(
        frame::HEADERS,
        &qpack::encode([first].into_iter().chain(fields)),
    )
}

/// For the log.
pub fn reason(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ApplicationClosed(close) => name(close.error_code.into_inner()),
        other => other.to_string(),
    }
}
