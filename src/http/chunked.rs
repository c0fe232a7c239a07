//! The chunked coding (RFC 9112 §7.1): taken out in place, however it is cut.

use crate::base::defaults::HEAD_BYTES;
use std::fmt;

/// Octets of one chunk's extensions; nobody uses them, and an endless one is an attack (§7.1.1).
const EXTENSION: usize = 4096;
/// Hexadecimal digits of a size: 60 bits, so that no sum overflows.
const DIGITS: u8 = 15;

/// The end of a chunked content without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What comes before the data of a chunk of so many octets.
pub fn chunk_head(octets: usize) -> String {
    format!("{octets:x}\r\n")
}

/// Why octets are not chunked content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkError(&'static str);

impl fmt::Display for ChunkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not chunked content: {}", self.0)
    }
}

/// Where in the coding the next octet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// In a size of so many digits yet.
    Size {
        value: u64,
        digits: u8,
    },
    /// Between a size and the end of its line.
    Extension {
        value: u64,
        octets: usize,
    },
    /// Before the LF of a size's line.
    SizeLf {
        value: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    /// In the trailer section: octets of it, and of its current line.
    Trailer {
        octets: usize,
        line: usize,
    },
    TrailerLf {
        octets: usize,
        line: usize,
    },
    /// Behind the empty line after the last chunk.
    Over,
    /// Behind octets that are no chunked content.
    Wrong(ChunkError),
}

/// Decodes one chunked content. Trailers are passed over.
#[derive(Debug)]
pub struct Decoder(At);

impl Default for Decoder {
    fn default() -> Self {
        Decoder(At::Size {
            value: 0,
            digits: 0,
        })
    }
}

impl Decoder {
    /// The last chunk and the trailer section have been seen.
    pub fn is_over(&self) -> bool {
        self.0 == At::Over
    }

    /// What is wrong with octets that have been taken, behind content that was given.
    pub fn error(&self) -> Option<ChunkError> {
        match self.0 {
            At::Wrong(error) => Some(error),
            _ => None,
        }
    }

    /// Moves the content in `octets` to their beginning and gives its length. What follows the end
    /// is not touched and not counted. Content before something wrong is given first: the error is
    /// that of the next call, and of [`Decoder::error`].
    pub fn compact(&mut self, octets: &mut [u8]) -> Result<usize, ChunkError> {
        let (mut read, mut content) = (0, 0);
        while read < octets.len() && self.0 != At::Over {
            if let At::Data { left } = self.0 {
                let here = (octets.len() - read).min(usize::try_from(left).unwrap_or(usize::MAX));
                octets.copy_within(read..read + here, content);
                read += here;
                content += here;
                self.0 = match left - here as u64 {
                    0 => At::DataCr,
                    left => At::Data { left },
                };
                continue;
            }
            self.0 = step(self.0, octets[read]).unwrap_or_else(At::Wrong);
            if let At::Wrong(error) = self.0 {
                return match content {
                    0 => Err(error),
                    _ => Ok(content),
                };
            }
            read += 1;
        }
        Ok(content)
    }
}

/// One octet that is not data.
fn step(at: At, octet: u8) -> Result<At, ChunkError> {
    let bad = |what| Err(ChunkError(what));
    Ok(match (at, octet) {
        (At::Size { value, digits }, _) if octet.is_ascii_hexdigit() => {
            if digits == DIGITS {
                return bad("a chunk is too large");
            }
            let digit = (octet as char).to_digit(16).unwrap_or(0);
            At::Size {
                value: value << 4 | u64::from(digit),
                digits: digits + 1,
            }
        }
        (At::Size { digits: 0, .. }, _) => return bad("a chunk has no size"),
        (At::Size { value, .. } | At::Extension { value, .. }, b'\r') => At::SizeLf { value },
        (At::Size { value, .. }, b';' | b' ' | b'\t') => At::Extension { value, octets: 1 },
        (At::Size { .. }, _) => return bad("a chunk's size is not hexadecimal"),
        (At::Extension { .. }, b'\n') => return bad("a line ends with LF alone"),
        (At::Extension { octets, .. }, _) if octets == EXTENSION => {
            return bad("a chunk's extensions are too long");
        }
        (At::Extension { value, octets }, _) => At::Extension {
            value,
            octets: octets + 1,
        },
        (At::SizeLf { value: 0 }, b'\n') => At::Trailer { octets: 0, line: 0 },
        (At::SizeLf { value }, b'\n') => At::Data { left: value },
        (At::DataCr, b'\r') => At::DataLf,
        (At::DataLf, b'\n') => At::Size {
            value: 0,
            digits: 0,
        },
        (At::DataCr | At::DataLf, _) => return bad("a chunk is longer than its size"),
        (At::Trailer { octets, line }, b'\r') => At::TrailerLf { octets, line },
        (At::Trailer { .. }, b'\n') => return bad("a line ends with LF alone"),
        (At::Trailer { octets, .. }, _) if octets == HEAD_BYTES => {
            return bad("the trailers are too long");
        }
        (At::Trailer { octets, line }, _) => At::Trailer {
            octets: octets + 1,
            line: line + 1,
        },
        (At::TrailerLf { line: 0, .. }, b'\n') => At::Over,
        (At::TrailerLf { octets, .. }, b'\n') => At::Trailer { octets, line: 0 },
        (At::SizeLf { .. } | At::TrailerLf { .. }, _) => return bad("CR without LF"),
        (At::Wrong(error), _) => return Err(error),
        (At::Data { .. } | At::Over, _) => at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content of `wire`, fed in pieces of `piece` octets, and whether it came to its end.
    fn decode(wire: &[u8], piece: usize) -> Result<(Vec<u8>, bool), ChunkError> {
        let mut decoder = Decoder::default();
        let mut content = Vec::new();
        for piece in wire.chunks(piece) {
            let mut piece = piece.to_vec();
            let n = decoder.compact(&mut piece)?;
            content.extend_from_slice(&piece[..n]);
        }
        match decoder.error() {
            Some(error) => Err(error),
            None => Ok((content, decoder.is_over())),
        }
    }

    #[test]
    fn every_cut_gives_the_same_content() {
        let wire =
            b"5\r\nhello\r\n1;a=b\r\n \r\n00A \t;x\r\n0123456789\r\n0\r\nA: b\r\nC:\r\n\r\nnext";
        for piece in 1..=wire.len() {
            let (content, over) = decode(wire, piece).unwrap();
            assert_eq!(content, b"hello 0123456789", "pieces of {piece}");
            assert!(over);
        }
    }

    #[test]
    fn an_end_needs_its_last_line() {
        let wire = b"1\r\nx\r\n0\r\n\r\n";
        for end in 0..wire.len() {
            assert!(!decode(&wire[..end], 3).unwrap().1, "{end}");
        }
        assert!(decode(wire, 3).unwrap().1);
    }

    #[test]
    fn what_is_not_chunked() {
        let long_extension = format!("1;{}\r\nx\r\n", "a".repeat(EXTENSION));
        let long_trailer = format!("0\r\n{}\r\n\r\n", "a".repeat(HEAD_BYTES + 1));
        for bad in [
            "\r\n",
            ";x\r\n",
            "-1\r\nx",
            "0x1\r\nx",
            "g\r\n",
            "1\nx",
            "1\rx",
            "1 ; \nx",
            "1\r\nxy\r\n",
            "1\r\nx\n0\r\n\r\n",
            "0\r\n\n",
            "0\r\na\n\r\n",
            "0\r\na\rb\r\n\r\n",
            "1000000000000000\r\n",
            "ffffffffffffffffffff\r\n",
            &long_extension,
            &long_trailer,
        ] {
            assert!(decode(bad.as_bytes(), 7).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn content_before_something_wrong_comes_first() {
        let mut octets = *b"5\r\nhello\r\nx\r\n";
        let mut decoder = Decoder::default();
        assert_eq!(decoder.compact(&mut octets), Ok(5));
        assert_eq!(&octets[..5], b"hello");
        assert!(decoder.error().is_some());
        assert!(decoder.compact(&mut [b'0']).is_err());
        assert!(!decoder.is_over());
    }

    #[test]
    fn what_is_written_is_read() {
        let mut wire = Vec::new();
        for size in [1, 15, 16, 65_536] {
            wire.extend_from_slice(chunk_head(size).as_bytes());
            wire.extend(std::iter::repeat_n(b'x', size));
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(LAST_CHUNK);
        let (content, over) = decode(&wire, 4096).unwrap();
        assert_eq!((content.len(), over), (1 + 15 + 16 + 65_536, true));
    }
}
