//! Addresses that lead somewhere other than the public internet.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::IpAddr;

pub const LOOPBACK: &str = "loopback";

/// What is special about an address, if anything is, and the block that makes it so (IANA's
/// special-purpose registries, and the forms that hide an IPv4 address in an IPv6 one).
pub fn block(ip: IpAddr) -> Option<(&'static str, IpNet)> {
    match ip.to_canonical() {
        IpAddr::V4(v4) => V4.iter().find_map(|&(kind, net, length)| {
            let net = Ipv4Net::new_assert(net.into(), length);
            net.contains(&v4).then_some((kind, net.into()))
        }),
        IpAddr::V6(v6) => V6.iter().find_map(|&(kind, net, length)| {
            let net = Ipv6Net::new_assert(net.into(), length);
            net.contains(&v6).then_some((kind, net.into()))
        }),
    }
}

const V4: &[(&str, [u8; 4], u8)] = &[
    ("unspecified", [0, 0, 0, 0], 8),
    (LOOPBACK, [127, 0, 0, 0], 8),
    ("private", [10, 0, 0, 0], 8),
    ("private", [172, 16, 0, 0], 12),
    ("private", [192, 168, 0, 0], 16),
    ("shared (CGNAT)", [100, 64, 0, 0], 10),
    ("link-local", [169, 254, 0, 0], 16),
    ("cloud metadata", [168, 63, 129, 16], 32),
    ("protocol assignment", [192, 0, 0, 0], 24),
    ("documentation", [192, 0, 2, 0], 24),
    ("6to4 relay", [192, 88, 99, 0], 24),
    ("benchmarking", [198, 18, 0, 0], 15),
    ("documentation", [198, 51, 100, 0], 24),
    ("documentation", [203, 0, 113, 0], 24),
    ("multicast", [224, 0, 0, 0], 4),
    ("reserved", [240, 0, 0, 0], 4),
];

const V6: &[(&str, [u16; 8], u8)] = &[
    ("unspecified", [0; 8], 128),
    (LOOPBACK, [0, 0, 0, 0, 0, 0, 0, 1], 128),
    ("IPv4-compatible", [0; 8], 96),
    ("IPv4-translated", [0, 0, 0, 0, 0xffff, 0, 0, 0], 96),
    ("NAT64", [0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96),
    ("NAT64", [0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
    ("discard-only", [0x100, 0, 0, 0, 0, 0, 0, 0], 64),
    ("Teredo", [0x2001, 0, 0, 0, 0, 0, 0, 0], 32),
    ("benchmarking", [0x2001, 2, 0, 0, 0, 0, 0, 0], 48),
    ("ORCHID", [0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28),
    ("ORCHID", [0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28),
    ("documentation", [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ("6to4", [0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ("documentation", [0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
    ("segment routing", [0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),
    ("private (unique local)", [0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    ("link-local", [0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    ("site-local", [0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
    ("multicast", [0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
];

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn special_and_public() {
        for ip in [
            "0.0.0.0",
            "127.9.9.9",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "168.63.129.16",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "::ffff:0:7f00:1",
        ] {
            assert!(block(ip.parse().unwrap()).is_some(), "{ip}");
        }
        for ip in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "192.169.0.1",
            "126.255.255.255",
            "2606:4700::1",
            "2a00::1",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(block(ip.parse().unwrap()), None, "{ip}");
        }
    }
}
