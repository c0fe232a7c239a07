//! The terminator's side.

use crate::base::defaults::{AGENT, DRAIN_HURRY, LINGER, LINGER_BYTES};
use crate::carrier::h1::content::Content;
use crate::carrier::ws;
use crate::http::asked::{Framing, Method};
use crate::http::chunked::chunk_head;
use crate::http::head::{HeadBuffer, HeadError, RequestHead, Role};
use crate::http::post::{GREETING, answer_fields};
use crate::http::{Fields, ProxyError, Refusal};
use crate::wire::{BoxWire, Deadline, Prefixed, Wire};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Octets read at a time while the head arrives.
const READ: usize = 2048;

/// Why there is no request.
#[derive(Debug)]
pub enum NoRequest {
    /// The client went away.
    Gone,
    /// What came earns this answer.
    Refuse(Refusal),
}

/// Reads one request, of which `early` was read already and whose head has `longest` octets at most. The wire that is returned begins with what came
/// after the head.
///
/// Once `not_wanted` is done, a client that has not begun its request is let go, and one that has is
/// given [`DRAIN_HURRY`].
pub async fn read_request(
    mut wire: BoxWire,
    early: Vec<u8>,
    longest: usize,
    mut deadline: Deadline,
    not_wanted: impl Future<Output = ()>,
) -> Result<(RequestHead, BoxWire), (NoRequest, BoxWire)> {
    let mut head = HeadBuffer::new(Role::Server).longest(longest);
    let mut buffer = early;
    buffer.reserve(READ);
    let mut not_wanted = std::pin::pin!(not_wanted);
    let mut wanted = true;
    loop {
        match head.push(&buffer) {
            Ok(false) => {}
            Ok(true) => break,
            Err(e) => return Err((NoRequest::Refuse(refusal_of(e)), wire)),
        }
        buffer.clear();
        let read = async {
            tokio::select! {
                biased;
                read = wire.read_buf(&mut buffer) => Some(read),
                () = &mut not_wanted, if wanted => None,
            }
        };
        match deadline.run(read).await {
            Ok(Some(Ok(n))) if n > 0 => {}
            Ok(Some(_)) => return Err((NoRequest::Gone, wire)),
            Ok(None) if head.is_empty() => return Err((NoRequest::Gone, wire)),
            Ok(None) => {
                wanted = false;
                deadline = Deadline::after(DRAIN_HURRY);
            }
            Err(_) if head.is_empty() || !wanted => return Err((NoRequest::Gone, wire)),
            Err(_) => {
                let late = Refusal::new(ProxyError::HttpRequestError, "the request took too long");
                return Err((NoRequest::Refuse(late.status(408)), wire));
            }
        }
    }
    match head.into_request() {
        Ok((request, rest)) if rest.is_empty() => Ok((request, wire)),
        Ok((request, rest)) => Ok((request, Box::new(Prefixed::new(rest, wire)))),
        Err(e) => Err((NoRequest::Refuse(refusal_of(e)), wire)),
    }
}

/// Says that the tunnel is open, and gives the tunnel.
pub async fn accept(
    mut wire: BoxWire,
    method: Method,
    framing: Framing,
    fields: &Fields,
) -> io::Result<BoxWire> {
    if let Method::WebSocket { halves } = method {
        wire.write_all(websocket_answer(halves, fields).as_bytes())
            .await?;
        wire.flush().await?;
        return Ok(Box::new(ws::WebSocket::server(wire, halves)));
    }
    let Method::Post { greeting } = method else {
        let answer = format!("HTTP/1.1 200 Connection established\r\nProxy-Agent: {AGENT}\r\n\r\n");
        wire.write_all(answer.as_bytes()).await?;
        wire.flush().await?;
        return Ok(wire);
    };
    wire.write_all(&post_answer(greeting, fields)).await?;
    wire.flush().await?;
    Ok(Box::new(Content::new(wire, framing.into())))
}

/// RFC 6455 §4.2.2.
fn websocket_answer(halves: bool, fields: &Fields) -> String {
    let accept = ws::accept_of(fields.get("sec-websocket-key").unwrap_or_default());
    let mut out = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nProxy-Agent: {AGENT}\r\n"
    );
    if halves {
        out += &format!("Sec-WebSocket-Protocol: {}\r\n", ws::SUBPROTOCOL);
    }
    out + "\r\n"
}

/// The head of the answer to a POST, and what comes at once behind it. The connection is for this
/// tunnel only: the content of either side may end long before the other.
fn post_answer(greeting: bool, fields: &Fields) -> Vec<u8> {
    let expects = fields.get("expect");
    let mut out = match expects.is_some_and(|e| e.eq_ignore_ascii_case(b"100-continue")) {
        true => String::from("HTTP/1.1 100 Continue\r\n\r\n"),
        false => String::new(),
    };
    out += &format!("HTTP/1.1 200 OK\r\nProxy-Agent: {AGENT}\r\n");
    for (name, value) in answer_fields(greeting) {
        out += &format!("{name}: {value}\r\n");
    }
    out += "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let mut out = out.into_bytes();
    if greeting {
        out.extend_from_slice(chunk_head(GREETING.len()).as_bytes());
        out.extend_from_slice(GREETING);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Answers with `refusal` and closes in stages (RFC 9112 §9.6): ends our half, reads what the
/// client still sends for a while, then lets go. Closing at once could reset the connection and
/// wipe out the answer.
pub async fn refuse(mut wire: BoxWire, refusal: &Refusal) -> io::Result<()> {
    let patience = Deadline::after(LINGER);
    let answered = patience.run(async { wire.write_all(&refusal.to_http1()).await });
    answered.await.map_err(|_| io::ErrorKind::TimedOut)??;
    close_in_stages(&mut wire, patience).await
}

/// What was written last is to be read, although there may be more to come from the other side.
pub async fn close_in_stages(
    wire: &mut (impl Wire + ?Sized),
    patience: Deadline,
) -> io::Result<()> {
    let ended = patience.run(wire.shutdown()).await;
    ended.map_err(|_| io::ErrorKind::TimedOut)??;
    let mut scratch = [0; 512];
    let mut left = LINGER_BYTES;
    while let Ok(Ok(n)) = patience.run(wire.read(&mut scratch)).await {
        left = left.saturating_sub(n);
        if n == 0 || left == 0 {
            break;
        }
    }
    Ok(())
}

fn refusal_of(error: HeadError) -> Refusal {
    let refusal = Refusal::new(ProxyError::HttpRequestError, error.to_string());
    match error {
        HeadError::TooLong(_) | HeadError::TooManyLines => refusal.status(431),
        HeadError::Version => refusal.status(505),
        _ => refusal,
    }
}
