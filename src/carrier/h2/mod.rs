//! CONNECT (RFC 9113 §8.5) and POST on HTTP/2, over TLS or in the clear with prior knowledge.
//!
//! END_STREAM is FIN, each way; a broken TCP connection is RST_STREAM with CONNECT_ERROR (POST:
//! INTERNAL_ERROR); a wire that is dropped is reset with CANCEL. One session (connection) carries many tunnels, and none of them
//! can hold another up: see [`window`].

pub mod client;
mod driver;
pub mod failure;
mod load;
mod outgoing;
pub mod server;
mod stream;
mod tap;
mod window;

use crate::base::defaults::STREAMS;
use crate::http::{Field, Fields};
use http::HeaderMap;
use std::io;
use std::time::Duration;

/// Octets that a peer may send on one tunnel before they are read: the bound for what a stalled
/// tunnel can pile up here.
pub const STREAM_WINDOW: u32 = 1024 * 1024;
/// Octets of all tunnels of a session together, beyond what stalled ones hold.
const SESSION_WINDOW: u32 = 4 * 1024 * 1024;
/// The largest frame we take.
const FRAME: u32 = 64 * 1024;
/// Octets of one tunnel that wait to be sent, at most.
const SEND_BUFFER: usize = 256 * 1024;
/// What h2 charges for DATA frames that are not taken yet: the octets that each lacks to 256. Enough for
/// four small ones in each tunnel of a session, also of a server that takes ten times as many as ours.
const SMALL_FRAMES: usize = 4 * 256 * 10 * STREAMS as usize;
/// Octets that the stalled tunnels of one session may hold together; then the session waits for them. A
/// terminator serves strangers, a client its own user.
const STALLED_AT_SERVER: usize = 64 * 1024 * 1024;
const STALLED_AT_CLIENT: usize = 512 * 1024 * 1024;

/// A client asks a silent proxy for a sign of life this often, and gives it so long to answer.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_PATIENCE: Duration = Duration::from_secs(5);
/// A session that was silent for longer, and so left a PING without an answer or was asleep with the
/// machine, has to give a sign of life before it gets a new tunnel, and has so long for it.
const STALE: Duration = Duration::from_secs(6);
const PROOF_PATIENCE: Duration = Duration::from_secs(2);

/// A client's session without tunnels may be silent for so long; before its first request less.
const IDLE_SESSION: Duration = Duration::from_secs(300);
/// Requests that a client withdraws before they are answered, beyond which it is sent away if they are
/// most of its requests (CVE-2023-44487, one at a time).
const WITHDRAWN: usize = 1000;

pub use driver::all_ended;

/// Fields as the HTTP/1.1 side has them.
fn fields(headers: &HeaderMap) -> Fields {
    let fields = headers.iter().map(|(name, value)| Field {
        name: name.as_str().into(),
        value: value.as_bytes().into(),
    });
    Fields(fields.collect())
}

/// How a stream's error looks to whoever reads or writes the wire.
fn broken(error: &h2::Error) -> io::Error {
    if error.is_io() {
        return io::Error::new(io::ErrorKind::ConnectionReset, "the session broke");
    }
    let text = match (error.is_go_away(), error.reason()) {
        (true, Some(reason)) => format!("the session was ended: {reason:?}"),
        (false, Some(reason)) => format!("RST_STREAM {reason:?}"),
        _ => error.to_string(),
    };
    io::Error::new(io::ErrorKind::ConnectionReset, text)
}
