//! HTTP inside tunnels: the payload is read as HTTP/1.1, or as HTTP/2 with prior knowledge, request by request.

mod far;
mod first;
mod request;
mod watched;

use crate::accept::ledger::{Listed, Tunnel};
use crate::accept::terminator::{Lifetime, Terminator};
use crate::base::Target;
use crate::http::Field;
use crate::policy::InnerRules;
use crate::relay::{Options, relay_watched};
use crate::wire::{Abort, BoxWire, Prefixed, Wire};
use far::Far;
use first::First;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use request::Exchange;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use watched::Near;

/// Octets of a request's head inside a tunnel.
const HEAD: usize = 64 * 1024;
/// Requests at the same time in an HTTP/2 connection inside a tunnel.
const STREAMS: u32 = 100;

/// How requests inside tunnels are treated.
#[derive(Clone, Debug, Default)]
pub struct Inner {
    pub rules: InnerRules,
    /// Set on each request, or taken off where they are empty. `{client}`, `{user}` and `{target}` stand for those.
    pub fields: Vec<Field>,
    /// Requests to go on with another protocol, such as WebSocket.
    pub upgrades: Other,
    /// Payload that does not begin like HTTP.
    pub others: Other,
}

/// What becomes of what is not HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Other {
    Pass,
    #[default]
    Refuse,
}

impl FromStr for Other {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "pass" => Ok(Other::Pass),
            "refuse" => Ok(Other::Refuse),
            _ => Err("there are pass and refuse".into()),
        }
    }
}

/// One tunnel's.
pub struct Task {
    pub inner: Arc<Inner>,
    pub target: Target,
    pub user: Option<Arc<str>>,
    pub client: Option<SocketAddr>,
    pub came_to: Option<SocketAddr>,
}

impl Task {
    /// Until the tunnel is over.
    pub async fn run(
        self,
        mut near: BoxWire,
        mut far: BoxWire,
        listed: Listed,
        terminator: Arc<Terminator>,
    ) {
        let limits = *terminator.shares.limits();
        let looked = tokio::select! {
            first = first::look(&mut near, &mut far) => Ok(first),
            () = silent(&listed.tunnel, limits.idle) => Err("idle"),
            () = Lifetime::new(limits.lifetime) => Err("lifetime"),
        };
        let first = match looked {
            Ok(first) => first,
            Err(end) => {
                near.abort(Abort::Cancel);
                far.abort(Abort::Cancel);
                return listed.close_as(None, end, None);
            }
        };
        let (early, late) = match first {
            First::Http { early, version } => {
                let near: BoxWire = Box::new(Prefixed::new(early, near));
                return self.requests(near, far, version, listed, terminator).await;
            }
            First::Other { early, late } if self.inner.others == Other::Pass => (early, late),
            First::Other { .. } => {
                near.abort(Abort::Cancel);
                far.abort(Abort::Cancel);
                terminator.ledger.metrics.inner("not_http");
                return listed.close_as(None, "not_http", None);
            }
            First::Broken(error) => {
                near.abort(Abort::Connect);
                far.abort(Abort::Connect);
                return listed.close_as(None, "client_broke", Some(error.to_string()));
            }
        };
        let options = Options {
            idle: limits.idle,
            ..Options::default()
        };
        let outcome = relay_watched(
            Prefixed::new(early, near),
            Prefixed::new(late, far),
            options,
            Lifetime::new(limits.lifetime),
            listed.tunnel.clone(),
        );
        let outcome = outcome.await;
        listed.close(&outcome);
    }

    async fn requests(
        self,
        near: BoxWire,
        far: BoxWire,
        version: http::Version,
        listed: Listed,
        terminator: Arc<Terminator>,
    ) {
        let limits = *terminator.shares.limits();
        let tunnel = listed.tunnel.clone();
        let far = Far::new(self, version, terminator, tunnel.clone(), far);
        let exchange = Arc::new(Exchange::new(far, tunnel.clone()));
        let of_service = exchange.clone();
        let service = service_fn(move |request| {
            let exchange = of_service.clone();
            async move { Ok::<_, Infallible>(exchange.answer(request).await) }
        });
        let near = TokioIo::new(Near::new(near));
        let serving = async {
            match version {
                http::Version::HTTP_2 => {
                    let mut server = http2::Builder::new(TokioExecutor::new());
                    server
                        .max_concurrent_streams(STREAMS)
                        .max_header_list_size(HEAD as u32);
                    server.serve_connection(near, service).await
                }
                _ => {
                    let mut server = http1::Builder::new();
                    server.half_close(true).max_buf_size(HEAD);
                    let serving = server.serve_connection(near, service);
                    serving.with_upgrades().await
                }
            }
        };
        let (end, error) = tokio::select! {
            served = serving => match served {
                Ok(()) => ("clean", None),
                Err(error) => ("broke", Some(request::causes(&error))),
            },
            () = silent(&tunnel, limits.idle) => ("idle", None),
            () = Lifetime::new(limits.lifetime) => ("lifetime", None),
        };
        match exchange.upgraded() {
            Some(relaying) => {
                // As long as it lives, whatever the limits: they hold in there.
                let outcome = relaying.await.ok();
                match outcome {
                    Some(outcome) => listed.close(&outcome),
                    None => listed.close_as(None, "broke", None),
                }
            }
            None => listed.close_as(None, end, error),
        }
    }
}

/// Once nothing has moved for so long.
async fn silent(tunnel: &Arc<Tunnel>, limit: Option<Duration>) {
    let Some(limit) = limit else {
        return std::future::pending().await;
    };
    let mut before = tunnel.bytes();
    loop {
        tokio::time::sleep(limit).await;
        let now = tunnel.bytes();
        if std::mem::replace(&mut before, now) == now {
            return;
        }
    }
}
