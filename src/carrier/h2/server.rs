//! The terminator's side: a session with a client, and its requests.

use crate::base::Target;
use crate::base::defaults::{AGENT, HEAD_TIMEOUT, LINGER, LINGER_BYTES};
use crate::carrier::h2::fields;
use crate::carrier::h2::load::{Load, Slot};
use crate::carrier::h2::stream::{Kind, Stream};
use crate::carrier::h2::tap::{Heard, Tap};
use crate::carrier::h2::window::Window;
use crate::carrier::h2::{FRAME, SEND_BUFFER, SESSION_WINDOW, STREAM_WINDOW};
use crate::carrier::h2::{IDLE_SESSION, SMALL_FRAMES, STALLED_AT_SERVER, WITHDRAWN};
use crate::carrier::{Carrier, Version, ws};
use crate::http::asked::{self, Method};
use crate::http::post::{GREETING, answer_fields};
use crate::http::{Asked, Fields, Refusal};
use crate::wire::{BoxWire, Deadline};
use bytes::Bytes;
use h2::ext::Protocol;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The first octets of every HTTP/2 connection (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// For the last frame of a session to leave.
const FAREWELL: Duration = Duration::from_secs(1);

/// A client's connection. It moves only while [`Session::next`] is polled.
pub struct Session {
    connection: Connection<BoxWire, Bytes>,
    load: Arc<Load>,
    heard: Arc<Heard>,
    /// Requests so far, and those that were withdrawn before they were answered.
    requests: Arc<AtomicUsize>,
    withdrawn: Arc<AtomicUsize>,
}

/// Why a terminator ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was silent for long and has no tunnels.
    Idle,
    /// Its client withdraws most of what it asks for.
    Withdrawals,
    /// Its client has not proven in time who it is.
    Unknown,
}

/// A request that waits for its answer.
pub struct Asking {
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    slot: Slot,
    withdrawn: Arc<AtomicUsize>,
}

impl Session {
    /// `streams` is how many tunnels there may be at a time, `head` the octets of a request's fields.
    pub async fn begin(wire: BoxWire, streams: u32, head: u32) -> Result<Session, h2::Error> {
        let mut builder = h2::server::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(SESSION_WINDOW)
            .max_frame_size(FRAME)
            .max_header_list_size(head)
            .max_concurrent_streams(streams)
            .max_send_buffer_size(SEND_BUFFER)
            .data_frame_budget(SMALL_FRAMES)
            .enable_connect_protocol();
        let heard = Arc::new(Heard::default());
        let wire: BoxWire = Box::new(Tap::new(wire, heard.clone()));
        Ok(Session {
            connection: builder.handshake(wire).await?,
            load: Arc::new(Load::new(Window::new(STALLED_AT_SERVER), None)),
            heard,
            requests: Arc::default(),
            withdrawn: Arc::default(),
        })
    }

    /// The next request; nothing once the connection is over.
    pub async fn next(&mut self) -> Option<Result<Asking, h2::Error>> {
        let next = poll_fn(|cx| {
            if let Some(target) = self.load.window.new_target(cx.waker()) {
                self.connection.set_target_window_size(target);
            }
            self.connection.poll_accept(cx)
        });
        let (request, respond) = match next.await? {
            Ok(asked) => asked,
            Err(error) => return Some(Err(error)),
        };
        self.requests.fetch_add(1, Ordering::Relaxed);
        Some(Ok(Asking {
            request,
            respond,
            slot: Slot::new(&self.load),
            withdrawn: self.withdrawn.clone(),
        }))
    }

    /// Returns when the session should end. It may be waited for while the session moves.
    pub fn should_end(&self) -> impl Future<Output = Ending> + Send + use<> {
        let (heard, load) = (self.heard.clone(), self.load.clone());
        let requests = self.requests.clone();
        async move {
            loop {
                let limit = match requests.load(Ordering::Relaxed) {
                    0 => HEAD_TIMEOUT,
                    _ => IDLE_SESSION,
                };
                let left = limit.saturating_sub(heard.silence());
                if left.is_zero() && load.tunnels() == 0 {
                    return Ending::Idle;
                }
                // With tunnels silence means nothing.
                let pause = if load.tunnels() > 0 { limit } else { left };
                tokio::time::sleep(pause.max(Duration::from_millis(100))).await;
            }
        }
    }

    /// Its client withdraws most of its requests.
    pub fn is_abused(&self) -> bool {
        let withdrawn = self.withdrawn.load(Ordering::Relaxed);
        withdrawn >= WITHDRAWN && withdrawn * 2 > self.requests.load(Ordering::Relaxed)
    }

    /// Ends it with whatever it carries, and says why.
    pub async fn end(mut self, ending: Ending) {
        self.connection.abrupt_shutdown(match ending {
            Ending::Idle => Reason::NO_ERROR,
            Ending::Withdrawals | Ending::Unknown => Reason::ENHANCE_YOUR_CALM,
        });
        let farewell = Deadline::after(FAREWELL);
        let _ = farewell
            .run(poll_fn(|cx| self.connection.poll_closed(cx)))
            .await;
    }

    /// GOAWAY: no more requests, live tunnels go on.
    pub fn drain(&mut self) {
        self.connection.graceful_shutdown();
    }
}

impl Asking {
    /// What is asked for with these [`Asking::fields`], or the refusal it earns. `forward` is where every POST goes, if anywhere.
    pub fn asked(&self, fields: &Fields, forward: Option<&Target>) -> Result<Asked, Refusal> {
        let uri = self.request.uri();
        if let Some(protocol) = self.protocol() {
            return asked::of_extended(
                protocol,
                uri.authority().map(|a| a.as_str()),
                uri.path_and_query().map_or("", |p| p.as_str()),
                fields,
                forward,
            );
        }
        asked::of_http2(
            self.request.method().as_str(),
            uri.authority().map(|a| a.as_str()),
            uri.path_and_query().map_or("", |p| p.as_str()),
            fields,
            forward,
        )
    }

    /// The target as it was asked for, for the log.
    pub fn shown(&self) -> String {
        self.request.uri().to_string()
    }

    /// How the tunnel is carried.
    pub fn carrier(&self) -> Carrier {
        match self.protocol() {
            Some(_) => Carrier::H2Ws,
            None => Carrier::of(self.request.method().as_str(), Version::Http2),
        }
    }

    /// `:protocol` (RFC 8441 §4).
    fn protocol(&self) -> Option<&str> {
        let protocol = self.request.extensions().get::<Protocol>();
        protocol.map(Protocol::as_str)
    }

    pub fn fields(&self) -> Fields {
        fields(self.request.headers())
    }

    /// Returns when the client no longer wants it.
    pub async fn withdrawn(&mut self) {
        let _ = poll_fn(|cx| self.respond.poll_reset(cx)).await;
        self.withdrawn.fetch_add(1, Ordering::Relaxed);
    }

    /// Says that the tunnel is open, and gives the tunnel.
    pub fn accept(mut self, method: Method) -> Result<BoxWire, h2::Error> {
        let mut answer = Response::new(());
        let fields = answer.headers_mut();
        fields.insert("proxy-agent", HeaderValue::from_static(AGENT));
        let (kind, greeting) = match method {
            Method::Connect | Method::WebSocket { .. } => (Kind::Connect, false),
            Method::Post { greeting } => (Kind::Post, greeting),
        };
        if method == (Method::WebSocket { halves: true }) {
            let name = HeaderValue::from_static(ws::SUBPROTOCOL);
            fields.insert("sec-websocket-protocol", name);
        }
        if kind == Kind::Post {
            append(fields, answer_fields(greeting));
        }
        let mut send = self.respond.send_response(answer, false)?;
        if greeting {
            send.send_data(Bytes::from_static(GREETING), false)?;
        }
        let receive = self.request.into_body();
        let stream = Stream::new(kind, send, receive, self.slot);
        let stream: BoxWire = Box::new(stream.served());
        Ok(match method {
            Method::WebSocket { halves } => Box::new(ws::WebSocket::server(stream, halves)),
            _ => stream,
        })
    }

    /// What a client still sends in a refused POST is read for a while. A reset of the stream, also one
    /// with NO_ERROR (RFC 9113 §8.1), would make curl 7.88 throw the answer away.
    pub async fn refuse(mut self, refusal: &Refusal) -> Result<(), h2::Error> {
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::from_u16(refusal.status).unwrap_or_default();
        append(answer.headers_mut(), refusal.fields());
        let mut send = self.respond.send_response(answer, false)?;
        send.send_data(Bytes::from(refusal.body()), true)?;
        if self.request.method() == http::Method::POST {
            let patience = Deadline::after(LINGER);
            let _ = patience.run(discard(self.request.into_body())).await;
        }
        Ok(())
    }
}

fn append<V: AsRef<str>>(
    headers: &mut HeaderMap,
    fields: impl IntoIterator<Item = (&'static str, V)>,
) {
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value.as_ref().parse()) {
            headers.append(name, value);
        }
    }
}

/// Throws away what comes until the end, or until there was enough of it.
async fn discard(mut content: RecvStream) {
    let mut left = LINGER_BYTES;
    while let Some(Ok(data)) = content.data().await {
        let _ = content.flow_control().release_capacity(data.len());
        match left.checked_sub(data.len()) {
            Some(more) => left = more,
            None => return,
        }
    }
}
