//! The client's side: a session with a proxy, and tunnels in it.

use crate::base::{Blame, Error, Kind, Stage};
use crate::carrier::h2::stream::Stream;
use crate::carrier::h2::window::Window;
use crate::carrier::h2::{FRAME, SEND_BUFFER, SESSION_WINDOW, STREAM_WINDOW, broken};
use crate::carrier::h2::{PING_EVERY, PING_PATIENCE};
use crate::carrier::{HalfClose, Opened, refused};
use crate::http::connect::ConnectRequest;
use crate::http::{Field, Fields};
use crate::wire::{BoxWire, Deadline};
use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong, Reason, RecvStream};
use http::{HeaderMap, Method, Request, Uri};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// A connection to a proxy that carries tunnels.
#[derive(Clone)]
pub struct Session {
    requests: SendRequest<Bytes>,
    window: Arc<Window>,
    /// Closed when the connection is over.
    running: watch::Receiver<()>,
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

/// No tunnel; `again` where the proxy certainly did not process the request (RFC 9113 §8.7), so that
/// it may be sent once more in a new session.
pub struct NotOpened {
    pub error: Error,
    pub again: bool,
}

impl Session {
    /// Sends the preface. The connection is driven by a task of the current runtime, which ends once
    /// the session and all its tunnels are gone.
    pub async fn begin(wire: BoxWire) -> Result<Session, Error> {
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(SESSION_WINDOW)
            .max_frame_size(FRAME)
            .max_header_list_size(16 * 1024)
            .max_send_buffer_size(SEND_BUFFER)
            .enable_push(false);
        let (requests, connection) = builder.handshake(wire).await.map_err(|e| failed(&e))?;
        let window = Arc::new(Window::default());
        let (alive, running) = watch::channel(());
        let counted = Running::begin();
        let driving = drive(connection, window.clone());
        tokio::spawn(async move {
            driving.await;
            drop((alive, counted));
        });
        Ok(Session {
            requests,
            window,
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

    /// Asks for a tunnel. Where the proxy has all the tunnels it takes, waits for one to end.
    pub async fn open(&self, request: &ConnectRequest) -> Result<Opened, NotOpened> {
        let message = message(request).map_err(|error| NotOpened {
            error,
            again: false,
        })?;
        let requests = self.requests.clone().ready().await;
        let mut requests = requests.map_err(|e| not_opened(&e))?;
        let sent = requests.send_request(message, false);
        let (answer, mut send) = sent.map_err(|e| not_opened(&e))?;
        drop(requests);
        let (head, receive) = answer.await.map_err(|e| not_opened(&e))?.into_parts();
        let status = head.status.as_u16();
        if !head.status.is_success() {
            let head = refused::Head {
                status,
                reason: Vec::new(),
                fields: fields(&head.headers),
            };
            let body = body(receive).await;
            send.send_reset(Reason::CANCEL);
            let error = refused::error(&head, &body, request);
            return Err(NotOpened {
                error,
                again: false,
            });
        }
        Ok(Opened {
            wire: Box::new(Stream::new(send, receive, self.window.clone())),
            half_close: HalfClose::Kept,
            status,
        })
    }
}

/// Only `:method` and `:authority` (RFC 9113 §8.5), then our fields and the user's.
fn message(request: &ConnectRequest) -> Result<Request<()>, Error> {
    let unusable = |e: http::Error| Error::usage(format!("cannot ask for this over HTTP/2: {e}"));
    let authority = Uri::builder().authority(request.authority.as_str()).build();
    let mut message = Request::builder()
        .method(Method::CONNECT)
        .uri(authority.map_err(unusable)?);
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

async fn drive(mut connection: Connection<BoxWire, Bytes>, window: Arc<Window>) {
    let pings = connection.ping_pong();
    let mut target = SESSION_WINDOW;
    let ended = poll_fn(|cx| {
        let wanted = window.target(cx.waker());
        if wanted != target {
            target = wanted;
            connection.set_target_window_size(wanted);
        }
        Pin::new(&mut connection).poll(cx)
    });
    // Each tunnel tells its own user.
    tokio::select! {
        ended = ended => if let Err(error) = ended {
            tracing::debug!("an HTTP/2 session ended: {error}");
        },
        () = silence(pings) => tracing::debug!("an HTTP/2 session ended: no answer to PING"),
    }
}

/// Returns when the peer no longer answers (RFC 9113 §6.7).
async fn silence(pings: Option<PingPong>) {
    let Some(mut pings) = pings else {
        return std::future::pending().await;
    };
    loop {
        tokio::time::sleep(PING_EVERY).await;
        let answered = tokio::time::timeout(PING_PATIENCE, pings.ping(Ping::opaque())).await;
        match answered {
            Ok(Ok(_)) => {}
            // The connection itself will say what is wrong with it.
            Ok(Err(_)) => return std::future::pending().await,
            Err(_) => return,
        }
    }
}

fn not_opened(error: &h2::Error) -> NotOpened {
    let refused = error.reason() == Some(Reason::REFUSED_STREAM) && error.is_remote();
    let going = error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR);
    NotOpened {
        again: refused || going,
        error: failed(error),
    }
}

/// What an error before the answer means for the user.
fn failed(error: &h2::Error) -> Error {
    let new = |kind, cause: String| Error::new(kind, Stage::Request, Blame::Proxy, cause);
    if error.is_io() {
        let cause = "closed the connection before answering";
        return new(Kind::CannotConnect, cause.into())
            .hint("check that this proxy speaks HTTP/2; --via h1 asks over HTTP/1.1");
    }
    match error.reason() {
        Some(Reason::HTTP_1_1_REQUIRED) => new(
            Kind::Unsupported,
            "the proxy wants HTTP/1.1 for this".into(),
        )
        .hint("try --via h1"),
        Some(Reason::CONNECT_ERROR) => new(
            Kind::TargetUnreachable,
            "the proxy could not connect: CONNECT_ERROR".into(),
        ),
        Some(Reason::PROTOCOL_ERROR | Reason::FRAME_SIZE_ERROR) if !error.is_remote() => {
            new(Kind::NotHttp, format!("the answer is not HTTP/2 ({error})")).hint("try --via h1")
        }
        Some(_) => new(
            Kind::Reset,
            format!("the request was ended: {}", broken(error)),
        ),
        None => {
            new(Kind::NotHttp, format!("the answer is not HTTP/2 ({error})")).hint("try --via h1")
        }
    }
}
