//! `--pac`: the script is read or fetched, and asked once for each target.

use crate::base::{Blame, Error, Kind, Result, Stage, Target};
use crate::cli::ProxyOptions;
use crate::dial::resolve::{Family, Pinned};
use crate::pac::{Choice, LONGEST, Lookup, Pac};
use crate::plan::{Given, Route, tls};
use std::io::Read;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A script, and the settings for its questions.
pub struct Script {
    pac: Pac,
    names: Names,
}

impl Script {
    /// Where one is named.
    pub fn load(options: &ProxyOptions) -> Result<Option<Self>> {
        let Some(from) = &options.pac else {
            return Ok(None);
        };
        let lower = from.to_ascii_lowercase();
        let octets = match lower.split_once("://") {
            Some(("http" | "https", _)) => fetch(from, options)?,
            Some(("file", _)) => read(Path::new(&from["file://".len()..]))?,
            _ => read(Path::new(from))?,
        };
        let pac = Pac::new(from, &octets).map_err(unusable)?;
        Ok(Some(Script {
            pac,
            names: Names {
                pinned: options.resolve.clone(),
                family: match (options.ipv4, options.ipv6) {
                    (true, _) => Family::V4,
                    (_, true) => Family::V6,
                    _ => Family::Any,
                },
            },
        }))
    }

    /// What it says of tunnels to `target`; nothing of a target that is no host and port.
    pub fn ask(&self, target: &Target) -> Result<Option<Given>> {
        let Target::Tcp { host, port } = target else {
            return Ok(None);
        };
        let choices = self.pac.evaluate(host, *port, self.names.clone());
        let choices = choices.map_err(unusable)?;
        let words = choices.iter().map(|choice| match choice {
            Choice::Direct => "DIRECT".to_owned(),
            Choice::Proxy(proxy) => proxy.to_string(),
        });
        let words: Vec<String> = words.collect();
        let routes = choices.into_iter().map(|choice| match choice {
            Choice::Direct => Route::Direct,
            Choice::Proxy(proxy) => Route::Proxies(vec![proxy]),
        });
        Ok(Some(Given {
            why: format!("--pac {}: {}", self.pac.label, words.join("; ")),
            routes: routes.collect(),
        }))
    }
}

fn unusable(why: String) -> Error {
    Error::usage(format!("--pac {why}")).hint("-x names a proxy without the script")
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |e: std::io::Error| Error::usage(format!("--pac {}: {e}", path.display()));
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut octets = Vec::new();
    file.take(LONGEST as u64 + 1)
        .read_to_end(&mut octets)
        .map_err(failed)?;
    match octets.len() > LONGEST {
        true => Err(unusable(format!("{}: larger than 1 MiB", path.display()))),
        false => Ok(octets),
    }
}

/// By HTTP, without a proxy: it is what says where they are.
fn fetch(url: &str, options: &ProxyOptions) -> Result<Vec<u8>> {
    use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
    let roots = tls::with_proxies(&options.tls).trusted();
    let roots = roots.map_err(Error::usage)?.into_iter();
    let roots = roots.map(|der| ureq::tls::Certificate::from_der(&der).to_owned());
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(crate::tls::provider())
        .root_certs(RootCerts::Specific(Arc::new(roots.collect())))
        .disable_verification(options.tls.insecure)
        .build();
    let limit = Some(options.connect_timeout).filter(|limit| *limit > Duration::ZERO);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .proxy(None)
        .timeout_global(limit)
        .max_redirects(5)
        .user_agent(crate::base::defaults::AGENT)
        .build()
        .into();
    let told = |kind, cause: String| {
        Error::new(
            kind,
            Stage::Arguments,
            Blame::Network,
            format!("--pac {url}: {cause}"),
        )
        .hint("-x names a proxy without the script")
    };
    let answer = agent.get(url).call().map_err(|error| match &error {
        ureq::Error::StatusCode(status) => told(Kind::Refused, format!("the answer is {status}")),
        ureq::Error::Timeout(_) => told(Kind::Timeout, "no answer in time".into()),
        ureq::Error::HostNotFound => told(Kind::ProxyNotResolved, "its host has no address".into()),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => told(Kind::Usage, error.to_string()),
        _ => told(
            Kind::CannotConnect,
            crate::base::error::plain(&error.to_string()),
        ),
    })?;
    let body = answer.into_body().into_with_config().limit(LONGEST as u64);
    body.read_to_vec()
        .map_err(|error| told(Kind::CannotConnect, error.to_string()))
}

/// The system's resolver, after `--resolve`.
#[derive(Clone)]
struct Names {
    pinned: Vec<Pinned>,
    family: Family,
}

impl Lookup for Names {
    fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let pinned = self.pinned.iter();
        let mut pinned = pinned.filter(|p| p.host.to_string().eq_ignore_ascii_case(name));
        let found = match pinned.next() {
            Some(pinned) => pinned.addresses.clone(),
            None => match (name, 0).to_socket_addrs() {
                Ok(found) => found.map(|a| a.ip()).collect(),
                Err(_) => Vec::new(),
            },
        };
        let wanted = |ip: &IpAddr| match self.family {
            Family::Any => true,
            Family::V4 => ip.is_ipv4(),
            Family::V6 => ip.is_ipv6(),
        };
        found.into_iter().filter(wanted).collect()
    }

    /// The address that goes out to the world: connecting a UDP socket sends nothing.
    fn own(&self) -> Vec<IpAddr> {
        let anywhere = ["192.0.2.1:9", "[2001:db8::1]:9"];
        let here = ["0.0.0.0:0", "[::]:0"];
        let own = anywhere.iter().zip(here).filter_map(|(there, here)| {
            let socket = UdpSocket::bind(here).ok()?;
            socket.connect(there).ok()?;
            socket.local_addr().ok().map(|a: SocketAddr| a.ip())
        });
        own.collect()
    }
}
