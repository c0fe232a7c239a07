//! Frames and their lengths (RFC 9114 §7, RFC 9000 §16).

use crate::carrier::h3::code;
use quinn::RecvStream;
use std::io;

pub const DATA: u64 = 0;
pub const HEADERS: u64 = 1;
pub const SETTINGS: u64 = 4;
pub const GOAWAY: u64 = 7;
pub const MAX_PUSH_ID: u64 = 0xd;

/// Frames that are against the protocol where a request or an answer is (§7.2), also those of HTTP/2 (§7.2.8).
pub fn is_misplaced(kind: u64) -> bool {
    matches!(kind, 2..=9 | MAX_PUSH_ID)
}

/// A variable-length integer of less than 2^62.
pub fn put(out: &mut Vec<u8>, value: u64) {
    match value {
        0..0x40 => out.push(value as u8),
        0x40..0x4000 => out.extend((value as u16 | 0x4000).to_be_bytes()),
        0x4000..0x4000_0000 => out.extend((value as u32 | 0x8000_0000).to_be_bytes()),
        _ => out.extend((value | 0xc000_0000_0000_0000).to_be_bytes()),
    }
}

/// The octets of such an integer that begins so.
pub fn length_of(first: u8) -> usize {
    1 << (first >> 6)
}

/// Its value, of all its octets.
pub fn value_of(octets: &[u8]) -> u64 {
    let all = octets.iter().fold(0, |all, b| all << 8 | u64::from(*b));
    // Without the two bits that say how long it is.
    all & !(0b11 << (8 * octets.len() - 2))
}

pub fn frame(kind: u64, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 16);
    put(&mut out, kind);
    put(&mut out, content.len() as u64);
    out.extend_from_slice(content);
    out
}

/// What is wrong with a stream, and the code that says so.
#[derive(Debug)]
pub enum Wrong {
    /// The whole connection is to end.
    Connection(u32, &'static str),
    /// The other side did not look at the request (§4.1.1).
    Rejected,
    /// The stream broke, or the connection has.
    Broken(io::Error),
}

/// One integer; nothing at the end of the stream.
pub async fn integer(stream: &mut RecvStream) -> Result<Option<u64>, Wrong> {
    let mut octets = [0; 8];
    match stream.read(&mut octets[..1]).await.map_err(broken)? {
        Some(1) => {}
        _ => return Ok(None),
    }
    let length = length_of(octets[0]);
    exact(stream, &mut octets[1..length]).await?;
    Ok(Some(value_of(&octets[..length])))
}

/// Kind and length of the next frame; nothing at the end of the stream.
pub async fn head(stream: &mut RecvStream) -> Result<Option<(u64, u64)>, Wrong> {
    let Some(kind) = integer(stream).await? else {
        return Ok(None);
    };
    let cut = Wrong::Connection(code::FRAME_ERROR, "a frame is cut off");
    let length = integer(stream).await?.ok_or(cut)?;
    Ok(Some((kind, length)))
}

/// Passes over what means nothing, up to the HEADERS that a message begins with: its length, or nothing at the end of the
/// stream. `misplaced` says what is wrong of any other frame (RFC 9114 §4.1).
pub async fn headers(
    stream: &mut RecvStream,
    misplaced: &'static str,
) -> Result<Option<u64>, Wrong> {
    while let Some((kind, length)) = head(stream).await? {
        match kind {
            HEADERS => return Ok(Some(length)),
            _ if is_misplaced(kind) || kind == DATA => {
                return Err(Wrong::Connection(code::FRAME_UNEXPECTED, misplaced));
            }
            _ => skip(stream, length).await?,
        }
    }
    Ok(None)
}

/// The content of a frame, of `most` octets.
pub async fn content(stream: &mut RecvStream, length: u64, most: usize) -> Result<Vec<u8>, Wrong> {
    if length > most as u64 {
        return Err(Wrong::Connection(
            code::EXCESSIVE_LOAD,
            "a frame is too long",
        ));
    }
    let mut content = vec![0; length as usize];
    exact(stream, &mut content).await?;
    Ok(content)
}

/// Throws the content of a frame away.
pub async fn skip(stream: &mut RecvStream, mut length: u64) -> Result<(), Wrong> {
    let mut scratch = [0; 1024];
    while length > 0 {
        let most = scratch.len().min(length as usize);
        exact(stream, &mut scratch[..most]).await?;
        length -= most as u64;
    }
    Ok(())
}

async fn exact(stream: &mut RecvStream, octets: &mut [u8]) -> Result<(), Wrong> {
    match stream.read_exact(octets).await {
        Ok(()) => Ok(()),
        Err(quinn::ReadExactError::FinishedEarly(_)) => {
            Err(Wrong::Connection(code::FRAME_ERROR, "a frame is cut off"))
        }
        Err(quinn::ReadExactError::ReadError(error)) => Err(broken(error)),
    }
}

fn broken(error: quinn::ReadError) -> Wrong {
    match error {
        quinn::ReadError::Reset(code) if code == code::REQUEST_REJECTED.into() => Wrong::Rejected,
        error => Wrong::Broken(read_error(&error)),
    }
}

/// How reading failed.
pub fn read_error(error: &quinn::ReadError) -> io::Error {
    match error {
        quinn::ReadError::Reset(code) => {
            let name = super::name(code.into_inner());
            io::Error::new(
                io::ErrorKind::ConnectionReset,
                format!("RESET_STREAM {name}"),
            )
        }
        quinn::ReadError::ConnectionLost(error) => super::lost(error),
        other => io::Error::new(io::ErrorKind::ConnectionReset, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_rfc() {
        for (value, octets) in [
            (
                151_288_809_941_952_652,
                &b"\xc2\x19\x7c\x5e\xff\x14\xe8\x8c"[..],
            ),
            (494_878_333, b"\x9d\x7f\x3e\x7d"),
            (15_293, b"\x7b\xbd"),
            (37, b"\x25"),
        ] {
            let mut out = Vec::new();
            put(&mut out, value);
            assert_eq!(out, octets);
            assert_eq!(length_of(octets[0]), octets.len());
            assert_eq!(value_of(octets), value);
        }
    }
}
