//! What both sides of a connection have: their control streams, and what comes on the other's (RFC 9114 §6.2).

use crate::carrier::h3::frame::{self, Wrong};
use crate::carrier::h3::socket::{Batching, Taker};
use crate::carrier::h3::{FIELDS, code};
use quinn::{Connection, RecvStream, SendStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;

/// Types of unidirectional streams.
const CONTROL: u64 = 0;
const PUSH: u64 = 1;
const QPACK_ENCODER: u64 = 2;
const QPACK_DECODER: u64 = 3;

/// Settings (RFC 9114 §7.2.4.1, RFC 9204 §5).
const QPACK_MAX_TABLE_CAPACITY: u64 = 1;
const MAX_FIELD_SECTION_SIZE: u64 = 6;
const QPACK_BLOCKED_STREAMS: u64 = 7;
/// Not in the registry: datagrams may come in batches. See `socket`.
const TAKES_BATCHES: u64 = 0x7475_6e63;
/// Those of HTTP/2 that must not come (§7.2.4.1).
const OF_HTTP2: [u64; 4] = [2, 3, 4, 5];

/// Octets of the content of a control frame.
const LONGEST: usize = 4096;

/// What the other side has said.
pub struct Said {
    /// It takes no requests from this id on (of a client's: no pushes).
    pub goaway: watch::Sender<Option<u64>>,
    has_control: AtomicBool,
    /// It takes datagrams in batches.
    batches: OnceLock<Taker>,
}

/// Opens our control stream and listens to the other's until the connection is over. The stream must be kept.
pub async fn begin(
    connection: &Connection,
    socket: &Arc<Batching>,
) -> Result<(SendStream, Arc<Said>), quinn::ConnectionError> {
    let mut control = connection.open_uni().await?;
    let mut first = Vec::new();
    frame::put(&mut first, CONTROL);
    let mut settings = Vec::new();
    for (setting, value) in [
        (QPACK_MAX_TABLE_CAPACITY, 0),
        (MAX_FIELD_SECTION_SIZE, FIELDS as u64),
        (QPACK_BLOCKED_STREAMS, 0),
        (TAKES_BATCHES, u64::from(socket.reads_batches())),
    ] {
        frame::put(&mut settings, setting);
        frame::put(&mut settings, value);
    }
    first.extend(frame::frame(frame::SETTINGS, &settings));
    if control.write_all(&first).await.is_err()
        && let Some(reason) = connection.close_reason()
    {
        return Err(reason);
    }
    let said = Arc::new(Said {
        goaway: watch::Sender::new(None),
        has_control: AtomicBool::new(false),
        batches: OnceLock::new(),
    });
    let (listening, heard, socket) = (connection.clone(), said.clone(), socket.clone());
    tokio::spawn(async move {
        while let Ok(stream) = listening.accept_uni().await {
            let (connection, said, socket) = (listening.clone(), heard.clone(), socket.clone());
            tokio::spawn(async move {
                let takes = || socket.send_batches(&connection);
                if let Err(Wrong::Connection(code, why)) = listen(stream, &said, takes).await {
                    close(&connection, code, why);
                }
            });
        }
    });
    Ok((control, said))
}

/// Ends it, unless it has ended by itself: why it did is not to be forgotten.
pub fn close(connection: &Connection, code: u32, why: &str) {
    if connection.close_reason().is_some() {
        return;
    }
    tracing::debug!("HTTP/3: the connection ends: {why}");
    connection.close(code.into(), why.as_bytes());
}

/// No more requests are taken from `next` on (RFC 9114 §5.2).
pub async fn say_goaway(control: &mut SendStream, next: u64) {
    let mut id = Vec::new();
    frame::put(&mut id, next);
    let _ = control.write_all(&frame::frame(frame::GOAWAY, &id)).await;
}

async fn listen(
    mut stream: RecvStream,
    said: &Said,
    takes_batches: impl Fn() -> Taker,
) -> Result<(), Wrong> {
    match frame::integer(&mut stream).await? {
        Some(CONTROL) => control(stream, said, takes_batches).await,
        Some(PUSH) => Err(Wrong::Connection(
            code::STREAM_CREATION_ERROR,
            "nobody asked for a push",
        )),
        Some(QPACK_ENCODER | QPACK_DECODER) => {
            // Without a dynamic table they have nothing to say that would matter.
            let mut scratch = [0; 256];
            while let Ok(Some(_)) = stream.read(&mut scratch).await {}
            Ok(())
        }
        _ => {
            let _ = stream.stop(code::STREAM_CREATION_ERROR.into());
            Ok(())
        }
    }
}

async fn control(
    mut stream: RecvStream,
    said: &Said,
    takes_batches: impl Fn() -> Taker,
) -> Result<(), Wrong> {
    let wrong = |code, why| Err(Wrong::Connection(code, why));
    if said.has_control.swap(true, Ordering::AcqRel) {
        return wrong(code::STREAM_CREATION_ERROR, "a second control stream");
    }
    let mut first = true;
    loop {
        let next = match frame::head(&mut stream).await {
            Ok(Some(next)) => next,
            Ok(None) => return wrong(code::CLOSED_CRITICAL_STREAM, "the control stream ended"),
            Err(Wrong::Rejected) => {
                return wrong(code::CLOSED_CRITICAL_STREAM, "the control stream was reset");
            }
            Err(Wrong::Broken(error)) => {
                tracing::debug!("HTTP/3: the control stream: {error}");
                return wrong(code::CLOSED_CRITICAL_STREAM, "the control stream broke");
            }
            Err(wrong) => return Err(wrong),
        };
        let (kind, length) = next;
        match kind {
            frame::SETTINGS if first => {
                let settings = frame::content(&mut stream, length, LONGEST).await?;
                if check(&settings)? {
                    said.batches.get_or_init(&takes_batches);
                }
            }
            _ if first => return wrong(code::MISSING_SETTINGS, "SETTINGS does not come first"),
            frame::GOAWAY => {
                let content = frame::content(&mut stream, length, LONGEST).await?;
                goaway(&content, said)?;
            }
            frame::DATA | frame::HEADERS | frame::SETTINGS | 2 | 5 | 6 | 8 | 9 => {
                return wrong(code::FRAME_UNEXPECTED, "a frame that has no place here");
            }
            _ => frame::skip(&mut stream, length).await?,
        }
        first = false;
    }
}

/// The id may become smaller, and never larger (§5.2).
fn goaway(content: &[u8], said: &Said) -> Result<(), Wrong> {
    let mut rest = content;
    let (Some(id), []) = (take(&mut rest), rest) else {
        return Err(Wrong::Connection(code::FRAME_ERROR, "GOAWAY is not one id"));
    };
    if said.goaway.borrow().is_some_and(|before| id > before) {
        return Err(Wrong::Connection(
            code::ID_ERROR,
            "a GOAWAY that takes back",
        ));
    }
    said.goaway.send_replace(Some(id));
    Ok(())
}

/// Pairs of a setting and its value, each setting once. Whether batches are taken.
fn check(settings: &[u8]) -> Result<bool, Wrong> {
    let mut rest = settings;
    let mut seen = Vec::new();
    let mut takes_batches = false;
    while !rest.is_empty() {
        let (Some(setting), Some(value)) = (take(&mut rest), take(&mut rest)) else {
            return Err(Wrong::Connection(code::FRAME_ERROR, "SETTINGS is cut off"));
        };
        if OF_HTTP2.contains(&setting) || seen.contains(&setting) {
            let why = "a setting that may not be";
            return Err(Wrong::Connection(code::SETTINGS_ERROR, why));
        }
        takes_batches |= (setting, value) == (TAKES_BATCHES, 1);
        seen.push(setting);
    }
    Ok(takes_batches)
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let length = frame::length_of(*rest.first()?);
    let (octets, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(frame::value_of(octets))
}
