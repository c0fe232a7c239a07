//! The client's side: one request, any number of interim answers, one final one.

use crate::base::defaults::INTERIM_ANSWERS;
use crate::base::escape::escape;
use crate::base::{Blame, Error, Kind, Stage};
use crate::carrier::{HalfClose, Opened, refused};
use crate::http::connect::ConnectRequest;
use crate::http::excerpt::dechunk;
use crate::http::head::{HeadBuffer, HeadError, ResponseHead, Role};
use crate::wire::{BoxWire, Deadline, Prefixed};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Octets read at a time while the head arrives.
const READ: usize = 4096;

/// Sends `request` and waits for the final answer. No octet of payload is sent before (RFC 9931).
pub async fn open(mut wire: BoxWire, request: &ConnectRequest) -> Result<Opened, Error> {
    let octets = request.to_http1();
    wire.write_all(&octets).await.map_err(closed)?;
    wire.flush().await.map_err(closed)?;
    let (head, rest) = final_answer(&mut wire).await?;
    if !(200..300).contains(&head.status) {
        let body = body(&head, rest, &mut wire).await;
        let head = refused::Head {
            status: head.status,
            reason: head.reason,
            fields: head.fields,
        };
        return Err(refused::error(&head, &body, request));
    }
    Ok(Opened {
        half_close: half_close(&head),
        status: head.status,
        wire: match rest.is_empty() {
            true => wire,
            false => Box::new(Prefixed::new(rest, wire)),
        },
    })
}

/// The first answer that is not interim (RFC 9110 §15.2), and the octets behind it.
async fn final_answer(wire: &mut BoxWire) -> Result<(ResponseHead, Vec<u8>), Error> {
    let mut rest = Vec::new();
    for _ in 0..=INTERIM_ANSWERS {
        let (head, after) = answer(wire, rest).await?;
        rest = after;
        // 101 would be an answer to an Upgrade, which nobody asked for.
        if head.status >= 200 || head.status == 101 {
            return Ok((head, rest));
        }
    }
    let cause = format!("more than {INTERIM_ANSWERS} interim (1xx) answers");
    Err(proxy_error(Kind::Refused, cause))
}

async fn answer(wire: &mut BoxWire, already: Vec<u8>) -> Result<(ResponseHead, Vec<u8>), Error> {
    let mut head = HeadBuffer::new(Role::Client);
    let mut complete = head
        .push(&already)
        .map_err(|e| unreadable(e, head.bytes()))?;
    let mut buffer = Vec::with_capacity(READ);
    while !complete {
        buffer.clear();
        if wire.read_buf(&mut buffer).await.map_err(closed)? == 0 {
            return Err(closed(io::ErrorKind::UnexpectedEof.into()));
        }
        complete = head
            .push(&buffer)
            .map_err(|e| unreadable(e, head.bytes()))?;
    }
    let shown = head.bytes().to_vec();
    head.into_response().map_err(|e| unreadable(e, &shown))
}

/// As much of a refusal's body as comes soon.
async fn body(head: &ResponseHead, mut body: Vec<u8>, wire: &mut BoxWire) -> Vec<u8> {
    let length = head.fields.text("content-length");
    let length = length.and_then(|l| l.parse().ok());
    let want = length.unwrap_or(refused::BODY).min(refused::BODY);
    let patience = Deadline::after(refused::PATIENCE);
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

/// Proxies known to pass a FIN on and go on with the other direction. They say who they are.
fn half_close(head: &ResponseHead) -> HalfClose {
    match head.fields.text("proxy-agent") {
        Some(agent) if agent.starts_with("tuncat/") || agent.starts_with("Apache") => {
            HalfClose::Kept
        }
        _ => HalfClose::Unknown,
    }
}

fn closed(error: io::Error) -> Error {
    let cause = match error.kind() {
        io::ErrorKind::UnexpectedEof => "closed the connection before answering".into(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "reset the connection before answering".into()
        }
        _ => format!("the connection broke before an answer: {error}"),
    };
    proxy_error(Kind::CannotConnect, cause)
        .hint("check that this is an HTTP proxy, and whether it expects TLS (https://)")
}

fn unreadable(error: HeadError, bytes: &[u8]) -> Error {
    match error {
        HeadError::TooLong | HeadError::TooManyLines => {
            proxy_error(Kind::Refused, format!("in the answer {error}"))
        }
        _ => {
            let excerpt = escape(&bytes[..bytes.len().min(64)], 64);
            let cause = match error {
                HeadError::Malformed(what) => {
                    format!("the answer is not HTTP ({what}): \"{excerpt}\"")
                }
                _ => format!("the answer is not HTTP: \"{excerpt}\""),
            };
            let hint = match bytes {
                [0x15 | 0x16, 3, ..] => "this port speaks TLS: write https:// for the proxy",
                _ if bytes.starts_with(b"SSH-") => "this is an SSH server, not a proxy",
                _ => "check the proxy's address and port",
            };
            proxy_error(Kind::NotHttp, cause).hint(hint)
        }
    }
}

fn proxy_error(kind: Kind, cause: impl Into<String>) -> Error {
    Error::new(kind, Stage::Request, Blame::Proxy, cause)
}
