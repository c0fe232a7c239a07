//! What the user is told about an answer that opens no tunnel.

use crate::auth::Challenge;
use crate::base::error::{Answer, Held};
use crate::base::escape::escape;
use crate::base::{Blame, Error, Kind, Stage};
use crate::carrier::signature;
use crate::http::excerpt::excerpt;
use crate::http::head::ResponseHead;
use crate::http::{Fields, TunnelRequest, proxy_status, status};
use crate::wire::{BoxWire, Deadline};
use std::fmt;
use std::time::Duration;

/// Octets of the body that are looked at.
pub const BODY: usize = 8 * 1024;
/// How long the body is waited for; and behind an answer that came after the last question.
const PATIENCE: Duration = Duration::from_millis(500);
const LATE_PATIENCE: Duration = Duration::from_millis(50);
/// The same where all of it is needed.
pub const PATIENCE_FOR_WHOLE: Duration = Duration::from_secs(5);

/// How long the body of an answer is waited for.
pub fn patience(last_question: Deadline) -> Duration {
    match last_question.is_over() {
        true => LATE_PATIENCE,
        false => PATIENCE,
    }
}

/// What to do about somebody on the way who gathers requests or answers.
const BUFFERED: &str = "turn off the buffering of what is on the way (nginx: grpc_pass instead of proxy_pass; \
                        HAProxy: no http-buffer-request), or use another --via";

/// What to do about somebody who answers POST and knows no tunnels.
const NO_TERMINATOR: &str =
    "check that 'tuncat serve', or Envoy, answers POST there, and see --path";

/// The same for WebSocket.
const NO_WEBSOCKET: &str = "check that 'tuncat serve' is there, that what is on the way passes WebSocket on, and see --path";

/// An answer to a WebSocket handshake that looks like success and is none.
pub fn no_websocket(head: &Head, why: &str, body: &[u8]) -> Error {
    let status = head.status;
    unsupported(format!("WebSocket was answered with {status}, but {why}"))
        .answer(head.answer(None, body))
        .hint(NO_WEBSOCKET)
}

/// The proxy's settings say that it does not take RFC 8441.
pub fn no_extended_connect() -> Error {
    let cause = "the proxy does not take WebSocket over HTTP/2 (RFC 8441)";
    unsupported(cause.into()).hint("--via h1-ws needs HTTP/1.1")
}

/// How long an answer has for coming once its request has ended, at most.
pub const LAST_QUESTION: Duration = Duration::from_secs(1);
/// How long the greeting may take to follow the answer's head.
pub const GREETING_PATIENCE: Duration = Duration::from_secs(3);

/// A POST was answered, and with success, only after its content had ended.
pub fn request_buffered() -> Error {
    let cause = "POST was answered only when its content had ended: something on the way holds the \
                 request back until it is whole (or the target takes that long)";
    unsupported(cause.into()).held(Held::Request).hint(BUFFERED)
}

/// Nor after that.
pub fn no_answer() -> Error {
    let cause = "no answer to POST, not even when its content had ended";
    Error::new(Kind::Timeout, Stage::Request, Blame::Network, cause).hint("-w sets the limit")
}

/// The greeting that the answer's head announced did not come.
pub fn answer_buffered() -> Error {
    let cause = "the answer's head came and its content did not: something on the way holds the \
                 answer back";
    unsupported(cause.into()).held(Held::Answer).hint(BUFFERED)
}

/// The tunnel broke before its greeting.
pub fn broken_greeting(error: &std::io::Error) -> Error {
    let cause = format!("the tunnel broke before it had begun: {error}");
    Error::new(Kind::Reset, Stage::Request, Blame::Proxy, cause)
}

/// Something else came instead of the greeting.
pub fn wrong_greeting() -> Error {
    unsupported("the tunnel does not begin as its terminator said".into())
}

/// A successful answer to POST that is no tunnel.
pub fn not_a_tunnel(head: &Head, why: &str, body: &[u8]) -> Error {
    let status = head.status;
    unsupported(format!("POST was answered with {status}, but {why}"))
        .answer(head.answer(None, body))
        .hint(NO_TERMINATOR)
}

fn unsupported(cause: String) -> Error {
    Error::new(Kind::Unsupported, Stage::Request, Blame::Proxy, cause)
}

/// The head of a final answer other than 2xx, of any version.
pub struct Head {
    pub status: u16,
    /// Empty where the version has none.
    pub reason: Vec<u8>,
    pub fields: Fields,
}

impl From<ResponseHead> for Head {
    fn from(head: ResponseHead) -> Self {
        Head {
            status: head.status,
            reason: head.reason,
            fields: head.fields,
        }
    }
}

impl Head {
    fn is_html(&self) -> bool {
        let kind = self.fields.text("content-type");
        kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("html"))
    }

    fn answer(&self, token: Option<String>, body: &[u8]) -> Answer {
        let mut challenges = signature::all(&self.fields, "proxy-authenticate");
        challenges.extend(signature::all(&self.fields, "www-authenticate"));
        Answer {
            status: self.status,
            token,
            body: excerpt(body, self.is_html()),
            challenges,
            signature: signature::of(&self.fields),
        }
    }
}

/// No tunnel, and perhaps what would change that.
pub struct Refused {
    pub error: Error,
    /// What the proxy wants to be shown (407; 401 to a POST).
    pub challenges: Option<Vec<Challenge>>,
    /// The connection, where another request can go out on it.
    pub wire: Option<BoxWire>,
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused {
            error,
            challenges: None,
            wire: None,
        }
    }
}

/// Of an answer on HTTP/2 or HTTP/3: to a POST, success that is `no_tunnel` for that reason; else no success.
pub fn by_answer(
    status: u16,
    fields: Fields,
    no_tunnel: Option<&str>,
    body: &[u8],
    request: &TunnelRequest,
) -> Refused {
    let head = Head {
        status,
        reason: Vec::new(),
        fields,
    };
    let error = match no_tunnel {
        Some(why) => not_a_tunnel(&head, why, body),
        None => error(&head, body, request),
    };
    Refused {
        challenges: challenges(status, &head.fields),
        ..Refused::from(error)
    }
}

/// Those of an answer with that status.
pub fn challenges(status: u16, fields: &Fields) -> Option<Vec<Challenge>> {
    let name = match status {
        401 => "www-authenticate",
        407 => "proxy-authenticate",
        _ => return None,
    };
    Some(Challenge::parse(fields.all(name)))
}

/// The error for such an answer. `body` is the beginning of its content.
pub fn error(head: &Head, body: &[u8], request: &TunnelRequest) -> Error {
    let token = token(head);
    let (kind, blame) = status::meaning(head.status, token.as_deref(), request.is_of_origin());
    let reason = match head.reason.is_empty() {
        true => status::reason(head.status).into(),
        false => escape(&head.reason, 60),
    };
    let cause = format!("{} {reason}", head.status);
    Error::new(kind, Stage::Request, blame, cause)
        .answer(head.answer(token, body))
        .hint_if(hint(kind, head, request))
}

/// The proxy's own word for the error: RFC 9209's, or squid's.
fn token(head: &Head) -> Option<String> {
    if let Some(reported) = proxy_status::parse(head.fields.all("proxy-status")) {
        return Some(escape(reported.error.as_bytes(), 60));
    }
    let squid = head.fields.text("x-squid-error")?;
    let word = squid.split_ascii_whitespace().next()?;
    Some(escape(word.as_bytes(), 60))
}

fn hint(kind: Kind, head: &Head, request: &TunnelRequest) -> Option<String> {
    let target = &request.target;
    Some(match (kind, head.status) {
        // It depends on what there is to answer with.
        (Kind::ProxyAuth, _) => return None,
        (_, 300..400) => match head.fields.get("location") {
            Some(to) => format!(
                "it points to \"{}\", which is not followed",
                escape(to, 100)
            ),
            None => "redirects are not followed".into(),
        },
        (Kind::Refused, 500..) => {
            format!("the proxy failed, perhaps because it could not reach {target}; ask its owner")
        }
        (Kind::Refused, _) => format!(
            "the proxy's rules do not let you reach {target}; many allow port 443 only, so try \
             that or ask for it"
        ),
        (Kind::Unsupported, 408 | 411 | 413) if request.is_post() => BUFFERED.into(),
        (Kind::Unsupported, 505) if request.is_post() => {
            "what is on the way must speak HTTP/1.1 or HTTP/2 (nginx: grpc_pass)".into()
        }
        (Kind::Unsupported, _) if request.is_post() => NO_TERMINATOR.into(),
        (Kind::Unsupported, _) if request.is_websocket() => NO_WEBSOCKET.into(),
        (Kind::Unsupported, _) => "check that this is a forward proxy that allows CONNECT".into(),
        (Kind::RateLimited, _) => match head.fields.text("retry-after") {
            Some(after) => format!("try again after {}", escape(after.as_bytes(), 40)),
            None => "try again later".into(),
        },
        (Kind::TargetNotResolved, _) => {
            format!("the proxy does not know the name in {target}; check it, or give its address")
        }
        _ => format!("the proxy could not reach {target}; check name and port, and that it is up"),
    })
}
