//! Field sections (RFC 9204) without a dynamic table: we announce none, so that no peer may use one.

use crate::carrier::h3::table::STATIC;
use httlib_huffman::DecoderSpeed;

pub type FieldLine = (Vec<u8>, Vec<u8>);

/// Why a section cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// H3 QPACK_DECOMPRESSION_FAILED.
    Coding,
    /// More than was allowed.
    TooLong,
}

/// Every line is a literal; the names of the static table that CONNECT and POST need save few octets.
pub fn encode<'a>(lines: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
    // Required Insert Count and Delta Base: 0.
    let mut out = vec![0, 0];
    for (name, value) in lines {
        // 001N: a literal name, in three bits.
        integer(&mut out, 0b0010_0000, 3, name.len());
        out.extend_from_slice(name);
        integer(&mut out, 0, 7, value.len());
        out.extend_from_slice(value);
    }
    out
}

/// RFC 9204 §4.1.1.
fn integer(out: &mut Vec<u8>, flags: u8, bits: u8, value: usize) {
    let most = (1 << bits) - 1;
    if value < most {
        out.push(flags | value as u8);
        return;
    }
    out.push(flags | most as u8);
    let mut rest = value - most;
    while rest >= 128 {
        out.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    out.push(rest as u8);
}

/// The lines of a section, of `most` octets in all.
pub fn decode(section: &[u8], most: usize) -> Result<Vec<FieldLine>, Bad> {
    let mut reader = Reader(section);
    if reader.integer(8)? != 0 {
        return Err(Bad::Coding);
    }
    reader.integer(7)?;
    let (mut lines, mut size) = (Vec::new(), 0);
    while let Some(first) = reader.peek() {
        let (name, value) = match first {
            // Indexed, of the static table.
            _ if first & 0b1100_0000 == 0b1100_0000 => {
                let (name, value) = reader.indexed(6)?;
                (name.as_bytes().to_vec(), value.as_bytes().to_vec())
            }
            // A name of the static table.
            _ if first & 0b1101_0000 == 0b0101_0000 => {
                let (name, _) = reader.indexed(4)?;
                (name.as_bytes().to_vec(), reader.string(7)?)
            }
            _ if first & 0b1110_0000 == 0b0010_0000 => (reader.string(3)?, reader.string(7)?),
            // All others refer to a dynamic table.
            _ => return Err(Bad::Coding),
        };
        // RFC 9114 §4.2.2.
        size += name.len() + value.len() + 32;
        if size > most {
            return Err(Bad::TooLong);
        }
        lines.push((name, value));
    }
    Ok(lines)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn octet(&mut self) -> Result<u8, Bad> {
        let (first, rest) = self.0.split_first().ok_or(Bad::Coding)?;
        self.0 = rest;
        Ok(*first)
    }

    fn integer(&mut self, bits: u8) -> Result<usize, Bad> {
        let most = ((1_u16 << bits) - 1) as u8;
        let first = self.octet()? & most;
        let mut value = usize::from(first);
        if first < most {
            return Ok(value);
        }
        for shift in (0..).step_by(7) {
            let octet = self.octet()?;
            if shift > 28 {
                return Err(Bad::Coding);
            }
            value += usize::from(octet & 127) << shift;
            if octet & 128 == 0 {
                break;
            }
        }
        Ok(value)
    }

    fn indexed(&mut self, bits: u8) -> Result<(&'static str, &'static str), Bad> {
        let index = self.integer(bits)?;
        STATIC.get(index).copied().ok_or(Bad::Coding)
    }

    /// Its Huffman bit stands in front of the length.
    fn string(&mut self, bits: u8) -> Result<Vec<u8>, Bad> {
        let coded = self.peek().ok_or(Bad::Coding)? & (1 << bits) != 0;
        let length = self.integer(bits)?;
        let (octets, rest) = self.0.split_at_checked(length).ok_or(Bad::Coding)?;
        self.0 = rest;
        if !coded {
            return Ok(octets.to_vec());
        }
        let mut out = Vec::with_capacity(length * 2);
        httlib_huffman::decode(octets, &mut out, DecoderSpeed::FourBits)
            .map_err(|_| Bad::Coding)?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_write_we_read() {
        let long = "x".repeat(5000);
        let lines = [
            (&b":method"[..], &b"CONNECT"[..]),
            (b":authority", b"host.example:443"),
            (b"a", b""),
            (b"a-name-that-is-longer-than-seven", long.as_bytes()),
        ];
        let section = encode(lines);
        let got = decode(&section, 10_000).unwrap();
        let got: Vec<(&[u8], &[u8])> = got.iter().map(|(n, v)| (&n[..], &v[..])).collect();
        assert_eq!(got, lines);
        assert_eq!(decode(&section, 1000), Err(Bad::TooLong));
        for end in 0..section.len() {
            // No cut of it does harm.
            let _ = decode(&section[..end], 10_000);
        }
    }

    /// RFC 9204 B.1, and Huffman as in RFC 7541 C.4.1.
    #[test]
    fn what_others_write() {
        let section = b"\0\0\x51\x0b/index.html";
        let lines = decode(section, 1000).unwrap();
        assert_eq!(lines, [(b":path".to_vec(), b"/index.html".to_vec())]);
        let section = b"\0\0\xd9\x50\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        let lines = decode(section, 1000).unwrap();
        assert_eq!(lines[0], (b":status".to_vec(), b"200".to_vec()));
        assert_eq!(
            lines[1],
            (b":authority".to_vec(), b"www.example.com".to_vec())
        );
    }

    #[test]
    fn dynamic_tables_are_refused() {
        for section in [
            &b"\x02\0\x80"[..],
            b"\0\0\x80",
            b"\0\0\x10",
            b"\0\0\x40\0",
            b"\0\0\0\0",
            b"\0\0\xff\x80\x80\x80\x80\x80\x80\x01",
        ] {
            assert_eq!(decode(section, 1000), Err(Bad::Coding), "{section:?}");
        }
    }
}
