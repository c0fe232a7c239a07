//! `-x embedded:`: a terminator in this process, for this process.

use crate::accept::{Address, Listener, Rules, Server, Terminator};
use crate::auth::{Login, Means, User, Users, basic};
use crate::base::defaults::STREAMS;
use crate::base::{Credentials, Error, Host, Proxy, Result, Scheme, Secret};
use crate::carrier::h3;
use crate::dial::{Hop, TargetDialer};
use crate::plan::RoutePlan;
use crate::policy::{Baseline, Policy};
use crate::tls::{ClientTls, Identity};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SecureRandom;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Starts it on the current runtime and gives the hop that leads there: over TLS with its key
/// pinned, and with a password that nobody else on this machine has.
pub async fn start(plan: &RoutePlan) -> Result<(Hop, Server)> {
    let credentials = credentials()?;
    let identity = Identity::self_signed().map_err(Error::internal)?;
    let pin = identity.pin().map_err(Error::internal)?;
    let config = identity.server_config(&[]).map_err(Error::internal)?;
    let connector = TargetDialer::new(Policy {
        allow: Vec::new(),
        deny: Vec::new(),
        baseline: Baseline::Loopback,
        builtin: true,
        exec: false,
    });
    let mut rules = Rules::new(Arc::new(connector));
    rules.tls = Some(TlsAcceptor::from(config.clone()));
    let user = User::Plain(credentials.clone());
    rules.users = Some(Arc::new(Users::new([user]).map_err(Error::internal)?));
    let terminator = Terminator::of(rules);
    let over_quic = plan.via.iter().flatten().any(|c| c.is_quic());
    let quic = over_quic.then(|| h3::server::config(&config, STREAMS, plan.congestion));
    let quic = quic.transpose().map_err(Error::internal)?;
    let (address, server) = listen(&terminator, quic).await?;
    let tls = ClientTls {
        pins: vec![pin],
        ..ClientTls::default()
    };
    let authorization = basic::authorization(&credentials).map_err(Error::internal)?;
    let hop = Hop {
        proxy: Proxy {
            scheme: Scheme::Https,
            host: Host::Ip(address.ip()),
            port: address.port(),
            credentials: None,
        },
        tls: Some(tls.config().map_err(Error::internal)?),
        login: Login::new(
            Means::Fixed(authorization),
            Vec::new(),
            Host::Ip(address.ip()),
        ),
        sni: None,
        fields: plan.fields.clone(),
        via: plan.via[0].clone(),
        path: plan.path.clone(),
    };
    Ok((hop, server))
}

/// On a port of loopback's, which the kernel chooses; for QUIC on the same of UDP.
async fn listen(
    terminator: &Arc<Terminator>,
    quic: Option<quinn::ServerConfig>,
) -> Result<(SocketAddr, Server)> {
    let cannot = |e: std::io::Error| Error::internal(format!("cannot listen: {e}"));
    let any = Address::Tcp((Ipv4Addr::LOCALHOST, 0).into());
    let (listener, udp) = match quic {
        None => (Listener::bind(&any).await.map_err(cannot)?, None),
        Some(config) => {
            let (listener, udp) = Listener::bind_with_udp(&any, false).await.map_err(cannot)?;
            (listener, Some((udp.map_err(cannot)?, config)))
        }
    };
    let Address::Tcp(address) = *listener.address() else {
        return Err(Error::internal("the embedded proxy has no TCP address"));
    };
    let served = vec![(listener, terminator.clone())];
    let server = Server::start(served, Terminator::handle);
    if let Some((udp, config)) = udp {
        let quic = terminator.clone().start_quic(udp, config, &server);
        quic.map_err(cannot)?;
    }
    Ok((address, server))
}

fn credentials() -> Result<Credentials> {
    let mut bytes = [0; 24];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Error::internal("no random numbers from the system"))?;
    Ok(Credentials {
        user: "embedded".into(),
        password: Some(Secret::new(STANDARD.encode(bytes))),
    })
}
