//! A tunnel of a SOCKS hop.

use crate::auth::Means;
use crate::base::host::split_port;
use crate::base::{Error, Host, Scheme, Stage, Target};
use crate::carrier::{Carrier, socks};
use crate::dial::way::{NotOpened, OnHop, OnWay, Way};
use std::net::IpAddr;
use std::time::Instant;

impl Way<'_> {
    pub async fn open_socks(
        &mut self,
        n: usize,
        at: OnHop,
        target: &Target,
    ) -> Result<OnWay, NotOpened> {
        let hop = &self.dialer.hops[n];
        let scheme = hop.proxy.scheme;
        let address = split_port(&target.authority());
        let (host, port) = address.map_err(|why| self.name(n, Error::usage(why)))?;
        let host = self.told(scheme, host, port).await?;
        let login = hop.login.clone();
        let asked = socks::Asked {
            host: &host,
            port,
            user: match &login.means {
                Means::Password(user) => Some(user),
                _ => None,
            },
        };
        let started = Instant::now();
        let opening = async {
            match scheme {
                Scheme::Socks4 | Scheme::Socks4a => socks::open4(at.wire, &asked).await,
                _ => socks::open5(at.wire, &asked).await,
            }
        };
        let opened = self.deadline.run(opening).await;
        self.setup.request += started.elapsed();
        let opened = opened
            .map_err(|_| self.dialer.timeout(Stage::Socks))
            .flatten();
        let opened = opened.map_err(|e| self.name(n, e))?;
        Ok(OnWay::new(opened, at.half_close, Carrier::Socks))
    }

    /// What the proxy is told: with `socks4` and `socks5` names are resolved here.
    async fn told(&mut self, scheme: Scheme, host: Host, port: u16) -> Result<Host, Error> {
        let ours = matches!(scheme, Scheme::Socks4 | Scheme::Socks5);
        if !ours || host.as_ip().is_some() {
            return Ok(host);
        }
        let started = Instant::now();
        let resolving = self.dialer.network.resolve(&host, port);
        let addresses = self.deadline.run(resolving).await;
        self.setup.resolve += started.elapsed();
        let label = format!("target {host}:{port}");
        let addresses = addresses
            .map_err(|_| self.dialer.timeout(Stage::Resolve))
            .and_then(|found| found.map_err(|why| crate::dial::tcp::target_not_resolved(&why)))
            .map_err(|e| e.hop(&label))?;
        let usable = |ip: &IpAddr| scheme != Scheme::Socks4 || ip.is_ipv4();
        let ip = addresses.iter().map(|a| a.ip()).find(usable);
        ip.map(Host::Ip).ok_or_else(|| {
            Error::usage(format!("{host} has no IPv4 address, and SOCKS 4 no other")).hop(&label)
        })
    }
}
