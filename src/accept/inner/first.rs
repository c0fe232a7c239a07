//! Whether what a client says first is HTTP.

use crate::carrier::h2::server::PREFACE;
use crate::wire::BoxWire;
use std::io;
use tokio::io::AsyncReadExt;

/// Octets of a method (RFC 9110 has none longer than 16), and of what comes before the version.
const LONGEST_METHOD: usize = 32;

pub enum First {
    /// With what was read to find out.
    Http {
        early: Vec<u8>,
        version: http::Version,
    },
    /// With what was read of either side.
    Other { early: Vec<u8>, late: Vec<u8> },
    /// The client's side broke before it said anything.
    Broken(io::Error),
}

/// Reads until it shows. A target that speaks first does not speak HTTP.
pub async fn look(near: &mut BoxWire, far: &mut BoxWire) -> First {
    let (mut early, mut late) = (Vec::new(), Vec::new());
    loop {
        if let Some(version) = version_of(&early) {
            return match version {
                Some(version) => First::Http { early, version },
                None => First::Other { early, late },
            };
        }
        let read = tokio::select! {
            biased;
            read = near.read_buf(&mut early) => read,
            // Its end counts as well as anything that it says.
            _ = far.read_buf(&mut late), if early.is_empty() => {
                return First::Other { early, late };
            }
        };
        match read {
            Ok(0) => return First::Other { early, late },
            Ok(_) => {}
            Err(error) => return First::Broken(error),
        }
    }
}

/// Nothing as long as it cannot be said; then the version, or that it is none.
fn version_of(early: &[u8]) -> Option<Option<http::Version>> {
    if early.starts_with(PREFACE) {
        return Some(Some(http::Version::HTTP_2));
    }
    if PREFACE.starts_with(early) {
        return None;
    }
    // RFC 9112 §2.2: empty lines before a request are passed over.
    let skipped = early.iter().take_while(|b| b"\r\n".contains(b)).count();
    let early = &early[skipped..];
    let method = early
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || b"-_".contains(b));
    match (method.count(), early.len()) {
        (method, all) if method == all && all <= LONGEST_METHOD && skipped <= 4 => None,
        (0, _) => Some(None),
        (method, _) if early[method] == b' ' && method <= LONGEST_METHOD => of_line(early),
        _ => Some(None),
    }
}

/// The end of the first line says `HTTP/1.x`.
fn of_line(early: &[u8]) -> Option<Option<http::Version>> {
    let Some(end) = early.iter().position(|&b| b == b'\n') else {
        // A line this long is for the HTTP server to refuse.
        return (early.len() > 16 * 1024).then_some(Some(http::Version::HTTP_11));
    };
    let line = early[..end].trim_ascii_end();
    let version = line.rsplit(|&b| b == b' ').next().unwrap_or_default();
    Some(
        version
            .starts_with(b"HTTP/1.")
            .then_some(http::Version::HTTP_11),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_and_when() {
        let (one, two) = (http::Version::HTTP_11, http::Version::HTTP_2);
        for (text, expected) in [
            ("", None),
            ("GE", None),
            ("GET", None),
            ("GET /", None),
            ("GET / HTTP/1.1\r", None),
            ("GET / HTTP/1.1\r\n", Some(Some(one))),
            ("\r\nPOST /x HTTP/1.0\n", Some(Some(one))),
            ("P", None),
            ("PRI * HT", None),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Some(Some(two))),
            ("PRI * HTTP/2.0\r\n\r\nXX", Some(None)),
            ("PUT / HTTP/1.1\n", Some(Some(one))),
            ("SSH-2.0-OpenSSH\r\n", Some(None)),
            ("SSH-2.0-x", Some(None)),
            ("\x16\x03\x01", Some(None)),
            ("EHLO mail\r\n", Some(None)),
            ("GET /\r\n", Some(None)),
            ("\r\n\r\n\r\n", Some(None)),
        ] {
            let got = version_of(text.as_bytes());
            assert_eq!(got, expected, "{text:?}");
        }
    }
}
