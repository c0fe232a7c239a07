//! The rules of WebSocket handshakes (RFC 6455 §4, RFC 8441 §5) that open tunnels.

use crate::base::Secret;
use crate::http::field::Fields;
use crate::http::proxy_status::ProxyError;
use crate::http::refusal::Refusal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};

/// The subprotocol in which an empty message ends a direction.
pub const SUBPROTOCOL: &str = "tuncat";
/// The only version (RFC 6455 §4.1).
pub const VERSION: &str = "13";

/// A `Sec-WebSocket-Key`: 16 octets that nobody can foresee, so that no cache can answer.
pub fn key() -> Result<Secret, String> {
    let mut octets = [0; 16];
    SystemRandom::new()
        .fill(&mut octets)
        .map_err(|_| String::from("no random numbers from the system"))?;
    Ok(Secret::new(STANDARD.encode(octets)))
}

/// The fields offer, or agree to, [`SUBPROTOCOL`].
pub fn offers_halves(fields: &Fields) -> bool {
    members(fields, "sec-websocket-protocol").any(|name| name == SUBPROTOCOL.as_bytes())
}

/// A request on HTTP/1.1 wants a WebSocket.
pub fn is_upgrade(fields: &Fields) -> bool {
    has_word(fields, "upgrade", "websocket")
}

/// What has to be right of such a request, beside its path.
pub fn check(fields: &Fields) -> Result<(), Refusal> {
    let bad = |details: &str| Refusal::new(ProxyError::HttpRequestError, details);
    if !has_word(fields, "connection", "upgrade") {
        return Err(bad("Upgrade is not named in Connection"));
    }
    if fields.get("sec-websocket-version") != Some(VERSION.as_bytes()) {
        let refusal = bad("the version of WebSocket is not 13").status(426);
        return Err(refusal
            .field("Upgrade", "websocket")
            .field("Sec-WebSocket-Version", VERSION));
    }
    let mut keys = fields.all("sec-websocket-key");
    let sixteen = |key: &[u8]| STANDARD.decode(key).is_ok_and(|octets| octets.len() == 16);
    match (keys.next(), keys.next()) {
        (Some(key), None) if sixteen(key) => Ok(()),
        _ => Err(bad("not exactly one Sec-WebSocket-Key of 16 bytes")),
    }
}

/// One member of a list, without case.
pub fn has_word(fields: &Fields, name: &str, word: &str) -> bool {
    members(fields, name).any(|member| member.eq_ignore_ascii_case(word.as_bytes()))
}

/// The members of a list, over all its lines (RFC 9110 §5.6.1).
fn members<'a>(fields: &'a Fields, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    let lines = fields.all(name);
    lines.flat_map(|line| line.split(|&b| b == b',').map(<[u8]>::trim_ascii))
}
