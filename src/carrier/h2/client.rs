//! The client's side: a session with a proxy, and tunnels in it.

use crate::base::Error;
use crate::carrier::h2::driver::{Running, State, drive};
use crate::carrier::h2::failure::{NotOpened, failed};
use crate::carrier::h2::fields;
use crate::carrier::h2::load::Load;
pub use crate::carrier::h2::load::Slot;
use crate::carrier::h2::stream::{Kind, Stream};
use crate::carrier::h2::tap::{Heard, Tap};
use crate::carrier::h2::window::Window;
use crate::carrier::h2::{FRAME, SEND_BUFFER, SESSION_WINDOW, STREAM_WINDOW};
use crate::carrier::h2::{SMALL_FRAMES, STALLED_AT_CLIENT};
use crate::carrier::{HalfClose, Opened, greeting, refused, signature, ws};
use crate::http::post::{not_a_tunnel, wants_greeting};
use crate::http::{TunnelRequest, request};
use crate::tls::{self, failure::With};
use crate::wire::{BoxWire, Deadline};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Request, Response, Uri};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// A connection to a proxy that carries tunnels.
#[derive(Clone)]
pub struct Session {
    requests: SendRequest<Bytes>,
    state: Arc<State>,
    /// Closed when the connection is over.
    running: watch::Receiver<()>,
}

impl Session {
    /// Sends the preface. The connection is driven by a task of the current runtime, which ends once
    /// the session and all its tunnels are gone. `changed` is told of whatever may make room for a
    /// tunnel: the proxy's settings, the end of a tunnel, a sign of life, and the end of the session.
    pub async fn begin(wire: BoxWire, changed: Arc<Notify>) -> Result<Session, Error> {
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(SESSION_WINDOW)
            .max_frame_size(FRAME)
            .max_header_list_size(16 * 1024)
            .max_send_buffer_size(SEND_BUFFER)
            .data_frame_budget(SMALL_FRAMES)
            .enable_push(false);
        let heard = Arc::new(Heard::default());
        let wire: BoxWire = Box::new(Tap::new(wire, heard.clone()));
        let (requests, connection) = builder.handshake(wire).await.map_err(|e| failed(&e))?;
        let load = Arc::new(Load::new(Window::new(STALLED_AT_CLIENT), Some(changed)));
        let state = Arc::new(State::new(load.clone(), heard));
        let (alive, running) = watch::channel(());
        let counted = Running::begin();
        let driving = drive(connection, state.clone());
        tokio::spawn(async move {
            driving.await;
            drop((alive, counted));
            load.tell();
        });
        Ok(Session {
            requests,
            state,
            running,
        })
    }

    /// No more tunnels can be opened in it.
    pub fn is_over(&self) -> bool {
        self.running.has_changed().is_err()
    }

    /// Returns when no more tunnels can be opened in it.
    pub async fn over(&mut self) {
        let _ = self.running.changed().await;
    }

    /// The same connection.
    pub fn is(&self, other: &Session) -> bool {
        self.running.same_channel(&other.running)
    }

    /// Tunnels that are open or being opened.
    pub fn tunnels(&self) -> usize {
        self.state.load.tunnels()
    }

    /// Octets of the connection, both ways.
    pub fn moved(&self) -> u64 {
        self.state.heard.octets() + self.state.heard.sent()
    }

    /// The proxy has said how many tunnels it takes.
    pub fn is_settled(&self) -> bool {
        self.state.is_settled()
    }

    /// Returns when the proxy has said how many tunnels it takes.
    pub async fn settled(&self) {
        self.state.settled().await;
    }

    /// The proxy takes another tunnel, by its SETTINGS_MAX_CONCURRENT_STREAMS.
    pub fn has_room(&self) -> bool {
        self.tunnels() < self.requests.current_max_send_streams()
    }

    /// A place for one tunnel, for [`Session::open`].
    pub fn reserve(&self) -> Slot {
        Slot::new(&self.state.load)
    }

    /// It gave no sign of life when it was asked for one, nor since then.
    pub fn is_doubted(&self) -> bool {
        self.state.is_doubted()
    }

    /// The proxy has been heard of lately, or answers a PING now.
    pub async fn is_alive(&self) -> bool {
        self.state.is_alive().await
    }

    /// Asks for a tunnel. Where the proxy has all the tunnels it takes, waits for one to end. A POST
    /// that is not answered by `last_question` is ended, to see whether somebody waits for that.
    pub async fn open(
        &self,
        request: &TunnelRequest,
        slot: Slot,
        last_question: Deadline,
    ) -> Result<Opened, NotOpened> {
        let opened = self.ask(request, slot, last_question).await;
        match self.state.heard.alert() {
            Some(alert) if opened.is_err() => Err(NotOpened::for_good(tls::failure::of_alert(
                alert,
                With::Proxy,
            ))),
            _ => opened,
        }
    }

    async fn ask(
        &self,
        request: &TunnelRequest,
        slot: Slot,
        last_question: Deadline,
    ) -> Result<Opened, NotOpened> {
        if request.is_websocket() {
            // What the proxy takes it says in its first frame (RFC 8441 §3).
            self.settled().await;
            if !self.requests.is_extended_connect_protocol_enabled() {
                return Err(NotOpened::for_good(refused::no_extended_connect()));
            }
        }
        let message = message(request).map_err(NotOpened::for_good)?;
        let ready = self.requests.clone().ready().await;
        let unsent = |e: h2::Error| NotOpened::unsent(&e, self.is_settled());
        let mut requests = ready.map_err(unsent)?;
        let (answer, send) = requests.send_request(message, false).map_err(unsent)?;
        drop(requests);
        if !request.is_post() {
            let answer = answer.await;
            let answer = answer.map_err(|e| NotOpened::unanswered(&e, self.is_settled()))?;
            return opened(answer, send, slot, request, last_question).await;
        }
        let (answer, send) = self.post_answer(answer, send, last_question).await?;
        opened(answer, send, slot, request, last_question).await
    }

    async fn post_answer(
        &self,
        mut answer: ResponseFuture,
        mut send: SendStream<Bytes>,
        last_question: Deadline,
    ) -> Result<(Response<RecvStream>, SendStream<Bytes>), NotOpened> {
        let unanswered = |e: h2::Error| NotOpened::unanswered(&e, self.is_settled());
        if let Ok(answer) = last_question.run(&mut answer).await {
            return Ok((answer.map_err(unanswered)?, send));
        }
        send.send_data(Bytes::new(), true).map_err(unanswered)?;
        let patience = Deadline::after(refused::LAST_QUESTION);
        match patience.run(answer).await {
            Err(_) => Err(NotOpened::for_good(refused::no_answer())),
            Ok(answer) => {
                let answer = answer.map_err(unanswered)?;
                match answer.status().is_success() {
                    true => Err(NotOpened::for_good(refused::request_buffered())),
                    false => Ok((answer, send)),
                }
            }
        }
    }
}

/// The tunnel in an answer, or what the answer says instead.
async fn opened(
    answer: Response<RecvStream>,
    mut send: SendStream<Bytes>,
    slot: Slot,
    request: &TunnelRequest,
    last_question: Deadline,
) -> Result<Opened, NotOpened> {
    let kind = match request.is_post() {
        true => Kind::Post,
        false => Kind::Connect,
    };
    let (head, receive) = answer.into_parts();
    let status = head.status.as_u16();
    let fields = fields(&head.headers);
    let success = head.status.is_success();
    let no_tunnel = match kind {
        Kind::Post if success => not_a_tunnel(status, &fields),
        _ => None,
    };
    if !success || no_tunnel.is_some() {
        let body = body(receive, refused::patience(last_question)).await;
        send.send_reset(Reason::CANCEL);
        let refused = refused::by_answer(status, fields, no_tunnel.as_deref(), &body, request);
        return Err(NotOpened {
            challenges: refused.challenges,
            ..NotOpened::for_good(refused.error)
        });
    }
    let mut wire: BoxWire = Box::new(Stream::new(kind, send, receive, slot));
    let mut half_close = HalfClose::Kept;
    if request.is_websocket() {
        let halves = ws::offers_halves(&fields);
        if !halves {
            half_close = HalfClose::Unknown;
        }
        wire = Box::new(ws::WebSocket::client(wire, halves));
    }
    if kind == Kind::Post && wants_greeting(&fields) {
        let taken = greeting::take(&mut wire, last_question).await;
        taken.map_err(NotOpened::for_good)?;
    }
    Ok(Opened {
        wire,
        half_close,
        status,
        signature: signature::of(&fields),
    })
}

/// Of CONNECT only `:method` and `:authority` (RFC 9113 §8.5), then our fields and the user's.
fn message(request: &TunnelRequest) -> Result<Request<()>, Error> {
    let unusable = |e: http::Error| Error::usage(format!("cannot ask for this over HTTP/2: {e}"));
    let uri = Uri::builder().authority(request.authority());
    let (method, uri) = match &request.method {
        request::Method::Connect => (Method::CONNECT, uri),
        request::Method::Post { path, scheme, .. } => (
            Method::POST,
            uri.scheme(*scheme).path_and_query(path.as_str()),
        ),
        request::Method::WebSocket { path, scheme, .. } => (
            Method::CONNECT,
            uri.scheme(*scheme).path_and_query(path.as_str()),
        ),
    };
    let mut message = Request::builder()
        .method(method)
        .uri(uri.build().map_err(unusable)?);
    for (name, value) in request.fields_to_send() {
        // There is no Host in a CONNECT over HTTP/2 unless the user insists.
        message = message.header(name.to_ascii_lowercase(), value);
    }
    if request.is_websocket() {
        message = message.extension(Protocol::from_static("websocket"));
    }
    message.body(()).map_err(unusable)
}

/// As much of a refusal's body as comes soon.
async fn body(mut receive: RecvStream, patience: Duration) -> Vec<u8> {
    let mut body = Vec::new();
    let patience = Deadline::after(patience);
    while body.len() < refused::BODY {
        match patience.run(receive.data()).await {
            Ok(Some(Ok(data))) => body.extend_from_slice(&data),
            _ => break,
        }
    }
    body.truncate(refused::BODY);
    body
}
