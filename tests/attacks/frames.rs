//! HTTP/2 frames as octets, valid or not: nothing here keeps anybody from breaking a rule.

use std::io::{self, Read};

/// RFC 9113 §3.4.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frame types (RFC 9113 §6).
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

pub mod flag {
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
    pub const PRIORITY: u8 = 0x20;
}

/// Error codes (RFC 9113 §7).
pub mod code {
    pub const PROTOCOL_ERROR: u32 = 1;
    pub const FLOW_CONTROL_ERROR: u32 = 3;
    pub const STREAM_CLOSED: u32 = 5;
    pub const FRAME_SIZE_ERROR: u32 = 6;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const COMPRESSION_ERROR: u32 = 9;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}

/// Settings (RFC 9113 §6.5.2).
pub mod setting {
    pub const HEADER_TABLE_SIZE: u16 = 1;
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
}

/// A frame that was received.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn read(from: &mut impl Read) -> io::Result<Frame> {
        let mut head = [0; 9];
        from.read_exact(&mut head)?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        from.read_exact(&mut payload)?;
        Ok(Frame {
            kind,
            flags,
            stream: u32::from_be_bytes(stream),
            payload,
        })
    }

    /// The error code of RST_STREAM or GOAWAY.
    pub fn code(&self) -> u32 {
        let at = if self.kind == kind::GOAWAY { 4 } else { 0 };
        self.word(at)
    }

    /// The 32 bits of the payload that begin at `at`.
    pub fn word(&self, at: usize) -> u32 {
        let octets = self.payload[at..at + 4].try_into().expect("four octets");
        u32::from_be_bytes(octets)
    }
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(payload.len())
        .expect("a length")
        .to_be_bytes()[1..]
        .to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

pub fn data(stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(kind::DATA, 0, stream, payload)
}

/// A request without an end, in one frame.
pub fn headers(stream: u32, block: &[u8]) -> Vec<u8> {
    frame(kind::HEADERS, flag::END_HEADERS, stream, block)
}

pub fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, &code.to_be_bytes())
}

pub fn window_update(stream: u32, octets: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, &octets.to_be_bytes())
}

pub fn ping(payload: u64) -> Vec<u8> {
    frame(kind::PING, 0, 0, &payload.to_be_bytes())
}

pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in values {
        payload.extend(name.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(kind::SETTINGS, 0, 0, &payload)
}

pub fn settings_ack() -> Vec<u8> {
    frame(kind::SETTINGS, flag::ACK, 0, &[])
}

/// A field as a literal without indexing, not compressed (RFC 7541 §6.2.2).
pub fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    for text in [name, value] {
        out.extend(integer(0, 7, text.len()));
        out.extend(text);
    }
    out
}

/// An integer behind the bits of `first` (RFC 7541 §5.1).
pub fn integer(first: u8, prefix: u8, value: usize) -> Vec<u8> {
    let full = (1 << prefix) - 1;
    if value < full {
        return vec![first | value.to_le_bytes()[0]];
    }
    let mut out = vec![first | full.to_le_bytes()[0]];
    let mut rest = value - full;
    while rest >= 128 {
        out.push(rest.to_le_bytes()[0] | 128);
        rest /= 128;
    }
    out.push(rest.to_le_bytes()[0]);
    out
}

/// Many fields, one after the other.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let fields = fields.iter();
    fields
        .flat_map(|(name, value)| field(name.as_bytes(), value.as_bytes()))
        .collect()
}

/// The header block of a good request (RFC 9113 §8.5).
pub fn connect(authority: &str) -> Vec<u8> {
    block(&[(":method", "CONNECT"), (":authority", authority)])
}

/// The status in the header block of an answer from a peer without a dynamic table: the first field, indexed (0x88 to
/// 0x8e) or a literal whose digits may be compressed.
pub fn status(block: &[u8]) -> u16 {
    // RFC 7541, appendix A.
    const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    // A table size update comes first where the table was turned off.
    let block = block.strip_prefix(&[0x20]).unwrap_or(block);
    if let Some(status) = block[0]
        .checked_sub(0x88)
        .and_then(|i| INDEXED.get(usize::from(i)))
    {
        return *status;
    }
    assert_eq!(block[0] & 0x0f, 8, "a :status first: {block:02x?}");
    let value = &block[2..2 + usize::from(block[1] & 0x7f)];
    if block[1] & 0x80 == 0 {
        return String::from_utf8_lossy(value).parse().expect("a status");
    }
    digits(value)
}

/// A number of three digits in the code of RFC 7541, appendix B: 0 to 2 in five bits, 3 to 9 in six from 0x19.
fn digits(value: &[u8]) -> u16 {
    let mut bits = value
        .iter()
        .flat_map(|o| (0..8).rev().map(move |n| u16::from(o >> n & 1)));
    let mut number = 0;
    for _ in 0..3 {
        let five = (0..5).fold(0, |word, _| word * 2 + bits.next().unwrap_or(1));
        let digit = match five {
            0..3 => five,
            _ => five * 2 + bits.next().unwrap_or(1) - 0x19 + 3,
        };
        number = number * 10 + digit;
    }
    number
}

#[test]
fn statuses_are_read() {
    assert_eq!(status(&[0x88]), 200);
    assert_eq!(status(&[0x20, 0x8c, 0]), 400);
    assert_eq!(status(b"\x08\x03405"), 405);
    // RFC 7541, C.6: 302 and 307.
    assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]), 302);
    assert_eq!(status(&[0x48, 0x83, 0x64, 0x0e, 0xff]), 307);
}
