//! The PROXY protocol towards targets (HAProxy's `proxy-protocol.txt`, versions 1 and 2): who the client is.

use proxy_header::{ProxiedAddress, ProxyHeader};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyVersion {
    V1,
    V2,
}

impl FromStr for ProxyVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "v1" | "1" => Ok(ProxyVersion::V1),
            "v2" | "2" => Ok(ProxyVersion::V2),
            _ => Err("there are v1 and v2".into()),
        }
    }
}

impl ProxyVersion {
    /// The octets that go first on a connection. Without both addresses they say that the client is unknown.
    pub fn header(
        self,
        client: Option<SocketAddr>,
        came_to: Option<SocketAddr>,
    ) -> io::Result<Vec<u8>> {
        let header = match (client, came_to) {
            (Some(client), Some(came_to)) => {
                let (client, came_to) = one_family(client, came_to);
                ProxyHeader::with_address(ProxiedAddress::stream(client, came_to))
            }
            _ => ProxyHeader::with_local(),
        };
        let mut octets = Vec::new();
        let encoded = match self {
            ProxyVersion::V1 => header.encode_v1(&mut octets),
            ProxyVersion::V2 => header.encode_v2(&mut octets),
        };
        encoded.map_err(|e| io::Error::other(e.to_string()))?;
        Ok(octets)
    }
}

/// IPv4 where both are, in an IPv6 wrapping or not; else IPv6 for both.
fn one_family(a: SocketAddr, b: SocketAddr) -> (SocketAddr, SocketAddr) {
    let (ip_a, ip_b) = (a.ip().to_canonical(), b.ip().to_canonical());
    let (ip_a, ip_b) = match (ip_a, ip_b) {
        (IpAddr::V4(v4), IpAddr::V6(_)) => (v4.to_ipv6_mapped().into(), ip_b),
        (IpAddr::V6(_), IpAddr::V4(v4)) => (ip_a, v4.to_ipv6_mapped().into()),
        _ => (ip_a, ip_b),
    };
    (
        SocketAddr::new(ip_a, a.port()),
        SocketAddr::new(ip_b, b.port()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v1(client: Option<&str>, came_to: Option<&str>) -> String {
        let address = |text: Option<&str>| text.map(|t| t.parse().unwrap());
        let octets = ProxyVersion::V1.header(address(client), address(came_to));
        String::from_utf8(octets.unwrap()).unwrap()
    }

    #[test]
    fn lines_of_version_1() {
        for (client, came_to, line) in [
            ("192.0.2.1:1", "192.0.2.2:2", "TCP4 192.0.2.1 192.0.2.2 1 2"),
            (
                "[::ffff:192.0.2.1]:1",
                "192.0.2.2:2",
                "TCP4 192.0.2.1 192.0.2.2 1 2",
            ),
            (
                "[2001:db8::1]:1",
                "[2001:db8::2]:2",
                "TCP6 2001:db8::1 2001:db8::2 1 2",
            ),
            (
                "[2001:db8::1]:1",
                "192.0.2.2:2",
                "TCP6 2001:db8::1 ::ffff:192.0.2.2 1 2",
            ),
        ] {
            assert_eq!(v1(Some(client), Some(came_to)), format!("PROXY {line}\r\n"));
        }
        assert_eq!(v1(None, None), "PROXY UNKNOWN\r\n");
        assert_eq!(v1(None, Some("192.0.2.2:2")), "PROXY UNKNOWN\r\n");
    }

    #[test]
    fn the_octets_of_version_2() {
        let address = |text: &str| Some(text.parse().unwrap());
        let octets = ProxyVersion::V2.header(address("192.0.2.1:258"), address("192.0.2.2:3"));
        let mut expected = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
        expected.extend([192, 0, 2, 1, 192, 0, 2, 2, 1, 2, 0, 3]);
        assert_eq!(octets.unwrap(), expected);
    }
}
