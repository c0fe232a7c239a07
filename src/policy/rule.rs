//! One allow or deny rule, as typed: `HOST-PATTERN[:PORTS]`, `ADDRESS[/LENGTH][:PORTS]`,
//! `*:PORTS` or `unix:PATH`.

use crate::base::Host;
use ipnet::IpNet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What a rule covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Addresses, after resolving.
    Net {
        net: IpNet,
        ports: Ports,
    },
    /// A name as the client wrote it; `*` for every name and address.
    Name {
        pattern: Pattern,
        ports: Ports,
    },
    Unix(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    Any,
    /// Just this name.
    Exact(String),
    /// Every name below this one (`*.example.com`).
    Below(String),
}

/// Port ranges; none means every port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports(Vec<(u16, u16)>);

impl Ports {
    fn covers(&self, port: u16) -> bool {
        self.0.is_empty() || self.0.iter().any(|&(from, to)| (from..=to).contains(&port))
    }
}

impl Rule {
    /// Whether the name as written is covered; `*` covers literal addresses too.
    pub fn covers_name(&self, host: &Host, port: u16) -> bool {
        let Rule::Name { pattern, ports } = self else {
            return false;
        };
        ports.covers(port)
            && match (pattern, host) {
                (Pattern::Any, _) => true,
                (Pattern::Exact(exact), Host::Name(name)) => normal(name) == *exact,
                (Pattern::Below(parent), Host::Name(name)) => {
                    let name = normal(name);
                    let head = name.strip_suffix(parent.as_str());
                    head.is_some_and(|h| h.len() > 1 && h.ends_with('.'))
                }
                (_, Host::Ip(_)) => false,
            }
    }

    /// Whether an address is covered.
    pub fn covers_address(&self, ip: IpAddr, port: u16) -> bool {
        match self {
            Rule::Net { net, ports } => ports.covers(port) && net.contains(&ip.to_canonical()),
            _ => false,
        }
    }

    /// Whether an address is covered by a block that is no wider than `block`.
    pub fn lies_in(&self, block: IpNet, ip: IpAddr, port: u16) -> bool {
        let inside = matches!(self, Rule::Net { net, .. } if block.contains(net));
        inside && self.covers_address(ip, port)
    }

    /// Whether the rule could cover some address of the host: false only where it certainly does
    /// not.
    pub fn may_cover(&self, host: &Host, port: u16) -> bool {
        match (self, host.as_ip()) {
            (Rule::Net { .. }, Some(ip)) => self.covers_address(ip, port),
            (Rule::Net { ports, .. }, None) => ports.covers(port),
            _ => self.covers_name(host, port),
        }
    }

    pub fn covers_unix(&self, path: &Path) -> bool {
        matches!(self, Rule::Unix(allowed) if allowed == path)
    }
}

/// Names are compared without case and without the root's dot.
fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Rule, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path.starts_with('/') {
                true => Ok(Rule::Unix(path.into())),
                false => Err("unix: needs an absolute path".into()),
            };
        }
        if let Ok(net) = parse_net(text) {
            return Ok(Rule::Net {
                net,
                ports: Ports::default(),
            });
        }
        let (host, ports) = match text.rsplit_once(':') {
            Some((host, ports)) => (host, parse_ports(ports)?),
            None => (text, Ports::default()),
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host);
        if let Ok(net) = parse_net(bare) {
            return Ok(Rule::Net { net, ports });
        }
        let pattern = match host {
            "*" => Pattern::Any,
            _ => match host.strip_prefix("*.") {
                Some(parent) => Pattern::Below(normal(&name(parent)?)),
                None => Pattern::Exact(normal(&name(host)?)),
            },
        };
        Ok(Rule::Name { pattern, ports })
    }
}

fn name(text: &str) -> Result<String, String> {
    match Host::parse(text)? {
        Host::Name(name) => Ok(name),
        Host::Ip(_) => Err("an address cannot have a wildcard".into()),
    }
}

/// An address or CIDR block, in brackets or not. IPv4 in its IPv6 wrapping is unwrapped, as the
/// addresses are that it is held against.
pub fn parse_net(text: &str) -> Result<IpNet, String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|t| t.strip_suffix(']'))
        .unwrap_or(text);
    let net = match bare.parse::<IpAddr>() {
        Ok(ip) => IpNet::from(ip),
        Err(_) => bare
            .parse::<IpNet>()
            .map_err(|_| "write ADDRESS or ADDRESS/LENGTH")?
            .trunc(),
    };
    match (net.addr().to_canonical(), net.prefix_len()) {
        (IpAddr::V4(v4), length) if net.addr().is_ipv6() && length >= 96 => {
            ipnet::Ipv4Net::new(v4, length - 96)
                .map(IpNet::from)
                .map_err(|e| e.to_string())
        }
        _ => Ok(net),
    }
}

fn parse_ports(text: &str) -> Result<Ports, String> {
    let bad = || format!("'{text}' is not a list of ports such as 22,80,8000-8999");
    if text == "*" {
        return Ok(Ports::default());
    }
    let port = |t: &str| crate::base::host::parse_port(t).map_err(|_| bad());
    let ranges = text.split(',').map(|part| match part.split_once('-') {
        Some((from, to)) => match (port(from)?, port(to)?) {
            (from, to) if from <= to => Ok((from, to)),
            _ => Err(bad()),
        },
        None => port(part).map(|p| (p, p)),
    });
    ranges.collect::<Result<_, _>>().map(Ports)
}
