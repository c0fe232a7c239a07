//! The client's side: a session with a proxy, and tunnels in it.

use crate::base::{Blame, Error, Kind as ErrorKind, Stage};
use crate::carrier::h2::load::Load;
pub use crate::carrier::h2::load::Slot;
use crate::carrier::h2::stream::{Kind, Stream};
use crate::carrier::h2::tap::{Heard, Tap};
use crate::carrier::h2::window::Window;
use crate::carrier::h2::{FRAME, SEND_BUFFER, SESSION_WINDOW, STREAM_WINDOW, broken};
use crate::carrier::h2::{PING_EVERY, PING_PATIENCE, PROOF_PATIENCE, STALE};
use crate::carrier::h2::{SMALL_FRAMES, STALLED_AT_CLIENT};
use crate::carrier::{HalfClose, Opened, greeting, refused};
use crate::http::post::{not_a_tunnel, wants_greeting};
use crate::http::{Field, Fields, TunnelRequest, request};
use crate::wire::{BoxWire, Deadline};
use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong, Reason, RecvStream};
use http::{HeaderMap, Method, Request, Uri};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, watch};

/// A connection to a proxy that carries tunnels.
#[derive(Clone)]
pub struct Session {
    requests: SendRequest<Bytes>,
    state: Arc<State>,
    /// Closed when the connection is over.
    running: watch::Receiver<()>,
}

/// What a session's handles and its driver share.
struct State {
    load: Arc<Load>,
    heard: Arc<Heard>,
    /// Asks for a PING now.
    prove: Notify,
    /// The proxy's SETTINGS have been taken in.
    settled: AtomicBool,
}

/// Sessions of this process whose connections are not over yet.
static LIVE: Mutex<Option<watch::Sender<usize>>> = Mutex::new(None);

/// Counts a session for as long as its connection is driven.
struct Running;

impl Running {
    fn begin() -> Running {
        count(|live| live + 1);
        Running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        count(|live| live - 1);
    }
}

fn count(change: impl FnOnce(usize) -> usize) {
    if let Ok(mut slot) = LIVE.lock() {
        let live = slot.get_or_insert_with(|| watch::channel(0).0);
        live.send_modify(|n| *n = change(*n));
    }
}

/// Returns once every session has sent all it had to and is over. One is over when nobody holds it
/// or a tunnel of it any more.
pub async fn all_ended() {
    let Some(mut live) = LIVE
        .lock()
        .ok()
        .and_then(|slot| Some(slot.as_ref()?.subscribe()))
    else {
        return;
    };
    let _ = live.wait_for(|n| *n == 0).await;
}

/// No tunnel.
pub struct NotOpened {
    pub error: Error,
    pub why: Why,
}

/// Whether the request may be sent once more (RFC 9113 §8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The proxy certainly did not process it: this session is full, or so it seems.
    SessionFull,
    /// Nor here: this session takes no more requests.
    SessionEnds,
    /// It may have been processed.
    Other,
}

impl Session {
    /// Sends the preface. The connection is driven by a task of the current runtime, which ends once
    /// the session and all its tunnels are gone. `changed` is told of whatever may make room for a
    /// tunnel: the proxy's settings, the end of a tunnel, and the end of the session.
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
        let state = Arc::new(State {
            load: Arc::new(Load::new(Window::new(STALLED_AT_CLIENT), Some(changed))),
            heard,
            prove: Notify::new(),
            settled: AtomicBool::new(false),
        });
        let (alive, running) = watch::channel(());
        let counted = Running::begin();
        let driving = drive(connection, state.clone());
        let load = state.load.clone();
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

    /// Returns when no more tunnels can be opened in it.
    pub async fn over(&mut self) {
        let _ = self.running.changed().await;
    }

    /// The proxy has said how many tunnels it takes.
    pub fn is_settled(&self) -> bool {
        self.state.settled.load(Ordering::Acquire)
    }

    /// The proxy takes another tunnel, by its SETTINGS_MAX_CONCURRENT_STREAMS.
    pub fn has_room(&self) -> bool {
        self.tunnels() < self.requests.current_max_send_streams()
    }

    /// A place for one tunnel, for [`Session::open`].
    pub fn reserve(&self) -> Slot {
        Slot::new(&self.state.load)
    }

    /// The proxy has been heard of lately, or answers a PING now.
    pub async fn is_alive(&self) -> bool {
        let heard = &self.state.heard;
        if heard.silence() < STALE {
            return true;
        }
        let before = heard.octets();
        self.state.prove.notify_one();
        let proof = tokio::time::timeout(PROOF_PATIENCE, heard.more_than(before));
        proof.await.is_ok()
    }

    /// Asks for a tunnel. Where the proxy has all the tunnels it takes, waits for one to end.
    pub async fn open(
        &self,
        request: &TunnelRequest,
        slot: Slot,
        deadline: Deadline,
    ) -> Result<Opened, NotOpened> {
        let message = message(request).map_err(NotOpened::for_good)?;
        let requests = self.requests.clone().ready().await;
        let mut requests = requests.map_err(|e| not_opened(&e))?;
        let sent = requests.send_request(message, false);
        let (mut answer, mut send) = sent.map_err(|e| not_opened(&e))?;
        drop(requests);
        let head = match request.is_post() {
            false => answer.await,
            true => {
                let asking = deadline.earlier(refused::LAST_QUESTION);
                match asking.run(&mut answer).await {
                    Ok(head) => head,
                    // To see whether somebody on the way waits for the content's end.
                    Err(_) => {
                        let ended = send.send_data(Bytes::new(), true);
                        ended.map_err(|e| not_opened(&e))?;
                        let head = answer.await.map_err(|e| not_opened(&e))?;
                        let error = refused::request_buffered(head.status().as_u16());
                        return Err(NotOpened::for_good(error));
                    }
                }
            }
        };
        let (head, receive) = head.map_err(|e| not_opened(&e))?.into_parts();
        let status = head.status.as_u16();
        let fields = fields(&head.headers);
        let no_tunnel = match request.is_post() {
            true => not_a_tunnel(status, &fields),
            false => None,
        };
        if !head.status.is_success() || no_tunnel.is_some() {
            let body = body(receive).await;
            send.send_reset(Reason::CANCEL);
            return Err(NotOpened::for_good(match no_tunnel {
                Some(why) if head.status.is_success() => {
                    refused::not_a_tunnel(status, &why, &body, &fields)
                }
                _ => {
                    let head = refused::Head {
                        status,
                        reason: Vec::new(),
                        fields,
                    };
                    refused::error(&head, &body, request)
                }
            }));
        }
        let kind = match request.is_post() {
            true => Kind::Post,
            false => Kind::Connect,
        };
        let mut wire: BoxWire = Box::new(Stream::new(kind, send, receive, slot));
        if request.is_post() && wants_greeting(&fields) {
            let taken = greeting::take(&mut wire).await;
            taken.map_err(NotOpened::for_good)?;
        }
        Ok(Opened {
            wire,
            half_close: HalfClose::Kept,
            status,
        })
    }
}

impl NotOpened {
    /// Another session would not help.
    fn for_good(error: Error) -> Self {
        NotOpened {
            error,
            why: Why::Other,
        }
    }
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
    };
    let mut message = Request::builder()
        .method(method)
        .uri(uri.build().map_err(unusable)?);
    for (name, value) in request.fields_to_send() {
        // There is no Host in a CONNECT over HTTP/2 unless the user insists.
        message = message.header(name.to_ascii_lowercase(), value);
    }
    message.body(()).map_err(unusable)
}

/// Fields as the HTTP/1.1 side has them.
pub fn fields(headers: &HeaderMap) -> Fields {
    let fields = headers.iter().map(|(name, value)| Field {
        name: name.as_str().into(),
        value: value.as_bytes().into(),
    });
    Fields(fields.collect())
}

/// As much of a refusal's body as comes soon.
async fn body(mut receive: RecvStream) -> Vec<u8> {
    let mut body = Vec::new();
    let patience = Deadline::after(refused::PATIENCE);
    while body.len() < refused::BODY {
        match patience.run(receive.data()).await {
            Ok(Some(Ok(data))) => body.extend_from_slice(&data),
            _ => break,
        }
    }
    body.truncate(refused::BODY);
    body
}

async fn drive(mut connection: Connection<BoxWire, Bytes>, state: Arc<State>) {
    let pings = connection.ping_pong();
    let mut target = SESSION_WINDOW;
    let ended = poll_fn(|cx| {
        let wanted = state.load.window.target(cx.waker());
        if wanted != target {
            target = wanted;
            connection.set_target_window_size(wanted);
        }
        let ended = Pin::new(&mut connection).poll(cx);
        // The first frame is SETTINGS (RFC 9113 §3.4).
        if !state.settled.load(Ordering::Relaxed) && state.heard.octets() > 0 {
            state.settled.store(true, Ordering::Release);
            state.load.tell();
        }
        ended
    });
    // Each tunnel tells its own user.
    tokio::select! {
        ended = ended => if let Err(error) = ended {
            tracing::debug!("an HTTP/2 session ended: {error}");
        },
        () = silence(pings, &state) => tracing::debug!("an HTTP/2 session ended: no answer to PING"),
    }
}

/// Returns when the peer no longer answers (RFC 9113 §6.7). Whatever arrives is an answer: behind a
/// full queue the one to a PING can take very long.
async fn silence(pings: Option<PingPong>, state: &State) {
    let Some(mut pings) = pings else {
        return std::future::pending().await;
    };
    loop {
        let heard = state.heard.octets();
        tokio::select! {
            () = tokio::time::sleep(PING_EVERY) => if state.heard.octets() > heard {
                continue;
            },
            () = state.prove.notified() => {}
        }
        let mut pong = std::pin::pin!(pings.ping(Ping::opaque()));
        loop {
            let before = state.heard.octets();
            match tokio::time::timeout(PING_PATIENCE, &mut pong).await {
                Ok(Ok(_)) => break,
                // The connection itself will say what is wrong with it.
                Ok(Err(_)) => return std::future::pending().await,
                Err(_) if state.heard.octets() > before => {}
                Err(_) => return,
            }
        }
    }
}

fn not_opened(error: &h2::Error) -> NotOpened {
    let reason = error.reason().filter(|_| error.is_remote());
    NotOpened {
        why: match reason {
            Some(Reason::REFUSED_STREAM) => Why::SessionFull,
            Some(Reason::NO_ERROR) if error.is_go_away() => Why::SessionEnds,
            _ => Why::Other,
        },
        error: failed(error),
    }
}

/// What an error before the answer means for the user.
fn failed(error: &h2::Error) -> Error {
    let new = |kind, cause: String| Error::new(kind, Stage::Request, Blame::Proxy, cause);
    if error.is_io() {
        let cause = "closed the connection before answering";
        return new(ErrorKind::CannotConnect, cause.into())
            .hint("check that this proxy speaks HTTP/2; --via h1 asks over HTTP/1.1");
    }
    match error.reason() {
        Some(Reason::HTTP_1_1_REQUIRED) => new(
            ErrorKind::Unsupported,
            "the proxy wants HTTP/1.1 for this".into(),
        )
        .hint("try --via h1"),
        Some(Reason::CONNECT_ERROR) => new(
            ErrorKind::TargetUnreachable,
            "the proxy could not connect: CONNECT_ERROR".into(),
        ),
        Some(Reason::PROTOCOL_ERROR | Reason::FRAME_SIZE_ERROR) if !error.is_remote() => new(
            ErrorKind::NotHttp,
            format!("the answer is not HTTP/2 ({error})"),
        )
        .hint("try --via h1"),
        Some(_) => new(
            ErrorKind::Reset,
            format!("the request was ended: {}", broken(error)),
        ),
        None => new(
            ErrorKind::NotHttp,
            format!("the answer is not HTTP/2 ({error})"),
        )
        .hint("try --via h1"),
    }
}
