//! The client's side: one request, any number of interim answers, one final one.

use crate::auth::Challenge;
use crate::base::defaults::INTERIM_ANSWERS;
use crate::base::escape::escape;
use crate::base::{Blame, Error, Kind, Stage};
use crate::carrier::h1::content::{Content, Receiving};
use crate::carrier::h1::whole;
use crate::carrier::refused::{Refused, challenges};
use crate::carrier::{HalfClose, Opened, greeting, refused, signature, ws};
use crate::http::TunnelRequest;
use crate::http::chunked::{Decoder, LAST_CHUNK};
use crate::http::head::{HeadBuffer, HeadError, ResponseHead, Role};
use crate::http::post::{not_a_tunnel, wants_greeting};
use crate::http::request::Method;
use crate::http::websocket::has_word;
use crate::tls::failure::{self, With};
use crate::wire::{BoxWire, Deadline, Prefixed};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Octets read at a time while the head arrives.
const READ: usize = 4096;

/// Sends `request` and waits for the final answer. No octet of payload is sent before (RFC 9931). A POST
/// that is not answered by `last_question` is ended, to see whether somebody waits for that.
pub async fn open(
    mut wire: BoxWire,
    request: &TunnelRequest,
    last_question: Deadline,
) -> Result<Opened, Refused> {
    let octets = request.to_http1();
    wire.write_all(&octets).await.map_err(closed)?;
    wire.flush().await.map_err(closed)?;
    let mut answers = Answers::default();
    let (head, rest) = match request.is_post() {
        false => answers.last(&mut wire).await?,
        true => match last_question.run(answers.last(&mut wire)).await {
            Ok(answer) => answer?,
            Err(_) => ask_at_the_end(answers, &mut wire).await?,
        },
    };
    if request.is_websocket() && (head.status == 101 || (200..300).contains(&head.status)) {
        return Ok(websocket(head, rest, wire, request, last_question).await?);
    }
    if !(200..300).contains(&head.status) {
        return Err(match challenges(head.status, &head.fields) {
            Some(challenges) => challenged(head, challenges, rest, wire, request).await,
            None => {
                let body = body(&head, rest, &mut wire, refused::patience(last_question)).await;
                refused::error(&head.into(), &body, request).into()
            }
        });
    }
    let after_head: BoxWire = match rest.is_empty() {
        true => wire,
        false => Box::new(Prefixed::new(rest, wire)),
    };
    if request.is_post() {
        return Ok(posted(head, after_head, last_question).await?);
    }
    Ok(Opened {
        half_close: half_close(&head),
        status: head.status,
        signature: signature::of(&head.fields),
        wire: after_head,
    })
}

/// The tunnel behind a handshake, if it is a right one (RFC 6455 §4.1).
async fn websocket(
    head: ResponseHead,
    rest: Vec<u8>,
    mut wire: BoxWire,
    request: &TunnelRequest,
    last_question: Deadline,
) -> Result<Opened, Error> {
    let Method::WebSocket { key, .. } = &request.method else {
        return Err(Error::internal("no key for a WebSocket"));
    };
    let accept = ws::accept_of(key.expose().as_bytes());
    let fields = &head.fields;
    let wrong = match head.status {
        101 if !has_word(fields, "upgrade", "websocket") => Some("it upgrades to something else"),
        101 if fields.get("sec-websocket-accept") != Some(accept.as_bytes()) => {
            Some("its Sec-WebSocket-Accept does not belong to the request")
        }
        101 if fields.get("sec-websocket-extensions").is_some() => {
            Some("it uses an extension, which nobody offered")
        }
        101 => None,
        _ => Some("the protocol was not changed"),
    };
    if let Some(why) = wrong {
        let body = body(&head, rest, &mut wire, refused::patience(last_question)).await;
        return Err(refused::no_websocket(&head.into(), why, &body));
    }
    let halves = ws::offers_halves(fields);
    let below: BoxWire = match rest.is_empty() {
        true => wire,
        false => Box::new(Prefixed::new(rest, wire)),
    };
    Ok(Opened {
        half_close: match halves {
            true => HalfClose::Kept,
            false => HalfClose::Unknown,
        },
        status: head.status,
        signature: signature::of(fields),
        wire: Box::new(ws::WebSocket::client(below, halves)),
    })
}

/// The answer to a request that is no tunnel's.
pub enum Answered {
    /// The whole answer, head first.
    Content(BoxWire),
    /// 407, and the connection where it stays open.
    Challenged {
        challenges: Vec<Challenge>,
        wire: Option<BoxWire>,
    },
}

/// Reads the head of an answer, to see whether it asks for credentials.
pub async fn answered(mut wire: BoxWire) -> Result<Answered, Error> {
    let mut head = HeadBuffer::new(Role::Client);
    let mut all = Vec::with_capacity(READ);
    loop {
        let before = all.len();
        if wire.read_buf(&mut all).await.map_err(closed)? == 0 {
            return Err(closed(io::ErrorKind::UnexpectedEof.into()));
        }
        match head.push(&all[before..]) {
            Ok(true) => break,
            Ok(false) => {}
            Err(e) => return Err(unreadable(e, &all)),
        }
    }
    let (head, rest) = head.into_response().map_err(|e| unreadable(e, &all))?;
    if head.status != 407 {
        return Ok(Answered::Content(Box::new(Prefixed::new(all, wire))));
    }
    let challenges = challenges(head.status, &head.fields).unwrap_or_default();
    let whole = whole::content(&head, rest, &mut wire, refused::PATIENCE_FOR_WHOLE).await;
    let stays = whole.ended && stays_open(&head);
    Ok(Answered::Challenged {
        challenges,
        wire: stays.then_some(wire),
    })
}

/// A request for credentials. Its connection is good for another request if all of the content came (RFC 9112
/// §9.3); that of a POST is not, whose own content has not ended.
async fn challenged(
    head: ResponseHead,
    challenges: Vec<Challenge>,
    rest: Vec<u8>,
    mut wire: BoxWire,
    request: &TunnelRequest,
) -> Refused {
    let whole = whole::content(&head, rest, &mut wire, refused::PATIENCE_FOR_WHOLE).await;
    let stays = whole.ended && stays_open(&head) && !request.is_post();
    Refused {
        error: refused::error(&head.into(), &whole.octets, request),
        challenges: Some(challenges),
        wire: stays.then_some(wire),
    }
}

/// RFC 9112 §9.3, and what proxies of HTTP/1.0 do.
fn stays_open(head: &ResponseHead) -> bool {
    let says = |word: &str| {
        let values = (head.fields.all("connection")).chain(head.fields.all("proxy-connection"));
        let mut words = values.flat_map(|v| v.split(|b| *b == b','));
        words.any(|w| w.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    };
    match head.minor {
        0 => says("keep-alive"),
        _ => !says("close"),
    }
}

/// The tunnel in the answer to a POST.
async fn posted(
    head: ResponseHead,
    mut wire: BoxWire,
    last_question: Deadline,
) -> Result<Opened, Error> {
    if let Some(why) = not_a_tunnel(head.status, &head.fields) {
        let body = body(
            &head,
            Vec::new(),
            &mut wire,
            refused::patience(last_question),
        )
        .await;
        return Err(refused::not_a_tunnel(&head.into(), &why, &body));
    }
    let mut wire: BoxWire = Box::new(match is_chunked(&head) {
        true => Content::new(wire, Receiving::Chunked(Decoder::default())).heeding_the_close(),
        false => Content::new(wire, Receiving::UntilClose),
    });
    if wants_greeting(&head.fields) {
        greeting::take(&mut wire, last_question).await?;
    }
    Ok(Opened {
        half_close: HalfClose::Kept,
        status: head.status,
        signature: signature::of(&head.fields),
        wire,
    })
}

/// A POST was not answered, and its time is nearly over: ends its content. An answer that opens a tunnel
/// comes too late for one, and shows that somebody on the way waited for the end; another is what it is.
async fn ask_at_the_end(
    mut answers: Answers,
    wire: &mut BoxWire,
) -> Result<(ResponseHead, Vec<u8>), Error> {
    wire.write_all(LAST_CHUNK).await.map_err(closed)?;
    wire.flush().await.map_err(closed)?;
    let patience = Deadline::after(refused::LAST_QUESTION);
    match patience.run(answers.last(wire)).await {
        Err(_) => Err(refused::no_answer()),
        Ok(Ok((head, _))) if (200..300).contains(&head.status) => Err(refused::request_buffered()),
        Ok(answer) => answer,
    }
}

/// Answers as they come in; nothing is lost when waiting for one is given up.
struct Answers {
    head: HeadBuffer,
    interim: usize,
}

impl Default for Answers {
    fn default() -> Self {
        Answers {
            head: HeadBuffer::new(Role::Client),
            interim: 0,
        }
    }
}

impl Answers {
    /// The first one that is not interim (RFC 9110 §15.2), and the octets behind it.
    async fn last(&mut self, wire: &mut BoxWire) -> Result<(ResponseHead, Vec<u8>), Error> {
        loop {
            let (head, rest) = self.next(wire).await?;
            // 101 would be an answer to an Upgrade, which nobody asked for.
            if head.status >= 200 || head.status == 101 {
                return Ok((head, rest));
            }
            self.interim += 1;
            if self.interim > INTERIM_ANSWERS {
                let cause = format!("more than {INTERIM_ANSWERS} interim (1xx) answers");
                return Err(proxy_error(Kind::Refused, cause));
            }
            self.take_in(&rest)?;
        }
    }

    async fn next(&mut self, wire: &mut BoxWire) -> Result<(ResponseHead, Vec<u8>), Error> {
        let mut buffer = Vec::with_capacity(READ);
        while !self.take_in(&buffer)? {
            buffer.clear();
            if wire.read_buf(&mut buffer).await.map_err(closed)? == 0 {
                return Err(closed(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        let head = std::mem::replace(&mut self.head, HeadBuffer::new(Role::Client));
        let shown = head.bytes().to_vec();
        head.into_response().map_err(|e| unreadable(e, &shown))
    }

    /// True once a head is complete.
    fn take_in(&mut self, octets: &[u8]) -> Result<bool, Error> {
        let pushed = self.head.push(octets);
        pushed.map_err(|e| unreadable(e, self.head.bytes()))
    }
}

/// As much of a refusal's body as comes soon.
async fn body(
    head: &ResponseHead,
    mut body: Vec<u8>,
    wire: &mut BoxWire,
    patience: Duration,
) -> Vec<u8> {
    let length = head.fields.text("content-length");
    let length = length.and_then(|l| l.parse().ok());
    let want = length.unwrap_or(refused::BODY).min(refused::BODY);
    let patience = Deadline::after(patience);
    while body.len() < want {
        match patience.run(wire.read_buf(&mut body)).await {
            Ok(Ok(n)) if n > 0 => {}
            _ => break,
        }
    }
    body.truncate(want);
    if is_chunked(head) {
        // As far as it is there and well-formed.
        let mut content = body.clone();
        return match Decoder::default().compact(&mut content) {
            Ok(length) => content[..length].to_vec(),
            Err(_) => body,
        };
    }
    body
}

fn is_chunked(head: &ResponseHead) -> bool {
    let coding = head.fields.text("transfer-encoding");
    coding.is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
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
    if let Some(alert) = failure::late_alert(&error) {
        return failure::of_alert(alert, With::Proxy);
    }
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
        HeadError::TooLong(_) | HeadError::TooManyLines => {
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
