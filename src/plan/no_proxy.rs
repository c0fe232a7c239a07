//! The exceptions in `NO_PROXY`, as curl matches them.

use crate::base::Host;
use std::net::IpAddr;

/// The entry of `list` (separated by commas or blanks) that exempts `host`.
///
/// `*` alone exempts all. A name exempts itself and every name below it, with or without a leading
/// dot; an address or CIDR block exempts addresses. Ports do not count.
pub fn exempting<'a>(list: &'a str, host: &Host) -> Option<&'a str> {
    if list == "*" {
        return Some(list);
    }
    let mut entries = list.split([',', ' ', '\t']).filter(|e| !e.is_empty());
    entries.find(|entry| match host {
        Host::Name(name) => name_matches(entry, name),
        Host::Ip(ip) => address_matches(entry, *ip),
    })
}

fn name_matches(token: &str, name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let token = token.strip_suffix('.').unwrap_or(token);
    let token = token.strip_prefix('.').unwrap_or(token);
    if token.is_empty() || token.len() > name.len() {
        return false;
    }
    let (head, tail) = name.as_bytes().split_at(name.len() - token.len());
    tail.eq_ignore_ascii_case(token.as_bytes()) && (head.is_empty() || head.ends_with(b"."))
}

fn address_matches(token: &str, ip: IpAddr) -> bool {
    let (address, bits) = match token.split_once('/') {
        // curl reads the length with atoi: no number is 0.
        Some((address, bits)) => (address, leading_number(bits)),
        None => (token, 0),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let (net, bytes, all) = match (address, ip) {
        (IpAddr::V4(net), IpAddr::V4(ip)) => (
            u128::from(u32::from(net)) << 96,
            u128::from(u32::from(ip)) << 96,
            32,
        ),
        (IpAddr::V6(net), IpAddr::V6(ip)) => (u128::from(net), u128::from(ip), 128),
        _ => return false,
    };
    // And a length of 0 means the whole address.
    let bits = if bits == 0 { all } else { bits };
    bits <= all && (net ^ bytes).leading_zeros() >= bits
}

fn leading_number(text: &str) -> u32 {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    match text[..end].parse() {
        Ok(number) => number,
        Err(_) if end == 0 => 0,
        Err(_) => u32::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::exempting;
    use crate::base::Host;

    #[test]
    fn names_and_addresses() {
        for (list, host, expected) in [
            ("*", "a.test", true),
            ("*,", "a.test", false),
            ("a.test", "A.test.", true),
            ("a.test", "b.a.test", true),
            ("a.test", "xa.test", false),
            (".a.test", "a.test", true),
            ("x , a.test.", "b.a.test", true),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("::1", "::1", true),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe80::1", false),
            ("127.0.0.1", "localhost", false),
        ] {
            let host = Host::parse(host).unwrap();
            assert_eq!(exempting(list, &host).is_some(), expected, "{list} {host}");
        }
    }
}
