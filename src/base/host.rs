//! Host names, addresses and ports, strictly: what is not certainly one of them is an error.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The host of a target or a proxy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A registered name as it was written (case kept), never empty, only `A-Z a-z 0-9 - _ .`.
    Name(String),
    Ip(IpAddr),
}

impl Host {
    /// The host alone, without a port; an IPv6 address may stand in brackets or not.
    pub fn parse(text: &str) -> Result<Host, String> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or("'[' without ']'")?;
            return match inner.parse::<Ipv6Addr>() {
                Ok(v6) => Ok(Host::Ip(v6.into())),
                Err(_) if inner.contains('%') => Err("IPv6 zone ids are not supported".into()),
                Err(_) => Err("not an IPv6 address between the brackets".into()),
            };
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Host::Ip(ip));
        }
        check_name(text)?;
        Ok(Host::Name(text.to_owned()))
    }

    /// `localhost` and every name below it (RFC 6761 §6.3): loopback, without asking anybody.
    pub fn is_localhost(&self) -> bool {
        let Host::Name(name) = self else { return false };
        let name = name.strip_suffix('.').unwrap_or(name);
        let last = name.rsplit('.').next().unwrap_or(name);
        last.eq_ignore_ascii_case("localhost")
    }

    /// The address, also when it is written as one decimal number (`2130706433`), which resolvers
    /// take for IPv4.
    pub fn as_ip(&self) -> Option<IpAddr> {
        match self {
            Host::Ip(ip) => Some(*ip),
            Host::Name(name) => name.parse::<u32>().ok().map(|n| Ipv4Addr::from(n).into()),
        }
    }
}

impl fmt::Display for Host {
    /// As in a URL: IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

impl FromStr for Host {
    type Err = String;
    fn from_str(text: &str) -> Result<Host, String> {
        Host::parse(text)
    }
}

/// `HOST:PORT` or `[v6]:PORT` taken apart. An IPv6 address needs its brackets here.
pub fn split_port(text: &str) -> Result<(Host, u16), String> {
    let (host, port) = text
        .rsplit_once(':')
        .ok_or_else(|| String::from("no port; write HOST:PORT"))?;
    if host.contains(':') && !host.starts_with('[') {
        return Err("an IPv6 address needs brackets: [ADDRESS]:PORT".into());
    }
    Ok((Host::parse(host)?, parse_port(port)?))
}

/// 1 to 65535 in digits only: no sign, no space, no name.
pub fn parse_port(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ if text.is_empty() => Err("the port is missing".into()),
        _ => Err("the port is not a number from 1 to 65535".into()),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("the host is empty".into());
    }
    if !name.is_ascii() {
        return Err("the host is not ASCII; write it in its xn-- form".into());
    }
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if !name.bytes().all(legal) {
        return Err("the host has a character that no host name has".into());
    }
    let relative = name.strip_suffix('.').unwrap_or(name);
    if relative.len() > 253 || relative.split('.').any(|l| l.is_empty() || l.len() > 63) {
        return Err("the host has an empty or too long label".into());
    }
    // Resolvers read `127.1` or `0x7f.1` as addresses, and not all of them as the same one.
    let last = relative.rsplit('.').next().unwrap_or(relative);
    let hex = last.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("0x"));
    let numeric = last.bytes().all(|b| b.is_ascii_digit())
        || (hex && last[2..].bytes().all(|b| b.is_ascii_hexdigit()));
    let one_decimal = relative == name && name.parse::<u32>().is_ok() && !name.starts_with('0');
    if numeric && !one_decimal {
        return Err("the host looks like an IPv4 address but is not a dotted quad".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_is_certain() {
        for (text, shown) in [
            ("example.com", "example.com"),
            ("Example.COM.", "Example.COM."),
            ("my_host", "my_host"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "[::1]"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("2130706433", "2130706433"),
        ] {
            assert_eq!(Host::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn rejects_what_is_not() {
        for text in [
            "",
            ".",
            "a..b",
            "a b",
            "a/b",
            "u@h",
            "a\r\n",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "0177.0.0.1",
            "1.2.3.4.5",
            "1.2.3.256",
            "017700000001",
            "[1.2.3.4]",
            "[::1",
            "::1]",
            "[fe80::1%eth0]",
            "bücher.example",
            "a:b",
            "99999999999",
        ] {
            assert!(Host::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ports() {
        for bad in [
            "h:", "h:0", "h:65536", "h:+80", "h:80x", "h: 80", "h", "::1:80", ":80",
        ] {
            assert!(split_port(bad).is_err(), "{bad:?}");
        }
        assert_eq!(split_port("[::1]:80").unwrap().1, 80);
    }

    #[test]
    fn localhost_by_rule() {
        for name in ["localhost", "LOCALHOST", "a.localhost", "localhost."] {
            assert!(Host::parse(name).unwrap().is_localhost());
        }
        assert!(!Host::parse("localhost.example").unwrap().is_localhost());
    }
}
