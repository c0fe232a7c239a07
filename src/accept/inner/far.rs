//! The connection to the target behind a tunnel with HTTP inside: opened again where the target closed it between two
//! requests.

use crate::accept::inner::Task;
use crate::accept::inner::request::{Content, causes};
use crate::accept::inner::watched::Watched;
use crate::accept::ledger::Tunnel;
use crate::accept::terminator::Terminator;
use crate::carrier::Errand;
use crate::http::{ProxyError, Refusal};
use crate::wire::BoxWire;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::error::Error;
use std::sync::Arc;
use tokio::sync::Mutex;

/// A request goes out so often at most, each time in another connection.
const ATTEMPTS: usize = 8;

pub struct Far {
    pub task: Task,
    pub version: http::Version,
    pub terminator: Arc<Terminator>,
    tunnel: Arc<Tunnel>,
    /// What the tunnel was opened with, until it is used.
    first: Mutex<Option<BoxWire>>,
    /// With a number of its own.
    sender: Mutex<(u64, Option<Sender>)>,
}

enum Sender {
    Http1(http1::SendRequest<Content>),
    Http2(http2::SendRequest<Content>),
}

impl Far {
    pub fn new(
        task: Task,
        version: http::Version,
        terminator: Arc<Terminator>,
        tunnel: Arc<Tunnel>,
        far: BoxWire,
    ) -> Self {
        Far {
            task,
            version,
            terminator,
            tunnel,
            first: Mutex::new(Some(far)),
            sender: Mutex::new((0, None)),
        }
    }

    /// The answer to `request`. It is sent again in a new connection only where the target certainly did not process it.
    pub async fn send(&self, request: Request<Incoming>) -> Result<Response<Incoming>, Refusal> {
        let (head, content) = request.into_parts();
        // One without content can be sent again also when it was sent already.
        let copy = content.is_end_stream().then(|| head.clone());
        let mut request = Request::from_parts(head, content.boxed_unsync());
        for attempt in 1..=ATTEMPTS {
            let mut held = self.sender.lock().await;
            let fresh = match held.1.as_mut() {
                None => true,
                Some(Sender::Http1(sender)) => sender.ready().await.is_err(),
                Some(Sender::Http2(sender)) => sender.ready().await.is_err(),
            };
            if fresh {
                *held = (held.0 + 1, Some(self.connect().await?));
            }
            let number = held.0;
            let sent = match held.1.as_mut() {
                Some(Sender::Http1(sender)) => {
                    let sent = sender.try_send_request(request).await;
                    drop(held);
                    sent
                }
                Some(Sender::Http2(shared)) => {
                    // Others send at the same time.
                    let mut own = shared.clone();
                    drop(held);
                    own.try_send_request(request).await
                }
                None => return Err(failed("no connection to the target")),
            };
            let (unsent, error) = match sent {
                Ok(response) => return Ok(response),
                Err(mut error) => (error.take_message(), error.into_error()),
            };
            let again = match (unsent, &copy) {
                (Some(unsent), _) if !fresh => Some(unsent),
                (None, Some(head))
                    if is_unprocessed(&error) || (is_late(&error, &head.method) && !fresh) =>
                {
                    let nothing = Empty::new().map_err(|never| match never {});
                    Some(Request::from_parts(head.clone(), nothing.boxed_unsync()))
                }
                _ => None,
            };
            match again {
                Some(again) if attempt < ATTEMPTS => {
                    request = again;
                    // Unless somebody has been here before.
                    let mut held = self.sender.lock().await;
                    if held.0 == number {
                        held.1 = None;
                    }
                }
                _ => return Err(failed(&causes(&error))),
            }
        }
        Err(failed("the target closes every connection"))
    }

    async fn connect(&self) -> Result<Sender, Refusal> {
        let first = self.first.lock().await.take();
        let wire = match first {
            Some(wire) => wire,
            None => {
                let rules = self.terminator.rules.get();
                let task = &self.task;
                let connected = rules.connector.connect(Errand {
                    target: &task.target,
                    user: task.user.as_deref(),
                    client: task.client,
                    came_to: task.came_to,
                    via: &[],
                });
                connected.await?.wire
            }
        };
        let io = TokioIo::new(Watched {
            wire,
            tunnel: self.tunnel.clone(),
        });
        match self.version {
            http::Version::HTTP_2 => {
                let made = http2::handshake(TokioExecutor::new(), io).await;
                let (sender, connection) = made.map_err(|e| failed(&e.to_string()))?;
                tokio::spawn(connection);
                Ok(Sender::Http2(sender))
            }
            _ => {
                let made = http1::handshake(io).await;
                let (sender, connection) = made.map_err(|e| failed(&e.to_string()))?;
                tokio::spawn(connection.with_upgrades());
                Ok(Sender::Http1(sender))
            }
        }
    }
}

/// RFC 9113 §8.7: the stream is above what a GOAWAY names as processed, or was refused.
fn is_unprocessed(error: &hyper::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            let reason = error.reason();
            return error.is_remote()
                && (error.is_go_away() && reason == Some(h2::Reason::NO_ERROR)
                    || error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM));
        }
        cause = error.source();
    }
    false
}

/// The target closed an idle connection just as a request came. RFC 9110 §9.2.2: one that changes nothing may be sent again.
fn is_late(error: &hyper::Error, method: &Method) -> bool {
    error.is_incomplete_message() && method.is_safe()
}

fn failed(details: &str) -> Refusal {
    Refusal::new(ProxyError::ConnectionTerminated, details)
}
