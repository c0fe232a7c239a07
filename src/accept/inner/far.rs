//! The connection to the target behind a tunnel with HTTP inside: opened again where the target closed it between two
//! requests.

use crate::accept::inner::Task;
use crate::accept::inner::watched::Watched;
use crate::accept::ledger::Tunnel;
use crate::accept::terminator::Terminator;
use crate::carrier::Errand;
use crate::http::{ProxyError, Refusal};
use crate::wire::BoxWire;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::sync::Arc;
use tokio::sync::Mutex;

pub struct Far {
    pub task: Task,
    pub version: http::Version,
    pub terminator: Arc<Terminator>,
    tunnel: Arc<Tunnel>,
    /// What the tunnel was opened with, until it is used.
    first: Mutex<Option<BoxWire>>,
    sender: Mutex<Option<Sender>>,
}

enum Sender {
    Http1(http1::SendRequest<Incoming>),
    Http2(http2::SendRequest<Incoming>),
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
            sender: Mutex::new(None),
        }
    }

    /// The answer to `request`. It is sent again in a new connection only where it certainly was not sent.
    pub async fn send(&self, request: Request<Incoming>) -> Result<Response<Incoming>, Refusal> {
        let mut request = request;
        for last in [false, true] {
            let mut sender = self.sender.lock().await;
            let fresh = match sender.as_mut() {
                None => true,
                Some(Sender::Http1(sender)) => sender.ready().await.is_err(),
                Some(Sender::Http2(sender)) => sender.ready().await.is_err(),
            };
            if fresh {
                *sender = Some(self.connect().await?);
            }
            let unsent = match sender.as_mut() {
                Some(Sender::Http1(sender)) => match sender.try_send_request(request).await {
                    Ok(response) => return Ok(response),
                    Err(mut error) => (error.take_message(), error.into_error()),
                },
                Some(Sender::Http2(shared)) => {
                    // Others send at the same time.
                    let mut own = shared.clone();
                    drop(sender);
                    match own.try_send_request(request).await {
                        Ok(response) => return Ok(response),
                        Err(mut error) => (error.take_message(), error.into_error()),
                    }
                }
                None => return Err(failed("no connection to the target")),
            };
            match unsent {
                (Some(again), _) if !last && !fresh => request = again,
                (_, error) => {
                    return Err(failed(&super::request::causes(&error)));
                }
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

fn failed(details: &str) -> Refusal {
    Refusal::new(ProxyError::ConnectionTerminated, details)
}
