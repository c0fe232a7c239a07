//! Names to addresses, and which of them may be used.

use crate::base::Host;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::sync::Semaphore;

/// `-4`, `-6`, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    #[default]
    Any,
    V4,
    V6,
}

impl Family {
    fn takes(self, ip: IpAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => ip.is_ipv4(),
            Family::V6 => ip.is_ipv6(),
        }
    }
}

/// How names become addresses.
#[derive(Clone, Debug, Default)]
pub struct Network {
    pub family: Family,
    /// `--resolve`: addresses for a host and port, before anybody is asked.
    pub pinned: Vec<Pinned>,
}

/// `HOST:PORT:ADDRESS[,ADDRESS]…` as curl's `--resolve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    pub host: Host,
    pub port: u16,
    pub addresses: Vec<IpAddr>,
}

impl std::str::FromStr for Pinned {
    type Err = String;

    fn from_str(text: &str) -> Result<Pinned, String> {
        let form = || String::from("write HOST:PORT:ADDRESS[,ADDRESS]");
        let after_host = match text.strip_prefix('[') {
            Some(rest) => rest.find(']').map(|at| at + 2).ok_or_else(form)?,
            None => text.find(':').ok_or_else(form)?,
        };
        let rest = text[after_host..].strip_prefix(':').ok_or_else(form)?;
        let (port, addresses) = rest.split_once(':').ok_or_else(form)?;
        let address = |a: &str| {
            let bare = a
                .strip_prefix('[')
                .and_then(|a| a.strip_suffix(']'))
                .unwrap_or(a);
            bare.parse().map_err(|_| format!("'{a}' is not an address"))
        };
        Ok(Pinned {
            host: Host::parse(&text[..after_host])?,
            port: crate::base::host::parse_port(port)?,
            addresses: addresses
                .split(',')
                .map(address)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Network {
    /// The addresses to try, best first, never empty. The error is one clause.
    ///
    /// A literal address and names under `localhost` ask nobody; only other names cost a thread
    /// (the system's resolver blocks).
    pub async fn resolve(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, String> {
        let pinned = self
            .pinned
            .iter()
            .find(|p| same(&p.host, host) && p.port == port);
        let found: Vec<IpAddr> = match (pinned, host.as_ip(), host) {
            (Some(pinned), ..) => pinned.addresses.clone(),
            (None, Some(ip), _) => vec![ip],
            (None, None, host) if host.is_localhost() => {
                vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]
            }
            (None, None, host) => lookup(host, port).await?,
        };
        let usable = found.iter().filter(|&&ip| self.family.takes(ip));
        let usable: Vec<SocketAddr> = usable.map(|&ip| SocketAddr::new(ip, port)).collect();
        match (usable.is_empty(), self.family) {
            (false, _) => Ok(interleave(usable)),
            (true, Family::V4) => Err(format!("{host} has no IPv4 address")),
            (true, Family::V6) => Err(format!("{host} has no IPv6 address")),
            (true, Family::Any) => Err(format!("{host} has no address")),
        }
    }
}

fn same(a: &Host, b: &Host) -> bool {
    match (a, b) {
        (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
        _ => a == b,
    }
}

/// Lookups under way at once: each holds a thread until the system's resolver gives up.
static LOOKUPS: Semaphore = Semaphore::const_new(64);

async fn lookup(host: &Host, port: u16) -> Result<Vec<IpAddr>, String> {
    let turn = LOOKUPS.acquire().await.map_err(|e| e.to_string())?;
    let asked = (host.to_string(), port);
    // The turn is the lookup's, which goes on in its thread when nobody waits for it any more.
    let found = tokio::spawn(async move {
        let _turn = turn;
        let found = tokio::net::lookup_host(asked).await;
        found.map(|found| found.collect::<Vec<_>>())
    });
    let found = found.await.map_err(|e| e.to_string())?;
    let found = found.map_err(|e| {
        let text = e.to_string();
        let text = text.trim_start_matches("failed to lookup address information: ");
        format!("{host}: {text}")
    })?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address.ip()) {
            addresses.push(address.ip());
        }
    }
    Ok(addresses)
}

/// Alternates the families, beginning with the resolver's first choice (RFC 8305 §4).
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut a, mut b): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_v6);
    let mut out = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.drain(..), b.drain(..));
    loop {
        match (a.next(), b.next()) {
            (None, None) => return out,
            (x, y) => out.extend(x.into_iter().chain(y)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_is_asked() {
        let network = Network {
            family: Family::Any,
            pinned: vec!["A.test:1:10.0.0.1,[::2],10.0.0.3".parse().unwrap()],
        };
        for (host, port, expected) in [
            ("a.TEST", 1, vec!["10.0.0.1:1", "[::2]:1", "10.0.0.3:1"]),
            ("localhost", 1, vec!["[::1]:1", "127.0.0.1:1"]),
            ("2130706433", 1, vec!["127.0.0.1:1"]),
            ("::1", 1, vec!["[::1]:1"]),
        ] {
            let got = network
                .resolve(&Host::parse(host).unwrap(), port)
                .await
                .unwrap();
            let got: Vec<String> = got.iter().map(|a| a.to_string()).collect();
            assert_eq!(got, expected, "{host}");
        }
        let v6 = Network {
            family: Family::V6,
            ..network
        };
        assert!(
            v6.resolve(&Host::parse("127.0.0.1").unwrap(), 1)
                .await
                .is_err()
        );
    }

    #[test]
    fn families_alternate() {
        let addresses = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "[::3]:1", "1.1.1.2:1"];
        let got = interleave(addresses.map(|a| a.parse().unwrap()).to_vec());
        let got: Vec<String> = got.iter().map(|a| a.to_string()).collect();
        assert_eq!(
            got,
            ["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"]
        );
    }

    #[test]
    fn pinned_forms() {
        for bad in [
            "a",
            "a:1",
            "a:1:",
            "a:x:1.1.1.1",
            "[::1:1:::1",
            ":1:1.1.1.1",
        ] {
            assert!(bad.parse::<Pinned>().is_err(), "{bad}");
        }
        let pinned: Pinned = "[::1]:1:::2".parse().unwrap();
        assert_eq!(pinned.addresses, ["::2".parse::<IpAddr>().unwrap()]);
    }
}
