//! What a request asks a terminator for, whichever way.

use crate::base::{Host, Target};
use crate::http::field::Fields;
use crate::http::head::RequestHead;
use crate::http::proxy_status::ProxyError;
use crate::http::refusal::Refusal;
use crate::http::{connect, post, websocket};

/// A tunnel that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub target: Target,
    pub method: Method,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Connect,
    /// The answer's content begins with [`post::GREETING`] where the client wants it.
    Post {
        greeting: bool,
    },
    /// `halves`: each direction has an end of its own.
    WebSocket {
        halves: bool,
    },
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::Connect => "CONNECT",
            Method::Post { .. } => "POST",
            Method::WebSocket { .. } => "WebSocket",
        }
    }
}

/// How HTTP/1.1 shows where a request's content ends (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Chunked,
    /// After so many octets; also none.
    Length(u64),
}

/// A request on HTTP/1.x, and how its content ends. `forward` is where every POST goes, if anywhere.
pub fn of_http1(
    request: &RequestHead,
    forward: Option<&Target>,
) -> Result<(Asked, Framing), Refusal> {
    match request.method.as_str() {
        "CONNECT" => {
            let asked = Asked {
                target: connect::target_of(request)?,
                method: Method::Connect,
            };
            Ok((asked, Framing::Length(0)))
        }
        "POST" => {
            check_version(request)?;
            let framing = framing(&request.fields)?;
            let (authority, path) = resource(request)?;
            let asked = post_for(forward, path, Some(authority), &request.fields)?;
            Ok((asked, framing))
        }
        "GET" if websocket::is_upgrade(&request.fields) => {
            check_version(request)?;
            websocket::check(&request.fields)?;
            if framing(&request.fields)? != Framing::Length(0) {
                let details = "a WebSocket handshake has no content";
                return Err(Refusal::new(ProxyError::HttpRequestError, details));
            }
            let (authority, path) = resource(request)?;
            let asked = websocket_for(forward, path, Some(authority), &request.fields)?;
            Ok((asked, Framing::Length(0)))
        }
        _ => Err(not_allowed()),
    }
}

/// A request on HTTP/2, by its pseudo-header fields.
pub fn of_http2(
    method: &str,
    authority: Option<&str>,
    path: &str,
    fields: &Fields,
    forward: Option<&Target>,
) -> Result<Asked, Refusal> {
    check_host(authority, fields)?;
    match method {
        "CONNECT" => Ok(Asked {
            target: connect::target_of_http2(authority, fields)?,
            method: Method::Connect,
        }),
        "POST" => {
            let authority = authority.or_else(|| fields.text("host"));
            post_for(forward, path, authority, fields)
        }
        _ => Err(not_allowed()),
    }
}

/// An extended CONNECT on HTTP/2 (RFC 8441 §4), for another `protocol` than a tunnel's.
pub fn of_extended(
    protocol: &str,
    authority: Option<&str>,
    path: &str,
    fields: &Fields,
    forward: Option<&Target>,
) -> Result<Asked, Refusal> {
    check_host(authority, fields)?;
    if protocol != "websocket" {
        // RFC 9220 §3.
        let details = "the only :protocol that is understood is websocket";
        return Err(Refusal::new(ProxyError::HttpRequestError, details).status(501));
    }
    websocket_for(forward, path, authority, fields)
}

fn websocket_for(
    forward: Option<&Target>,
    path: &str,
    authority: Option<&str>,
    fields: &Fields,
) -> Result<Asked, Refusal> {
    Ok(Asked {
        target: post::target_of(forward, path, authority, fields)?,
        method: Method::WebSocket {
            halves: websocket::offers_halves(fields),
        },
    })
}

/// RFC 9113 §8.3.1: a Host beside `:authority` must not say something else.
fn check_host(authority: Option<&str>, fields: &Fields) -> Result<(), Refusal> {
    let Some(authority) = authority else {
        return Ok(());
    };
    let same = |host: &[u8]| connect::names_authority(host, authority);
    match fields.all("host").all(same) {
        true => Ok(()),
        false => {
            let details = "the Host field differs from :authority";
            Err(Refusal::new(ProxyError::HttpRequestError, details))
        }
    }
}

fn post_for(
    forward: Option<&Target>,
    path: &str,
    authority: Option<&str>,
    fields: &Fields,
) -> Result<Asked, Refusal> {
    Ok(Asked {
        target: post::target_of(forward, path, authority, fields)?,
        method: Method::Post {
            greeting: post::wants_greeting(fields),
        },
    })
}

fn not_allowed() -> Refusal {
    let details = "this proxy only opens tunnels: use CONNECT or POST";
    Refusal::new(ProxyError::HttpRequestError, details)
        .status(405)
        .field("Allow", "CONNECT, POST")
}

/// HTTP/1.0 has no chunked coding: an answer without a length could not be told from a cut one.
fn check_version(request: &RequestHead) -> Result<(), Refusal> {
    if request.minor >= 1 {
        return Ok(());
    }
    let details = "a POST tunnel needs HTTP/1.1 or HTTP/2 (nginx: grpc_pass)";
    Err(Refusal::new(ProxyError::HttpRequestError, details).status(505))
}

/// Authority and path of a POST, in origin-form or absolute-form (RFC 9112 §3.2).
fn resource(request: &RequestHead) -> Result<(&str, &str), Refusal> {
    let bad = |details: &str| Refusal::new(ProxyError::HttpRequestError, details);
    let mut hosts = request.fields.all("host");
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(bad("not exactly one Host field"));
    };
    let host = std::str::from_utf8(host).ok().filter(|h| is_host(h));
    let host = host.ok_or_else(|| bad("the Host field is not HOST[:PORT]"))?;
    let target = request.target.as_str();
    if target.starts_with('/') {
        return Ok((host, target));
    }
    let scheme = target.get(..7).unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("http://") {
        return Err(bad("the request target is neither a path nor an http URL"));
    }
    let rest = &target[7..];
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match is_host(authority) {
        true => Ok((authority, path)),
        false => Err(bad("the authority of the URL is not HOST[:PORT]")),
    }
}

/// RFC 9112 §3.2: `uri-host [ ":" port ]`, perhaps empty, and no userinfo. Built-in targets have names too.
fn is_host(text: &str) -> bool {
    text.is_empty() || Target::from_authority(text).is_ok() || Host::parse(text).is_ok()
}

/// How the content of a request is delimited.
fn framing(fields: &Fields) -> Result<Framing, Refusal> {
    let bad = |details: &str| Refusal::new(ProxyError::HttpRequestError, details);
    let codings: Vec<&[u8]> = fields.all("transfer-encoding").collect();
    let lengths: Vec<&[u8]> = fields.all("content-length").collect();
    match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => Ok(Framing::Length(0)),
        ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        (_, []) => Err(bad("the only Transfer-Encoding that is understood is chunked").status(501)),
        ([], [length]) => {
            let digits = length.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(length).ok().filter(|_| digits);
            let octets = text.and_then(|t| t.parse().ok());
            octets
                .map(Framing::Length)
                .ok_or_else(|| bad("Content-Length is not a number"))
        }
        ([], _) => Err(bad("more than one Content-Length")),
        // RFC 9112 §6.1: this is how requests are smuggled.
        _ => Err(bad("Transfer-Encoding and Content-Length together")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::{HeadBuffer, Role};

    fn head(text: &str) -> RequestHead {
        let mut buffer = HeadBuffer::new(Role::Server);
        assert!(buffer.push(text.as_bytes()).unwrap(), "{text:?}");
        buffer.into_request().unwrap().0
    }

    fn asked(text: &str) -> Result<String, u16> {
        let asked = of_http1(&head(text), None);
        asked.map(|a| a.0.target.to_string()).map_err(|r| r.status)
    }

    #[test]
    fn methods() {
        assert_eq!(asked("GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n"), Err(405));
        assert_eq!(asked("connect h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n"), Err(405));
        assert_eq!(
            asked("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n").unwrap(),
            "h:1"
        );
    }

    #[test]
    fn posts() {
        let chunked = "Transfer-Encoding: chunked\r\n";
        for (line, target) in [
            ("POST / HTTP/1.1\r\nHost: h:1\r\n", Ok("h:1")),
            ("POST http://i:2/x HTTP/1.1\r\nHost: h:1\r\n", Ok("i:2")),
            ("POST HTTP://i:2 HTTP/1.1\r\nHost: h:1\r\n", Ok("i:2")),
            ("POST / HTTP/1.0\r\nHost: h:1\r\n", Err(505)),
            ("POST / HTTP/1.1\r\n", Err(400)),
            ("POST / HTTP/1.1\r\nHost: h:1\r\nHost: h:1\r\n", Err(400)),
            ("POST h:1 HTTP/1.1\r\nHost: h:1\r\n", Err(400)),
            ("POST * HTTP/1.1\r\nHost: h:1\r\n", Err(400)),
            ("POST / HTTP/1.1\r\nHost: h\r\n", Err(400)),
        ] {
            let got = asked(&format!("{line}{chunked}\r\n"));
            assert_eq!(got.as_deref(), target.as_ref().map(|t| *t), "{line}");
        }
    }

    #[test]
    fn framings() {
        for (fields, framing) in [
            ("", Ok(Framing::Length(0))),
            ("Content-Length: 5\r\n", Ok(Framing::Length(5))),
            ("Transfer-Encoding: Chunked\r\n", Ok(Framing::Chunked)),
            ("Transfer-Encoding: gzip, chunked\r\n", Err(501)),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                Err(501),
            ),
            (
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                Err(400),
            ),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", Err(400)),
            ("Content-Length: +5\r\n", Err(400)),
            ("Content-Length: \r\n", Err(400)),
            ("Content-Length: 99999999999999999999\r\n", Err(400)),
        ] {
            let head = head(&format!("POST / HTTP/1.1\r\nHost: h\r\n{fields}\r\n"));
            let got = super::framing(&head.fields).map_err(|r| r.status);
            assert_eq!(got, framing, "{fields}");
        }
    }
}
