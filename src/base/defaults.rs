//! Defaults that more than one layer needs.

use std::time::Duration;

/// One deadline for everything until a tunnel is open.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the peer must be quiet before a FIN goes to a proxy not known to keep half-close.
pub const FIN_DELAY: Duration = Duration::from_secs(1);
/// From the start of a connection to the end of its request's head, the TLS handshake included, in
/// total (not per read).
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// From the start of a connection to a request with credentials that are right.
pub const AUTH_TIMEOUT: Duration = Duration::from_secs(30);
/// Tunnels that a client may have open in one session. What a client can make a session cost grows with them (each change
/// of the initial window visits all streams); whoever needs more opens another session.
pub const STREAMS: u32 = 1000;
/// How long `serve` waits for live tunnels after SIGTERM.
pub const DRAIN: Duration = Duration::from_secs(30);
/// For the rest of a handshake or request that has begun when a drain begins.
pub const DRAIN_HURRY: Duration = Duration::from_secs(1);
/// How long `serve` gives a target to accept.
pub const TARGET_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a refused client is read from after the answer, so that no RST wipes the answer
/// (RFC 9112 §9.6).
pub const LINGER: Duration = Duration::from_secs(2);
/// Octets of a refused client's that are thrown away meanwhile before it is cut off.
pub const LINGER_BYTES: usize = 256 * 1024;

/// Sessions that one dialer has with a proxy at the same time, at most.
pub const CONNECTIONS: usize = 100;

/// Octets of a message head, start line included (curl's cap for answers to CONNECT).
pub const HEAD_BYTES: usize = 16 * 1024;
/// Lines of a message head.
pub const HEAD_LINES: usize = 128;
/// Interim (1xx) answers before the final one.
pub const INTERIM_ANSWERS: usize = 32;

/// Octets that TLS holds for a connection that does not take them: what the relay writes at a time, framed,
/// in one go.
pub const TLS_BUFFER: usize = 80 * 1024;

/// Port of a proxy URL without one: curl's choice for `http`.
pub const HTTP_PROXY_PORT: u16 = 1080;
/// Port of a proxy URL without one: curl's choice for `https`.
pub const HTTPS_PROXY_PORT: u16 = 443;
/// Where `serve` listens without `-l`.
pub const SERVE_ADDRESS: &str = "127.0.0.1:8080";

/// TCP keepalive: the first probe after this much silence.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
/// TCP keepalive: between probes.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// TCP keepalive: probes lost before the path counts as dead.
pub const KEEPALIVE_PROBES: u32 = 4;

/// `User-Agent` of requests and `Proxy-Agent` of answers.
pub const AGENT: &str = concat!("tuncat/", env!("CARGO_PKG_VERSION"));
