//! CONNECT (RFC 9114 §4.4) and POST on HTTP/3.
//!
//! The frames are our own, over quinn: tunnels need few of them, and every end of a stream to mean what it says. The `h3`
//! crate (0.0.8) sends `:scheme` and `:path` with a CONNECT, which §4.4 forbids, and a stream of its that is dropped looks
//! like one that has ended.

pub mod client;
pub mod congestion;
mod connection;
mod frame;
mod qpack;
pub mod server;
pub mod socket;
mod stream;
mod table;

use congestion::Congestion;
use quinn::{IdleTimeout, TransportConfig, VarInt};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The protocol's name in ALPN (RFC 9114 §3.1).
pub const ALPN: &[u8] = b"h3";

/// Octets that a peer may send on one tunnel before they are read: the bound for what a stalled tunnel can pile up here.
const STREAM_WINDOW: u32 = 1024 * 1024;
/// The same for all tunnels of a connection; then they wait for those that stall. A terminator serves strangers, a client
/// its own user.
const STALLED_AT_SERVER: u32 = 64 * 1024 * 1024;
const STALLED_AT_CLIENT: u32 = 512 * 1024 * 1024;
/// Octets of a connection that were sent and not acknowledged, at most.
const SEND_WINDOW: u64 = 4 * 1024 * 1024;
/// Streams beside those of tunnels: control and QPACK, and room for what is only there to be ignored.
const OTHER_STREAMS: u32 = 16;
/// A path that is silent for so long is dead; a client asks for a sign of life in between.
const SILENCE: Duration = Duration::from_secs(30);
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Packets may be as large as loopback's (and jumbo frames) carry; what the path takes is found out (RFC 8899).
const LARGEST_PACKET: u16 = 9000;

/// Octets of a message's fields.
const FIELDS: usize = 16 * 1024;

/// Error codes (RFC 9114 §8.1, RFC 9204 §6).
pub mod code {
    pub const NO_ERROR: u32 = 0x100;
    pub const INTERNAL_ERROR: u32 = 0x102;
    pub const STREAM_CREATION_ERROR: u32 = 0x103;
    pub const CLOSED_CRITICAL_STREAM: u32 = 0x104;
    pub const FRAME_UNEXPECTED: u32 = 0x105;
    pub const FRAME_ERROR: u32 = 0x106;
    pub const EXCESSIVE_LOAD: u32 = 0x107;
    pub const ID_ERROR: u32 = 0x108;
    pub const SETTINGS_ERROR: u32 = 0x109;
    pub const MISSING_SETTINGS: u32 = 0x10a;
    pub const REQUEST_REJECTED: u32 = 0x10b;
    pub const REQUEST_CANCELLED: u32 = 0x10c;
    pub const REQUEST_INCOMPLETE: u32 = 0x10d;
    pub const MESSAGE_ERROR: u32 = 0x10e;
    pub const CONNECT_ERROR: u32 = 0x10f;
    pub const QPACK_DECOMPRESSION_FAILED: u32 = 0x200;
}

/// The word of RFC 9114 for an error code.
fn name(code: u64) -> String {
    let known = [
        (code::NO_ERROR, "H3_NO_ERROR"),
        (code::INTERNAL_ERROR, "H3_INTERNAL_ERROR"),
        (code::EXCESSIVE_LOAD, "H3_EXCESSIVE_LOAD"),
        (code::FRAME_UNEXPECTED, "H3_FRAME_UNEXPECTED"),
        (code::REQUEST_REJECTED, "H3_REQUEST_REJECTED"),
        (code::REQUEST_CANCELLED, "H3_REQUEST_CANCELLED"),
        (code::REQUEST_INCOMPLETE, "H3_REQUEST_INCOMPLETE"),
        (code::MESSAGE_ERROR, "H3_MESSAGE_ERROR"),
        (code::CONNECT_ERROR, "H3_CONNECT_ERROR"),
    ];
    let found = known
        .into_iter()
        .find(|(known, _)| u64::from(*known) == code);
    found.map_or_else(|| format!("code {code:#x}"), |(_, name)| name.into())
}

/// How QUIC runs at a client: a proxy has no requests for it.
fn at_client(congestion: Congestion) -> Arc<TransportConfig> {
    let mut config = transport(0, STALLED_AT_CLIENT, congestion);
    config.keep_alive_interval(Some(KEEPALIVE));
    Arc::new(config)
}

/// At a terminator, whose clients may have so many requests at a time.
fn at_server(streams: u32, congestion: Congestion) -> Arc<TransportConfig> {
    Arc::new(transport(streams, STALLED_AT_SERVER, congestion))
}

fn transport(streams: u32, window: u32, congestion: Congestion) -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(window.into())
        .send_window(SEND_WINDOW)
        .max_concurrent_bidi_streams(streams.into())
        .max_concurrent_uni_streams(OTHER_STREAMS.into())
        .congestion_controller_factory(congestion.factory())
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(
            SILENCE.as_millis() as u32,
        ))));
    let mut discovery = quinn::MtuDiscoveryConfig::default();
    discovery.upper_bound(LARGEST_PACKET);
    config.mtu_discovery_config(Some(discovery));
    config
}

/// How a connection's end looks to whoever reads or writes a wire.
fn lost(error: &quinn::ConnectionError) -> io::Error {
    use quinn::ConnectionError as E;
    match error {
        E::TimedOut => io::Error::new(io::ErrorKind::TimedOut, "the QUIC path is dead"),
        E::ApplicationClosed(close) => {
            let name = name(close.error_code.into_inner());
            let text = format!("the QUIC connection was closed: {name}");
            io::Error::new(io::ErrorKind::ConnectionReset, text)
        }
        other => io::Error::new(
            io::ErrorKind::ConnectionReset,
            format!("the QUIC connection broke: {other}"),
        ),
    }
}
