//! An HTTP/2 proxy made of single frames, for what a good library would never say, or not when the test wants it.

use crate::attacks::frames::{
    Frame, PREFACE, data, flag, frame, kind, ping, settings, settings_ack,
};
use std::io::{self, Read, Write};

/// `:status: 200` (RFC 7541 appendix A).
const OK: &[u8] = &[0x88];
/// `:status` by its name in the same table, and a value as it is (RFC 7541 §6.2.2).
const NOT_ALLOWED: &[u8] = b"\x08\x03405";

/// Speaks HTTP/2 on a connection that was accepted: sends back what comes in tunnels, and leaves it to `asked` what
/// becomes of requests. Returns at the end of the connection, and with the error of `asked`.
pub fn session<S: Read + Write>(
    mut stream: S,
    values: &[(u16, u32)],
    mut asked: impl FnMut(&mut S, &Frame) -> io::Result<()>,
) -> io::Result<()> {
    stream.read_exact(&mut [0; PREFACE.len()])?;
    stream.write_all(&settings(values))?;
    loop {
        let frame = Frame::read(&mut stream)?;
        match frame.kind {
            kind::HEADERS => asked(&mut stream, &frame)?,
            _ => react(&mut stream, &frame)?,
        }
    }
}

/// What every frame that is no request is answered with.
fn react(mut stream: impl Write, got: &Frame) -> io::Result<()> {
    match (got.kind, got.flags & flag::ACK) {
        (kind::SETTINGS, 0) => stream.write_all(&settings_ack()),
        (kind::PING, 0) => stream.write_all(&frame(kind::PING, flag::ACK, 0, &got.payload)),
        (kind::DATA, _) if !got.payload.is_empty() => {
            stream.write_all(&data(got.stream, &got.payload))
        }
        _ => Ok(()),
    }
}

/// Returns once the client has taken in all that was sent before: it answers a PING in its turn.
pub fn taken_in(mut stream: impl Read + Write) -> io::Result<()> {
    stream.write_all(&ping(1))?;
    loop {
        let frame = Frame::read(&mut stream)?;
        if frame.kind == kind::PING && frame.flags & flag::ACK != 0 {
            return Ok(());
        }
        react(&mut stream, &frame)?;
    }
}

/// The answer that opens the tunnel on `stream`.
pub fn opened(stream: u32) -> Vec<u8> {
    frame(kind::HEADERS, flag::END_HEADERS, stream, OK)
}

/// The answer of a proxy that does not do this method.
pub fn not_allowed(stream: u32) -> Vec<u8> {
    let flags = flag::END_HEADERS | flag::END_STREAM;
    frame(kind::HEADERS, flags, stream, NOT_ALLOWED)
}

/// RFC 9113 §6.8.
pub fn goaway(last: u32, code: u32) -> Vec<u8> {
    let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
    frame(kind::GOAWAY, 0, 0, &payload)
}
