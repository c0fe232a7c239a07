//! `listen -D`: a local proxy whose clients say where they want to go, each time.

use crate::accept::local_proxy::{Client, Request};
use crate::accept::{Address, Incoming, name_of};
use crate::auth::Asked;
use crate::base::defaults::{AGENT, HEAD_TIMEOUT};
use crate::base::{Error, Host, Result, Secret, Target};
use crate::cli::Listen;
use crate::cmd::pac::Script;
use crate::cmd::{listen, route};
use crate::dial::{Dialer, Inner};
use crate::plan::{Environment, RoutePlan};
use crate::policy::Clients;
use crate::relay::relay;
use crate::ui::report;
use crate::wire::{BoxWire, Deadline};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;

/// What all dynamic listeners share.
pub struct Dynamic {
    options: crate::cli::ProxyOptions,
    connections: usize,
    environment: Environment,
    script: Option<Arc<Script>>,
    inner: Option<Inner>,
    clients: Clients,
    idle: Option<Duration>,
    /// Ways that were taken before, with their sessions and logins.
    known: Mutex<Vec<(RoutePlan, Arc<Dialer>)>>,
    /// Where we listen: nobody is led back here.
    pub own: OnceLock<Vec<Address>>,
}

impl Dynamic {
    pub fn new(
        args: &Listen,
        environment: &Environment,
        script: Option<Arc<Script>>,
        inner: Option<Inner>,
    ) -> Result<Self> {
        let clients = Clients {
            allow: args.allow_clients.clone(),
            authenticated: false,
        };
        for address in &args.dynamic {
            if let Address::Tcp(address) = address {
                clients.check_bind(*address).map_err(Error::usage)?;
            }
        }
        Ok(Dynamic {
            options: args.proxy.clone(),
            connections: args.connections,
            environment: environment.clone(),
            script,
            inner,
            clients,
            idle: args.idle_timeout,
            known: Mutex::default(),
            own: OnceLock::new(),
        })
    }

    /// The plan for a target that nobody has asked for yet: what is wrong with it is said at once, and a password
    /// is asked for before clients come.
    pub async fn prepare(&self) -> Result<()> {
        let any = Target::Tcp {
            host: Host::Name("tuncat.invalid".into()),
            port: 443,
        };
        match self.script {
            // It is asked about real targets only.
            Some(_) => Ok(()),
            None => self.dialer(&any).await.map(drop),
        }
    }

    async fn dialer(&self, target: &Target) -> Result<Arc<Dialer>> {
        let given = match self.script.clone() {
            None => None,
            Some(script) => {
                let target = target.clone();
                let asking = tokio::task::spawn_blocking(move || script.ask(&target));
                asking
                    .await
                    .map_err(|_| Error::internal("the script broke off"))??
            }
        };
        let environment = self.environment.with_given(given);
        let mut plan = RoutePlan::new(&self.options, &environment, target)?;
        plan.connections = self.connections;
        let mut known = self.known.lock().await;
        if let Some((_, dialer)) = known.iter().find(|(p, _)| p.is_same_way(&plan)) {
            return Ok(dialer.clone());
        }
        route::prepare(&mut plan)?;
        let (mut dialer, _) = route::dialer(&plan).await?;
        dialer.set_inner(self.inner.as_ref());
        let dialer = Arc::new(dialer);
        let of_it = dialer.clone();
        tokio::spawn(async move { of_it.tend_sessions(0).await });
        known.push((plan, dialer.clone()));
        Ok(dialer)
    }

    /// A loop: the target is one of our own listeners.
    fn is_own(&self, target: &Target) -> bool {
        let Target::Tcp { host, port } = target else {
            return false;
        };
        let here = host.is_localhost() || host.as_ip().is_some_and(|ip| ip.is_loopback());
        let own = self.own.get().map_or(&[][..], Vec::as_slice);
        here && own.iter().any(|address| match address {
            Address::Tcp(address) => address.port() == *port,
            Address::Unix(_) | Address::Systemd => false,
        })
    }

    async fn open(&self, target: &Target, request: Option<&Request>) -> Result<listen::Opened> {
        if self.is_own(target) {
            return Err(Error::usage(format!("{target} is this proxy itself")));
        }
        let dialer = self.dialer(target).await?;
        match request {
            None => Ok(dialer.open(target).await?.into()),
            Some(request) => plain(&dialer, target, request).await,
        }
    }
}

/// One client, from its first octet to the end.
pub async fn handle(dynamic: Arc<Dynamic>, incoming: Incoming) {
    let Incoming {
        socket, peer, held, ..
    } = incoming;
    if !dynamic.clients.admits(peer.map(|peer| peer.ip())) {
        return;
    }
    let name = name_of(peer);
    let Some(client) = Client::read(socket, Deadline::after(HEAD_TIMEOUT)).await else {
        return;
    };
    let target = client.target.clone();
    let opened = match dynamic.open(&target, client.request()).await {
        Ok(opened) => opened,
        Err(error) => {
            report::line(&format!("tuncat: {name} -> {target}: {error}"));
            let _ = client.refused(&error).await;
            return;
        }
    };
    let Ok(near) = client.opened().await else {
        return;
    };
    tracing::info!("{name} -> {target}: open");
    let options = listen::options(dynamic.idle, opened.half_close);
    let relay = relay(near, opened.wire, options);
    // A task of its own, so that an idle tunnel does not keep the room that its set-up took.
    tokio::spawn(async move {
        let outcome = relay.await;
        tracing::info!(
            "{name} -> {target}: closed, {} bytes sent, {} received, {}",
            outcome.to_far,
            outcome.to_near,
            outcome.end
        );
        drop(held);
    });
}

/// A request for an `http` URL: by the last proxy itself where it is an HTTP proxy, else through a tunnel. One request a
/// connection.
async fn plain(dialer: &Dialer, target: &Target, request: &Request) -> Result<listen::Opened> {
    let fields = &request.head.fields;
    let whole = fields.get("content-length").is_none_or(|l| l == b"0")
        && fields.get("transfer-encoding").is_none();
    if dialer.forwards() {
        let url = format!("http://{}{}", short(target), request.path);
        let asked = Asked {
            method: request.head.method.clone().into(),
            uri: url.clone(),
        };
        // Its content cannot be sent twice, so what the proxy takes has to be known before.
        if !whole && dialer.has_unproven_login() {
            let question = request.without_content();
            let asked = Asked {
                method: "HEAD".into(),
                uri: url.clone(),
            };
            let head = |value: Option<&Secret>, more: bool| {
                head(&question, &url, target, value.map(|v| v.expose()), more)
            };
            drop(dialer.forward(asked, true, head).await?);
        }
        let head = |value: Option<&Secret>, more: bool| {
            head(request, &url, target, value.map(|v| v.expose()), more)
        };
        let wire = dialer.forward(asked, whole, head).await?;
        return Ok(wire.into());
    }
    let mut opened: listen::Opened = dialer.open(target).await?.into();
    let octets = head(request, &request.path, target, None, false);
    let sent = opened.wire.write_all(&octets).await;
    sent.map_err(|e| Error::internal(format!("the tunnel broke: {e}")))?;
    Ok(opened)
}

/// Without the port that `http` has anyway.
fn short(target: &Target) -> String {
    let authority = target.authority();
    authority
        .strip_suffix(":80")
        .map(str::to_owned)
        .unwrap_or(authority)
}

/// The request's head for the next one on the way: without what was meant for us only (RFC 9110 §7.6.1).
fn head(
    request: &Request,
    url: &str,
    target: &Target,
    authorization: Option<&str>,
    more: bool,
) -> Vec<u8> {
    const OURS: [&str; 8] = [
        "connection",
        "proxy-connection",
        "keep-alive",
        "proxy-authorization",
        "te",
        "upgrade",
        "host",
        "via",
    ];
    let fields = &request.head.fields;
    let listed: Vec<Vec<u8>> = fields
        .all("connection")
        .flat_map(|value| value.split(|b| *b == b','))
        .map(|name| name.trim_ascii().to_ascii_lowercase())
        .collect();
    let mut out = format!(
        "{} {url} HTTP/1.1\r\nHost: {}\r\n",
        request.head.method,
        short(target)
    );
    let mut out_bytes = std::mem::take(&mut out).into_bytes();
    let mut add = |name: &str, value: &[u8]| {
        out_bytes.extend_from_slice(name.as_bytes());
        out_bytes.extend_from_slice(b": ");
        out_bytes.extend_from_slice(value);
        out_bytes.extend_from_slice(b"\r\n");
    };
    for field in &fields.0 {
        let lower = field.name.to_ascii_lowercase();
        if !OURS.contains(&lower.as_str()) && !listed.contains(&lower.into_bytes()) {
            add(&field.name, &field.value);
        }
    }
    for via in fields.all("via") {
        add("Via", via);
    }
    add(
        "Via",
        format!("1.{} {}", request.head.minor, AGENT.replace('/', "-")).as_bytes(),
    );
    if let Some(value) = authorization {
        add("Proxy-Authorization", value.as_bytes());
    }
    // The connection is for this request alone, once it is known who we are.
    add("Connection", if more { b"keep-alive" } else { b"close" });
    out_bytes.extend_from_slice(b"\r\n");
    out_bytes
}

impl From<BoxWire> for listen::Opened {
    fn from(wire: BoxWire) -> Self {
        listen::Opened {
            wire,
            half_close: crate::carrier::HalfClose::Kept,
        }
    }
}
