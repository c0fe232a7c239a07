//! The admin page: whether the process lives and is ready, its metrics, and its tunnels.

use crate::accept::Ledger;
use crate::accept::listener::Listener;
use crate::accept::metrics::{self, Metrics};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use serde_json::json;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Connections to it at the same time.
const CONNECTIONS: usize = 64;
/// For a request's head.
const PATIENCE: Duration = Duration::from_secs(10);
/// After an accept that failed.
const REST: Duration = Duration::from_millis(100);
/// What Prometheus negotiates with this.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers about one process.
pub struct Admin {
    ledger: Arc<Ledger>,
    registry: Registry,
    ready: AtomicBool,
}

impl Admin {
    pub fn new(ledger: Arc<Ledger>) -> Arc<Admin> {
        metrics::started();
        Arc::new(Admin {
            registry: Metrics::registry(&ledger),
            ledger,
            ready: AtomicBool::new(false),
        })
    }

    /// It accepts connections, or no longer.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
        self.ledger.metrics.draining.set(i64::from(!ready));
    }

    /// Answers on `listener` as long as it is polled.
    pub async fn serve(self: Arc<Self>, listener: Listener) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            // It is never closed.
            let Ok(place) = places.clone().acquire_owned().await else {
                return;
            };
            let (socket, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(_) => {
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            let this = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let answer = this.answer(&request, peer);
                    async move { Ok::<_, Infallible>(answer) }
                });
                let mut server = http1::Builder::new();
                server
                    .timer(TokioTimer::new())
                    .header_read_timeout(PATIENCE)
                    .max_buf_size(16 * 1024);
                let _ = server.serve_connection(TokioIo::new(socket), service).await;
                drop(place);
            });
        }
    }

    fn answer(
        &self,
        request: &Request<Incoming>,
        peer: Option<SocketAddr>,
    ) -> Response<Full<Bytes>> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n".into());
            let allowed = HeaderValue::from_static("GET, HEAD");
            answer.headers_mut().insert(ALLOW, allowed);
            return answer;
        }
        match request.uri().path() {
            "/healthz" => text(StatusCode::OK, "ok\n".into()),
            "/readyz" if self.ready.load(Ordering::Acquire) => {
                text(StatusCode::OK, "ready\n".into())
            }
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".into()),
            "/metrics" => match metrics::encode(&self.registry) {
                Ok(all) => with_type(StatusCode::OK, all, OPENMETRICS),
                Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "no metrics\n".into()),
            },
            "/tunnels" if !is_near(request, peer) => {
                let why = "who uses the proxy is told to this machine only\n";
                text(StatusCode::FORBIDDEN, why.into())
            }
            "/tunnels" => {
                let tunnels = self.ledger.tunnels();
                let tunnels: Vec<_> = tunnels.iter().map(|tunnel| tunnel.to_json()).collect();
                let all = json!({ "tunnels": tunnels });
                with_type(StatusCode::OK, format!("{all}\n"), "application/json")
            }
            "/" => text(
                StatusCode::OK,
                "/healthz\n/readyz\n/metrics\n/tunnels\n".into(),
            ),
            _ => text(StatusCode::NOT_FOUND, "there is no such page\n".into()),
        }
    }
}

/// From this machine, and asked for by an address or as localhost: a page of somewhere else that a browser here was made
/// to ask for has another name (DNS rebinding).
fn is_near(request: &Request<Incoming>, peer: Option<SocketAddr>) -> bool {
    let Some(peer) = peer else {
        return true;
    };
    let host = request.headers().get(HOST).and_then(|h| h.to_str().ok());
    let host = host.unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let named = bare.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok();
    peer.ip().to_canonical().is_loopback() && named
}

fn text(status: StatusCode, content: String) -> Response<Full<Bytes>> {
    with_type(status, content, "text/plain; charset=utf-8")
}

fn with_type(status: StatusCode, content: String, kind: &'static str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(content)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
