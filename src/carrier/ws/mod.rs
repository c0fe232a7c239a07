//! Binary WebSocket messages (RFC 6455), after an Upgrade on HTTP/1.1 or in an extended CONNECT on HTTP/2 (RFC 8441).
//!
//! WebSocket ends both directions at once. With our subprotocol each ends by itself, by an empty message; without it, with
//! other ends, a Close is the end.

mod wire;

pub use wire::WebSocket;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// What both sides have to say for the ends of directions to be told apart (`Sec-WebSocket-Protocol`).
pub use crate::http::websocket::{SUBPROTOCOL, offers_halves};

/// RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2).
pub fn accept_of(key: &[u8]) -> String {
    let both = [key, GUID.as_bytes()].concat();
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &both))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(
            accept_of(b"dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }
}
