//! The PROXY protocol (HAProxy's `proxy-protocol.txt`, versions 1 and 2) from load balancers: who the client behind them
//! is. Only senders that were named are asked for it, and they must send it: it is never guessed.

use crate::wire::Socket;
use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use std::io;
use std::net::SocketAddr;
use tokio::io::AsyncReadExt;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Octets of a line of version 1, its end included.
const LONGEST_LINE: usize = 107;
/// Octets behind the first 16 of version 2: addresses and whatever else there is.
const LONGEST: usize = 4096;
/// The type of the field with a checksum, and its length (`PP2_TYPE_CRC32C`).
const CRC: u8 = 0x03;

/// Addresses of the client and of whom it connected to.
pub type Ends = (SocketAddr, SocketAddr);

/// Reads the header and nothing behind it. Nothing where the sender speaks for itself or does not know the client.
pub async fn read(socket: &mut Socket) -> io::Result<Option<Ends>> {
    let mut header = vec![0; SIGNATURE.len()];
    socket.read_exact(&mut header).await?;
    if header == SIGNATURE {
        header.resize(16, 0);
        socket.read_exact(&mut header[12..]).await?;
        let length = usize::from(u16::from_be_bytes([header[14], header[15]]));
        if length > LONGEST {
            return Err(wrong("the PROXY header is too long"));
        }
        header.resize(16 + length, 0);
        socket.read_exact(&mut header[16..]).await?;
    } else if header.starts_with(b"PROXY ") {
        // It says not how long it is; one octet at a time nothing of what follows is taken.
        while !header.ends_with(b"\r\n") {
            if header.len() >= LONGEST_LINE {
                return Err(wrong("the PROXY line is too long"));
            }
            header.push(socket.read_u8().await?);
        }
    } else {
        return Err(wrong("no PROXY header"));
    }
    ends(&header)
}

fn ends(header: &[u8]) -> io::Result<Option<Ends>> {
    let config = ParseConfig {
        include_tlvs: false,
        allow_v1: true,
        allow_v2: true,
    };
    let parsed = ProxyHeader::parse(header, config);
    let (parsed, length) = parsed.map_err(|e| wrong(&format!("the PROXY header: {e}")))?;
    if length != header.len() {
        return Err(wrong("the PROXY header is not as long as it says"));
    }
    if header.starts_with(SIGNATURE) {
        check_sum(header)?;
    }
    match parsed.proxied_address() {
        Some(ends) if ends.protocol == Protocol::Stream => {
            Ok(Some((ends.source, ends.destination)))
        }
        Some(_) => Err(wrong("the PROXY header speaks of datagrams")),
        None => Ok(None),
    }
}

/// A checksum must be right where there is one.
fn check_sum(header: &[u8]) -> io::Result<()> {
    // Addresses of IPv4, IPv6 and unix sockets; other families have none that we know of.
    let addresses = match header[13] >> 4 {
        1 => 12,
        2 => 36,
        3 => 216,
        _ => 0,
    };
    let mut at = 16 + addresses;
    while let Some([kind, high, low]) = header.get(at..at + 3) {
        let value = at + 3;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(field) = header.get(value..value + length) else {
            return Err(wrong("a field of the PROXY header is cut off"));
        };
        if *kind == CRC {
            let Ok(told) = <[u8; 4]>::try_from(field) else {
                return Err(wrong("the checksum of the PROXY header has no 4 bytes"));
            };
            let mut blank = header.to_vec();
            blank[value..value + 4].fill(0);
            if crc32c(&blank) != u32::from_be_bytes(told) {
                return Err(wrong("the checksum of the PROXY header is wrong"));
            }
        }
        at = value + length;
    }
    Ok(())
}

/// Castagnoli's polynomial, as RFC 4960 Appendix B has it.
fn crc32c(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc = (crc >> 1) ^ (0x82f6_3b78 * low);
        }
    }
    !crc
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxy_header::{ProxiedAddress, Tlv};

    #[test]
    fn lines_and_headers() {
        let two = |ends: &str| {
            let ends: Vec<SocketAddr> = ends.split(' ').map(|e| e.parse().unwrap()).collect();
            Some((ends[0], ends[1]))
        };
        for (line, expected) in [
            (
                "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
                two("192.0.2.1:1 192.0.2.2:2"),
            ),
            (
                "PROXY TCP6 2001:db8::1 ::1 1 2\r\n",
                two("[2001:db8::1]:1 [::1]:2"),
            ),
            ("PROXY UNKNOWN\r\n", None),
        ] {
            assert_eq!(ends(line.as_bytes()).unwrap(), expected, "{line}");
        }
        for bad in [
            "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
            "PROXY TCP4 192.0.2.1 ::1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 99999\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET",
            "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        ] {
            assert!(ends(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn checksums() {
        // RFC 3720 B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        let addresses = ProxiedAddress::stream(
            "192.0.2.1:1".parse().unwrap(),
            "192.0.2.2:2".parse().unwrap(),
        );
        let with_sum = |sum: u32| {
            let mut header = ProxyHeader::with_address(addresses.clone());
            header.append_tlv(Tlv::Crc32c(sum));
            let mut octets = Vec::new();
            header.encode_v2(&mut octets).unwrap();
            octets
        };
        let right = crc32c(&with_sum(0));
        assert!(ends(&with_sum(right)).unwrap().is_some());
        assert!(ends(&with_sum(right ^ 1)).is_err());
    }

    #[test]
    fn headers_of_version_2_that_are_wrong() {
        let mut good = SIGNATURE.to_vec();
        good.extend([0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2, 0, 1, 0, 2]);
        assert!(ends(&good).unwrap().is_some());
        for (at, octet) in [(12, 0x11), (12, 0x22), (13, 0x12), (13, 0x41), (15, 11)] {
            let mut bad = good.clone();
            bad[at] = octet;
            assert!(!matches!(ends(&bad), Ok(Some(_))), "{at} {octet:x}");
        }
        // LOCAL: whatever the addresses say.
        good[12] = 0x20;
        assert_eq!(ends(&good).unwrap(), None);
    }
}
