//! What the user is told about an answer that opens no tunnel.

use crate::base::error::Answer;
use crate::base::escape::escape;
use crate::base::{Error, Kind, Stage};
use crate::http::connect::ConnectRequest;
use crate::http::excerpt::{dechunk, excerpt};
use crate::http::head::ResponseHead;
use crate::http::{proxy_status, status};
use crate::wire::{BoxWire, Deadline};
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Octets of the body that are looked at.
const BODY: usize = 8 * 1024;
/// How long the body is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// The error for a final answer other than 2xx. `rest` is the beginning of its body.
pub async fn error(
    head: ResponseHead,
    rest: Vec<u8>,
    wire: &mut BoxWire,
    request: &ConnectRequest,
) -> Error {
    let body = body(&head, rest, wire).await;
    let html = head
        .fields
        .text("content-type")
        .is_some_and(|t| t.contains("html"));
    let token = token(&head);
    let (kind, blame) = status::meaning(head.status, token.as_deref());
    let reason = escape(&head.reason, 60);
    let cause = format!("{} {reason}", head.status).trim_end().to_owned();
    Error::new(kind, Stage::Request, blame, cause)
        .answer(Answer {
            status: head.status,
            token,
            body: excerpt(&body, html),
        })
        .hint(hint(kind, &head, request))
}

/// As much of the body as comes soon.
async fn body(head: &ResponseHead, mut body: Vec<u8>, wire: &mut BoxWire) -> Vec<u8> {
    let length = head
        .fields
        .text("content-length")
        .and_then(|l| l.parse().ok());
    let want = length.unwrap_or(BODY).min(BODY);
    let patience = Deadline::after(PATIENCE);
    while body.len() < want {
        match patience.run(wire.read_buf(&mut body)).await {
            Ok(Ok(n)) if n > 0 => {}
            _ => break,
        }
    }
    body.truncate(want);
    match head.fields.text("transfer-encoding") {
        Some(coding) if coding.eq_ignore_ascii_case("chunked") => dechunk(&body),
        _ => body,
    }
}

/// The proxy's own word for the error: RFC 9209's, or squid's.
fn token(head: &ResponseHead) -> Option<String> {
    if let Some(reported) = proxy_status::parse(head.fields.all("proxy-status")) {
        return Some(escape(reported.error.as_bytes(), 60));
    }
    let squid = head.fields.text("x-squid-error")?;
    let word = squid.split_ascii_whitespace().next()?;
    Some(escape(word.as_bytes(), 60))
}

fn hint(kind: Kind, head: &ResponseHead, request: &ConnectRequest) -> String {
    let target = &request.authority;
    match (kind, head.status) {
        (Kind::ProxyAuth, _) => auth_hint(head, request.authorization.is_some()),
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
        (Kind::Unsupported, _) => "check that this is a forward proxy that allows CONNECT".into(),
        (Kind::RateLimited, _) => match head.fields.text("retry-after") {
            Some(after) => format!("try again after {}", escape(after.as_bytes(), 40)),
            None => "try again later".into(),
        },
        (Kind::TargetNotResolved, _) => {
            format!("the proxy does not know the name in {target}; check it, or give its address")
        }
        _ => format!("the proxy could not reach {target}; check name and port, and that it is up"),
    }
}

fn auth_hint(head: &ResponseHead, sent: bool) -> String {
    let schemes: Vec<String> = head
        .fields
        .all("proxy-authenticate")
        .chain(head.fields.all("www-authenticate"))
        .filter_map(|v| v.split(|b| *b == b' ').next())
        .map(|scheme| escape(scheme, 20))
        .collect();
    let basic = schemes.iter().any(|s| s.eq_ignore_ascii_case("basic"));
    match (basic, sent) {
        (true, true) => "check user name and password".into(),
        (true, false) => "give a user with -U USER and a password (see --proxy-pass-file)".into(),
        (false, _) if schemes.is_empty() => "the proxy does not say which scheme it wants".into(),
        (false, _) => format!(
            "it asks for {}; only Basic is supported yet",
            schemes.join(", ")
        ),
    }
}
