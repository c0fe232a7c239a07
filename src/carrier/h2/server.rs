//! The terminator's side: a session with a client, and its requests.

use crate::base::Target;
use crate::base::defaults::AGENT;
use crate::carrier::h2::client::fields;
use crate::carrier::h2::stream::Stream;
use crate::carrier::h2::window::Window;
use crate::carrier::h2::{FRAME, SEND_BUFFER, SESSION_WINDOW, STREAM_WINDOW, STREAMS};
use crate::http::connect::target_of_http2;
use crate::http::{Fields, Refusal};
use crate::wire::BoxWire;
use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Connection, SendResponse};
use http::{Request, Response, StatusCode};
use std::future::poll_fn;
use std::sync::Arc;

/// The first octets of every HTTP/2 connection (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client's connection. It moves only while [`Session::next`] is polled.
pub struct Session {
    connection: Connection<BoxWire, Bytes>,
    window: Arc<Window>,
    target: u32,
}

/// A request that waits for its answer.
pub struct Asked {
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    window: Arc<Window>,
}

impl Session {
    pub async fn begin(wire: BoxWire) -> Result<Session, h2::Error> {
        let mut builder = h2::server::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(SESSION_WINDOW)
            .max_frame_size(FRAME)
            .max_header_list_size(16 * 1024)
            .max_concurrent_streams(STREAMS)
            .max_send_buffer_size(SEND_BUFFER);
        Ok(Session {
            connection: builder.handshake(wire).await?,
            window: Arc::default(),
            target: SESSION_WINDOW,
        })
    }

    /// The next request; nothing once the connection is over.
    pub async fn next(&mut self) -> Option<Result<Asked, h2::Error>> {
        let next = poll_fn(|cx| {
            let wanted = self.window.target(cx.waker());
            if wanted != self.target {
                self.target = wanted;
                self.connection.set_target_window_size(wanted);
            }
            self.connection.poll_accept(cx)
        });
        let (request, respond) = match next.await? {
            Ok(asked) => asked,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(Asked {
            request,
            respond,
            window: self.window.clone(),
        }))
    }

    /// GOAWAY: no more requests, live tunnels go on.
    pub fn drain(&mut self) {
        self.connection.graceful_shutdown();
    }
}

impl Asked {
    /// Where to, or the refusal it earns.
    pub fn target(&self) -> Result<Target, Refusal> {
        let authority = self.request.uri().authority().map(|a| a.as_str());
        target_of_http2(self.request.method().as_str(), authority, &self.fields())
    }

    /// The target as it was asked for, for the log.
    pub fn shown(&self) -> String {
        self.request.uri().to_string()
    }

    pub fn fields(&self) -> Fields {
        fields(self.request.headers())
    }

    /// Returns when the client no longer wants it.
    pub async fn withdrawn(&mut self) {
        let _ = poll_fn(|cx| self.respond.poll_reset(cx)).await;
    }

    /// Says that the tunnel is open.
    pub fn accept(mut self) -> Result<BoxWire, h2::Error> {
        let mut answer = Response::new(());
        if let Ok(agent) = AGENT.parse() {
            answer.headers_mut().insert("proxy-agent", agent);
        }
        let send = self.respond.send_response(answer, false)?;
        let receive = self.request.into_body();
        Ok(Box::new(Stream::new(send, receive, self.window)))
    }

    pub fn refuse(mut self, refusal: &Refusal) -> Result<(), h2::Error> {
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::from_u16(refusal.status).unwrap_or_default();
        for (name, value) in refusal.fields() {
            let name = http::HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, value.parse()) {
                answer.headers_mut().append(name, value);
            }
        }
        let mut send = self.respond.send_response(answer, false)?;
        send.send_data(Bytes::from(refusal.body()), true)
    }
}
