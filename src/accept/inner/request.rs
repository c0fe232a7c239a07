//! One request inside a tunnel: judged, changed, passed on, and told of in the log.

use crate::accept::inner::far::Far;
use crate::accept::inner::watched::{Beyond, Near, Watched};
use crate::accept::inner::{Inner, Other};
use crate::accept::ledger::{Ledger, Tunnel};
use crate::accept::record::Record;
use crate::accept::terminator::Lifetime;
use crate::http::{ProxyError, Refusal, via};
use crate::relay::{Options, Outcome, relay_watched};
use crate::wire::Prefixed;
use http::header::{CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, TE, UPGRADE};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Instant, SystemTime};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

/// Fields that are for one connection only (RFC 9110 §7.6.1).
const HOP_BY_HOP: [&str; 5] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

pub type Content = UnsyncBoxBody<Bytes, hyper::Error>;

/// The requests of one tunnel.
pub struct Exchange {
    far: Far,
    tunnel: Arc<Tunnel>,
    upgraded: Mutex<Option<JoinHandle<Outcome>>>,
}

impl Exchange {
    pub fn new(far: Far, tunnel: Arc<Tunnel>) -> Self {
        Exchange {
            far,
            tunnel,
            upgraded: Mutex::default(),
        }
    }

    /// What the tunnel became when its protocol was changed.
    pub fn upgraded(&self) -> Option<JoinHandle<Outcome>> {
        let mut upgraded = self.upgraded.lock().unwrap_or_else(PoisonError::into_inner);
        upgraded.take()
    }

    pub async fn answer(&self, mut request: Request<Incoming>) -> Response<Content> {
        let mut line = Line {
            method: request.method().to_string(),
            host: host_of(&request).unwrap_or_default(),
            path: request.uri().path().to_owned(),
            begun: Instant::now(),
            ledger: self.far.terminator.ledger.clone(),
            tunnel: self.tunnel.clone(),
            status: 0,
            bytes: 0,
            error: None,
            told: false,
        };
        // There for every request that wants one, and for CONNECT.
        let mut upgrade = request
            .extensions()
            .get::<OnUpgrade>()
            .is_some()
            .then(|| hyper::upgrade::on(&mut request));
        let passed = self.pass_on(request, &mut upgrade).await;
        if let Some(unused) = upgrade {
            end_in_peace(unused);
        }
        match passed {
            Ok(response) => {
                line.ledger.metrics.inner("allowed");
                line.status = response.status().as_u16();
                response.map(|content| {
                    Told {
                        content,
                        broken: None,
                        line,
                    }
                    .boxed_unsync()
                })
            }
            Err(refusal) => {
                let denied = refusal.error == ProxyError::HttpRequestDenied;
                let result = if denied { "denied" } else { "failed" };
                line.ledger.metrics.inner(result);
                line.status = refusal.status;
                line.error = Some(refusal.error.token().into());
                line.tell();
                answer_of(&refusal)
            }
        }
    }

    /// Takes `near` where the protocol is changed.
    async fn pass_on(
        &self,
        mut request: Request<Incoming>,
        near: &mut Option<OnUpgrade>,
    ) -> Result<Response<Content>, Refusal> {
        let inner = self.far.task.inner.clone();
        let host = host_of(&request)?;
        if request.method() == Method::CONNECT {
            let details = "no tunnel is opened inside this one";
            return Err(Refusal::new(ProxyError::HttpRequestDenied, details).status(405));
        }
        let path = request.uri().path();
        if !inner.rules.allows(request.method().as_str(), &host, path) {
            let details = "no rule allows this request, or one denies it";
            return Err(Refusal::new(ProxyError::HttpRequestDenied, details));
        }
        let upgrade = upgrade_of(request.headers());
        if upgrade.is_some() && inner.upgrades == Other::Refuse {
            let details = "upgrades are not allowed";
            return Err(Refusal::new(ProxyError::HttpRequestDenied, details));
        }
        self.prepare(&mut request, upgrade.as_ref())?;
        let mut response = self.far.send(request).await?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let Some(near) = upgrade.and_then(|_| near.take()) else {
                let details = "the target changed the protocol, which nobody wanted";
                return Err(Refusal::new(ProxyError::HttpRequestError, details).status(502));
            };
            let far = hyper::upgrade::on(&mut response);
            self.relay(near, far);
            return Ok(response.map(BodyExt::boxed_unsync));
        }
        clean(response.headers_mut());
        Ok(response.map(BodyExt::boxed_unsync))
    }

    /// As it goes to the target: in origin-form on HTTP/1.1, without what was for us alone.
    fn prepare(
        &self,
        request: &mut Request<Incoming>,
        upgrade: Option<&HeaderValue>,
    ) -> Result<(), Refusal> {
        let bad = |e: &dyn Error| Refusal::new(ProxyError::HttpRequestError, e.to_string());
        let http2 = self.far.version == http::Version::HTTP_2;
        if !http2 {
            let place = request.uri().path_and_query().map_or("/", |p| p.as_str());
            let place: Uri = place.parse().map_err(|e| bad(&e))?;
            if let Some(authority) = request.uri().authority() {
                // RFC 9112 §3.2.2: it says what Host should have said.
                let value = HeaderValue::from_str(authority.as_str()).map_err(|e| bad(&e))?;
                request.headers_mut().insert(HOST, value);
            }
            *request.uri_mut() = place;
        }
        *request.version_mut() = self.far.version;
        let headers = request.headers_mut();
        let trailers = headers.get(TE).is_some_and(|te| te == "trailers");
        clean(headers);
        headers.remove(TE);
        if trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
            if !http2 {
                headers.append(CONNECTION, HeaderValue::from_static("te"));
            }
        }
        if let Some(protocol) = upgrade {
            headers.insert(UPGRADE, protocol.clone());
            headers.append(CONNECTION, HeaderValue::from_static("upgrade"));
        }
        let version = if http2 { "2" } else { "1.1" };
        let passed = format!("{version} {}", via::pseudonym());
        let passed = HeaderValue::from_str(&passed).map_err(|e| bad(&e))?;
        headers.append(http::header::VIA, passed);
        self.change(headers);
        Ok(())
    }

    /// The fields of the rules. What cannot be said in a field is left out.
    fn change(&self, headers: &mut HeaderMap) {
        let Inner { fields, .. } = &*self.far.task.inner;
        for field in fields {
            let Ok(name) = HeaderName::from_bytes(field.name.as_bytes()) else {
                continue;
            };
            headers.remove(&name);
            let text = String::from_utf8_lossy(&field.value);
            let client = self
                .far
                .task
                .client
                .map(|a| a.ip().to_canonical().to_string());
            let text = text
                .replace("{client}", client.as_deref().unwrap_or("unix"))
                .replace("{user}", self.far.task.user.as_deref().unwrap_or("-"))
                .replace("{target}", &self.far.task.target.to_string());
            match HeaderValue::from_str(&text) {
                Ok(value) if !text.is_empty() => {
                    headers.insert(name, value);
                }
                _ => {}
            }
        }
    }

    /// Carries what follows a change of protocol.
    fn relay(&self, near: OnUpgrade, far: OnUpgrade) {
        let tunnel = self.tunnel.clone();
        let limits = *self.far.terminator.shares.limits();
        let relaying = tokio::spawn(async move {
            let (near, far) = tokio::join!(near, far);
            let lost = |error: &dyn Error| Outcome::not_begun(causes(error));
            let near = match near {
                Ok(near) => taken::<Near>(near),
                Err(error) => return lost(&error),
            };
            let far = match far {
                Ok(far) => taken::<Watched>(far),
                Err(error) => return lost(&error),
            };
            let (Some((near, early)), Some((far, late))) = (near, far) else {
                return Outcome::not_begun("the connection is not as it was".into());
            };
            let Some(near) = near.take() else {
                return Outcome::not_begun("the connection is not as it was".into());
            };
            let options = Options {
                idle: limits.idle,
                ..Options::default()
            };
            let stop = Lifetime::new(limits.lifetime);
            let watch = Beyond::new(tunnel);
            let outcome = relay_watched(
                Prefixed::new(early, near),
                Prefixed::new(late, far.wire),
                options,
                stop,
                watch,
            );
            outcome.await
        });
        let mut upgraded = self.upgraded.lock().unwrap_or_else(PoisonError::into_inner);
        *upgraded = Some(relaying);
    }
}

/// After a change of protocol that did not happen hyper gives the connection away at its end, which is to be a clean one.
fn end_in_peace(connection: OnUpgrade) {
    tokio::spawn(async move {
        if let Ok(connection) = connection.await
            && let Some((mut near, _)) = taken::<Near>(connection)
        {
            let _ = near.shutdown().await;
        }
    });
}

/// The connection below, with what was read of it.
fn taken<T>(upgraded: Upgraded) -> Option<(T, Vec<u8>)>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let parts = upgraded.downcast::<TokioIo<T>>().ok()?;
    Some((parts.io.into_inner(), parts.read_buf.to_vec()))
}

/// Without its port. A request has exactly one (RFC 9112 §3.2).
fn host_of(request: &Request<Incoming>) -> Result<String, Refusal> {
    let bad = || Refusal::new(ProxyError::HttpRequestError, "not exactly one Host");
    let mut hosts = request.headers().get_all(HOST).iter();
    let (first, more) = (hosts.next(), hosts.next());
    let authority = match (request.uri().authority(), first, more) {
        (_, _, Some(_)) | (None, None, _) => return Err(bad()),
        (Some(authority), ..) => authority.as_str(),
        (None, Some(host), None) => host.to_str().map_err(|_| bad())?,
    };
    let authority: http::uri::Authority = authority.parse().map_err(|_| bad())?;
    Ok(authority.host().to_owned())
}

/// The protocol that is wanted instead of HTTP/1.1. HTTP/2 would only hide the requests: it is never passed on.
fn upgrade_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers.get(UPGRADE)?;
    let named = headers.get_all(CONNECTION).iter().any(|value| {
        let value = value.to_str().unwrap_or_default();
        value
            .split(',')
            .any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
    });
    let text = wanted.to_str().ok()?.to_ascii_lowercase();
    let http2 = text.split(',').any(|p| p.trim().starts_with("h2c"));
    (named && !http2).then(|| wanted.clone())
}

/// Takes off what is for one connection only.
fn clean(headers: &mut HeaderMap) {
    let options: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|option| option.trim().to_ascii_lowercase())
        .collect();
    // What the framing or the target's choice rests on is not to be taken off by a client's word.
    let needed = [
        "host",
        "content-length",
        "content-type",
        "cookie",
        "authorization",
        "te",
    ];
    for option in options.iter().filter(|o| !needed.contains(&o.as_str())) {
        headers.remove(option.as_str());
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove("http2-settings");
}

fn answer_of(refusal: &Refusal) -> Response<Content> {
    let never = |never: std::convert::Infallible| match never {};
    let content = Full::new(Bytes::from(refusal.body())).map_err(never);
    let mut response = Response::new(content.boxed_unsync());
    *response.status_mut() =
        StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in refusal.fields() {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// An error and what it came from.
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// A request's line of the log.
struct Line {
    method: String,
    host: String,
    path: String,
    begun: Instant,
    ledger: Arc<Ledger>,
    tunnel: Arc<Tunnel>,
    status: u16,
    /// Of the answer's content.
    bytes: u64,
    error: Option<String>,
    told: bool,
}

impl Line {
    fn tell(&mut self) {
        if std::mem::replace(&mut self.told, true) || !self.ledger.has_log() {
            return;
        }
        let record = Record::new("request", SystemTime::now())
            .with("tunnel", self.tunnel.id)
            .with("client", self.tunnel.who.client.as_ref())
            .with_some("user", self.tunnel.who.user.as_deref())
            .with("method", self.method.as_str())
            .with("host", self.host.as_str())
            .with("path", self.path.as_str())
            .with("status", self.status)
            .with("bytes", self.bytes)
            .with_ms("duration_ms", self.begun.elapsed())
            .with_some("error", self.error.as_deref());
        self.ledger.write(&record);
    }
}

/// The content of an answer; its end, or its being given up, is told.
struct Told {
    content: Content,
    /// An error that is told when what came before it has been written.
    broken: Option<hyper::Error>,
    line: Line,
}

impl Body for Told {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = ready!(Pin::new(&mut self.content).poll_frame(cx));
        match frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.line.bytes += data.len() as u64;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                self.line.error = Some(causes(&error));
                // hyper throws away what it has not written yet when it hears of an error; so it does not just now.
                self.broken = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                self.line.tell();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.broken.is_none() && self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if !self.content.is_end_stream() && self.line.error.is_none() && !self.line.told {
            self.line.error = Some("given up before its end".into());
        }
        self.line.tell();
    }
}
