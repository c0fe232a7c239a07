//! Message heads of HTTP/1.x (RFC 9112 §2 to §5): fed in any cuts, the rest kept.

use crate::base::defaults::{HEAD_BYTES, HEAD_LINES};
use crate::http::field::{Field, Fields, is_token};
use std::fmt;

/// Why octets are not a message head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// Longer than so many octets.
    TooLong(usize),
    /// More than [`HEAD_LINES`] lines.
    TooManyLines,
    /// The first octets cannot begin an HTTP/1.x message.
    NotHttp,
    /// A request of a version we do not speak.
    Version,
    /// Against the grammar; says where.
    Malformed(&'static str),
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeadError::TooLong(most) => write!(f, "the message head is longer than {most} bytes"),
            HeadError::TooManyLines => {
                write!(f, "the message head has more than {HEAD_LINES} lines")
            }
            HeadError::NotHttp => f.write_str("not HTTP"),
            HeadError::Version => f.write_str("an HTTP version other than 1.0 and 1.1"),
            HeadError::Malformed(what) => f.write_str(what),
        }
    }
}

/// Which side's messages are read. A server is stricter: what a lenient one lets through is how
/// requests are smuggled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads answers.
    Client,
    /// Reads requests.
    Server,
}

/// Gathers the octets of one head, however they arrive.
#[derive(Debug)]
pub struct HeadBuffer {
    role: Role,
    longest: usize,
    bytes: Vec<u8>,
    /// Where the first line without an end yet begins.
    line_start: usize,
    /// Up to here no line feed was found in that line.
    searched: usize,
    lines: usize,
    /// Empty lines before the first one.
    skipped: usize,
    /// Length of the whole head, the empty line included.
    end: Option<usize>,
}

impl HeadBuffer {
    pub fn new(role: Role) -> Self {
        HeadBuffer {
            role,
            longest: HEAD_BYTES,
            bytes: Vec::new(),
            line_start: 0,
            searched: 0,
            lines: 0,
            skipped: 0,
            end: None,
        }
    }

    /// Another limit than [`HEAD_BYTES`] octets.
    pub fn longest(self, longest: usize) -> Self {
        HeadBuffer { longest, ..self }
    }

    /// Takes `data`; true once the head is complete. What follows the head is kept.
    pub fn push(&mut self, data: &[u8]) -> Result<bool, HeadError> {
        self.bytes.extend_from_slice(data);
        self.scan()
    }

    /// Nothing has arrived yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What has arrived, complete or not.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn scan(&mut self) -> Result<bool, HeadError> {
        while self.end.is_none() {
            let found = self.bytes[self.searched..].iter().position(|&b| b == b'\n');
            let Some(at) = found.map(|n| self.searched + n) else {
                self.searched = self.bytes.len();
                break;
            };
            let line = &self.bytes[self.line_start..at];
            let empty = line.is_empty() || line == b"\r";
            self.searched = at + 1;
            if empty && self.lines == 0 && self.role == Role::Server && self.skipped < 2 {
                // RFC 9112 §2.2: empty lines before a request are passed over; two are plenty.
                self.skipped += 1;
                self.bytes.drain(..=at);
                self.searched = 0;
                continue;
            }
            self.line_start = at + 1;
            if empty {
                self.end = Some(at + 1);
            } else {
                self.lines += 1;
                if self.lines > HEAD_LINES {
                    return Err(HeadError::TooManyLines);
                }
            }
        }
        self.check_beginning()?;
        let length = self.end.unwrap_or(self.bytes.len());
        if length > self.longest {
            return Err(HeadError::TooLong(self.longest));
        }
        Ok(self.end.is_some())
    }

    /// Says no as soon as the first octets cannot be HTTP, rather than waiting for more of them.
    fn check_beginning(&self) -> Result<(), HeadError> {
        match self.role {
            Role::Client => {
                let prefix = b"HTTP/1.";
                let n = self.bytes.len().min(prefix.len());
                if self.bytes[..n] != prefix[..n] {
                    return Err(HeadError::NotHttp);
                }
            }
            Role::Server => {
                // A method is a token; TLS, SSH and HTTP/2 do not get far with this.
                let method = self.bytes.split(|&b| b == b' ').next().unwrap_or(&[]);
                if method.len() > 32 || (!method.is_empty() && !is_token(method)) {
                    let only_line_end = matches!(method, b"\r" | b"\n" | b"\r\n");
                    if !only_line_end {
                        return Err(HeadError::NotHttp);
                    }
                }
            }
        }
        Ok(())
    }

    /// The head's octets, and those that came after it.
    fn split(mut self) -> (Vec<u8>, Vec<u8>) {
        let end = self.end.unwrap_or(self.bytes.len());
        let rest = self.bytes.split_off(end);
        (self.bytes, rest)
    }

    /// The answer that was gathered, and the octets after it.
    pub fn into_response(self) -> Result<(ResponseHead, Vec<u8>), HeadError> {
        let (head, rest) = self.split();
        Ok((ResponseHead::parse(&head)?, rest))
    }

    /// The request that was gathered, and the octets after it.
    pub fn into_request(self) -> Result<(RequestHead, Vec<u8>), HeadError> {
        let (head, rest) = self.split();
        Ok((RequestHead::parse(&head)?, rest))
    }
}

/// An answer's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// 100 to 999.
    pub status: u16,
    /// May be empty; raw octets.
    pub reason: Vec<u8>,
    /// 0 or 1, of HTTP/1.x.
    pub minor: u8,
    pub fields: Fields,
}

impl ResponseHead {
    fn parse(head: &[u8]) -> Result<Self, HeadError> {
        let mut lines = lines(head, Role::Client)?.into_iter();
        let line = lines.next().unwrap_or_default();
        let rest = line.strip_prefix(b"HTTP/1.").ok_or(HeadError::NotHttp)?;
        let (&minor, rest) = rest.split_first().ok_or(HeadError::NotHttp)?;
        let rest = match rest.split_first() {
            Some((b' ', rest)) if minor.is_ascii_digit() => rest,
            _ => return Err(HeadError::NotHttp),
        };
        let digits = rest.get(..3).filter(|d| d.iter().all(u8::is_ascii_digit));
        let status = digits
            .and_then(|d| std::str::from_utf8(d).ok()?.parse().ok())
            .filter(|&s: &u16| s >= 100)
            .ok_or(HeadError::Malformed("the status is not three digits"))?;
        // RFC 9112 §4: the space before an absent reason is often absent too.
        let reason = match rest[3..].split_first() {
            None => &[],
            Some((b' ', reason)) => reason,
            Some(_) => return Err(HeadError::Malformed("the status is not three digits")),
        };
        Ok(ResponseHead {
            status,
            reason: reason.to_vec(),
            minor: minor - b'0',
            fields: fields(lines, Role::Client)?,
        })
    }
}

/// A request's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    pub method: String,
    /// The request-target as received; visible ASCII only.
    pub target: String,
    /// 0 or 1, of HTTP/1.x.
    pub minor: u8,
    pub fields: Fields,
}

impl RequestHead {
    fn parse(head: &[u8]) -> Result<Self, HeadError> {
        let mut lines = lines(head, Role::Server)?.into_iter();
        let line = lines.next().unwrap_or_default();
        // Split at the first and the last space, so that a space inside the target is seen as
        // the target's fault.
        let bad = HeadError::Malformed("the request line is not METHOD SP TARGET SP VERSION");
        let text = std::str::from_utf8(&line).map_err(|_| bad.clone())?;
        let (method, rest) = text.split_once(' ').ok_or(bad.clone())?;
        let (target, version) = rest.rsplit_once(' ').ok_or(bad.clone())?;
        let minor = match version {
            "HTTP/1.0" => 0,
            "HTTP/1.1" => 1,
            v if is_version(v) => return Err(HeadError::Version),
            _ => return Err(bad),
        };
        if !is_token(method.as_bytes()) {
            return Err(HeadError::Malformed("the method is not a token"));
        }
        if target.is_empty() || !target.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(HeadError::Malformed(
                "the request target is empty or has a space or control character",
            ));
        }
        Ok(RequestHead {
            method: method.into(),
            target: target.into(),
            minor,
            fields: fields(lines, Role::Server)?,
        })
    }
}

/// `HTTP/` and digits with a point between them, or one digit as HTTP/2 writes it.
fn is_version(text: &str) -> bool {
    let Some(number) = text.strip_prefix("HTTP/") else {
        return false;
    };
    let digit = |t: &str| t.len() == 1 && t.bytes().all(|b| b.is_ascii_digit());
    match number.split_once('.') {
        Some((major, minor)) => digit(major) && digit(minor),
        None => digit(number),
    }
}

/// The lines of a head without their ends; the empty one that closes it is left out.
fn lines(head: &[u8], role: Role) -> Result<Vec<Vec<u8>>, HeadError> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in head.split_inclusive(|&b| b == b'\n') {
        let line = match line.strip_suffix(b"\r\n") {
            Some(line) => line,
            None if role == Role::Server => {
                return Err(HeadError::Malformed("a line does not end with CR LF"));
            }
            // RFC 9112 §2.2 lets a recipient take LF alone for the end of a line.
            None => line.strip_suffix(b"\n").unwrap_or(line),
        };
        if line.contains(&b'\r') || line.contains(&0) {
            return Err(HeadError::Malformed("a bare CR or a NUL in the head"));
        }
        if line.is_empty() {
            break;
        }
        let folded = line.starts_with(b" ") || line.starts_with(b"\t");
        match lines.last_mut() {
            Some(last) if folded && role == Role::Client && !last.starts_with(b"HTTP/") => {
                // RFC 9112 §5.2: a user agent replaces obs-fold by spaces.
                last.push(b' ');
                last.extend_from_slice(line.trim_ascii_start());
            }
            _ if folded => return Err(HeadError::Malformed("a folded or indented line")),
            _ => lines.push(line.to_vec()),
        }
    }
    Ok(lines)
}

fn fields(lines: impl Iterator<Item = Vec<u8>>, role: Role) -> Result<Fields, HeadError> {
    let mut fields = Vec::new();
    for line in lines {
        let colon = line.iter().position(|&b| b == b':');
        let colon = colon.ok_or(HeadError::Malformed("a header line without a colon"))?;
        let mut name = &line[..colon];
        if role == Role::Client {
            // RFC 9112 §5.1: in an answer the space before the colon is removed, in a request it
            // is an error.
            name = name.trim_ascii_end();
        }
        if !is_token(name) {
            return Err(HeadError::Malformed(
                "a header field name that is not a token",
            ));
        }
        let value = line[colon + 1..].trim_ascii();
        let control = |&b: &u8| (b < b' ' && b != b'\t') || b == 0x7f;
        if role == Role::Server && value.iter().any(control) {
            return Err(HeadError::Malformed(
                "a control character in a header field",
            ));
        }
        fields.push(Field {
            name: String::from_utf8_lossy(name).into_owned(),
            value: value.to_vec(),
        });
    }
    Ok(Fields(fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(bytes: &[u8]) -> Result<(ResponseHead, Vec<u8>), HeadError> {
        let mut buffer = HeadBuffer::new(Role::Client);
        assert!(buffer.push(bytes)?, "incomplete: {bytes:?}");
        buffer.into_response()
    }

    fn request(bytes: &[u8]) -> Result<(RequestHead, Vec<u8>), HeadError> {
        let mut buffer = HeadBuffer::new(Role::Server);
        assert!(buffer.push(bytes)?, "incomplete: {bytes:?}");
        buffer.into_request()
    }

    #[test]
    fn every_cut_gives_the_same_head_and_rest() {
        let wire =
            b"HTTP/1.1 200 Connection established\r\nVia: 1.1 x\r\nA:\r\n\r\n\r\nSSH-2.0-x\r\n";
        let whole = response(wire).unwrap();
        assert_eq!(whole.1, b"\r\nSSH-2.0-x\r\n");
        for first in 0..=wire.len() {
            for second in first..=wire.len() {
                let mut buffer = HeadBuffer::new(Role::Client);
                for part in [&wire[..first], &wire[first..second], &wire[second..]] {
                    buffer.push(part).unwrap();
                }
                assert_eq!(buffer.into_response().unwrap(), whole);
            }
        }
    }

    #[test]
    fn status_lines() {
        for (line, status) in [
            ("HTTP/1.0 200 OK", Some(200)),
            ("HTTP/1.1 200", Some(200)),
            ("HTTP/1.1 204 ", Some(204)),
            ("HTTP/1.1 999 x", Some(999)),
            ("HTTP/1.1 20", None),
            ("HTTP/1.1 2000", None),
            ("HTTP/1.1 099 x", None),
            ("HTTP/1.1  200", None),
            ("HTTP/1.x 200", None),
            ("HTTP/2 200", None),
            ("ICY 200 OK", None),
        ] {
            let got = response(format!("{line}\r\n\r\n").as_bytes());
            assert_eq!(got.ok().map(|r| r.0.status), status, "{line}");
        }
    }

    #[test]
    fn a_client_forgives_what_the_rfc_lets_it() {
        let (head, _) = response(b"HTTP/1.1 200 x\nA : b\n  c\nD: e\n\n").unwrap();
        assert_eq!(head.fields.get("a"), Some(&b"b c"[..]));
        assert_eq!(head.fields.get("d"), Some(&b"e"[..]));
        assert!(response(b"HTTP/1.1 200 x\r\nA: b\rc\r\n\r\n").is_err());
        assert!(response(b"HTTP/1.1 200 x\r\nA: b\0\r\n\r\n").is_err());
        assert!(response(b"HTTP/1.1 200 x\r\nno colon\r\n\r\n").is_err());
        assert!(response(b"HTTP/1.1 200 x\r\n folded: b\r\n\r\n").is_err());
    }

    #[test]
    fn a_server_forgives_nothing() {
        assert!(request(b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n").is_ok());
        assert!(request(b"\r\nCONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n").is_ok());
        assert!(request(b"\r\n\r\n\r\nCONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n").is_err());
        for bad in [
            &b"CONNECT h:1 HTTP/1.1\nHost: h:1\n\n"[..],
            b"CONNECT h:1 HTTP/1.1\r\nHost : h:1\r\n\r\n",
            b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n x\r\n\r\n",
            b"CONNECT h:1 HTTP/1.1\r\n Host: h:1\r\n\r\n",
            b"CONNECT h:1 HTTP/1.1\r\nA: \x01\r\n\r\n",
            b"CONNECT h:1 HTTP/1.1\r\n: x\r\n\r\n",
            b"CONNECT  h:1 HTTP/1.1\r\n\r\n",
            b"CONNECT h:1\r\n\r\n",
            b"CONNECT h:1 HTTP/1.1 \r\n\r\n",
            b"CONNECT h\x80:1 HTTP/1.1\r\n\r\n",
        ] {
            assert!(request(bad).is_err(), "{:?}", String::from_utf8_lossy(bad));
        }
        assert_eq!(
            request(b"CONNECT h:1 HTTP/2.0\r\n\r\n"),
            Err(HeadError::Version)
        );
    }

    #[test]
    fn caps() {
        let mut buffer = HeadBuffer::new(Role::Client);
        let mut result = buffer.push(b"HTTP/1.1 200 OK\r\nA: ");
        let mut sent = 0;
        while result == Ok(false) && sent < 1 << 20 {
            result = buffer.push(&[b'x'; 100]);
            sent += 100;
        }
        assert_eq!(result, Err(HeadError::TooLong(HEAD_BYTES)));
        assert!(sent < HEAD_BYTES + 200);

        let mut buffer = HeadBuffer::new(Role::Client);
        let mut result = buffer.push(b"HTTP/1.1 200 OK\r\n");
        let mut lines = 1;
        while result == Ok(false) && lines < 1000 {
            result = buffer.push(b"A: b\r\n");
            lines += 1;
        }
        assert_eq!(
            (result, lines),
            (Err(HeadError::TooManyLines), HEAD_LINES + 1)
        );
    }

    #[test]
    fn payload_after_the_head_does_not_count() {
        let mut wire = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        wire.extend([b'\n'; 100_000]);
        assert_eq!(response(&wire).unwrap().1.len(), 100_000);
    }

    #[test]
    fn garbage_is_known_by_its_first_octets() {
        for garbage in [
            &b"SSH-2.0-OpenSSH"[..],
            b"\x15\x03\x01",
            b"HTTP/2",
            b"<html>",
        ] {
            let mut buffer = HeadBuffer::new(Role::Client);
            assert_eq!(buffer.push(garbage), Err(HeadError::NotHttp));
        }
        for garbage in [
            &b"\x16\x03\x01\x02\x00"[..],
            b"GET\x00",
            b"PRI\n\r* HTTP/2.0",
        ] {
            let mut buffer = HeadBuffer::new(Role::Server);
            assert_eq!(buffer.push(garbage), Err(HeadError::NotHttp), "{garbage:?}");
        }
    }
}
