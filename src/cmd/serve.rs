//! `tuncat serve`: the small terminator.

use crate::accept::{Address, Drained, Listener, Server, Terminator};
use crate::auth::Users;
use crate::base::defaults::TARGET_TIMEOUT;
use crate::base::{Blame, Credentials, Error, Kind, Result, Secret, Stage};
use crate::cli::Serve;
use crate::cmd::signals::Signals;
use crate::cmd::{argv, finish, runtime};
use crate::dial::{Network, TargetDialer};
use crate::policy::{Baseline, Clients, Policy};
use crate::tls::{Identity, Pin};
use crate::ui::log::{self, Quiet};
use crate::ui::report;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;

/// For what is left to send when all tunnels have ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

pub fn run(args: Serve) -> Result<()> {
    log::init(Quiet::Warnings, args.output.verbose);
    let users = users(&args)?;
    let clients = Clients {
        allow: args.allow_clients.clone(),
        authenticated: users.is_some() || !args.client_ca.is_empty(),
    };
    for address in &args.listen {
        if let Address::Tcp(address) = address {
            clients.check_bind(*address).map_err(Error::usage)?;
        }
    }
    let tls = tls(&args)?;
    let users = users.map(Arc::new);
    raise_descriptor_limit();
    let runtime = runtime(Builder::new_multi_thread())?;
    let result = runtime.block_on(serve(&args, users, clients, tls));
    finish(runtime);
    result
}

async fn serve(
    args: &Serve,
    users: Option<Arc<Users>>,
    clients: Clients,
    tls: Option<(TlsAcceptor, Pin)>,
) -> Result<()> {
    let signals = Signals::new().map_err(|e| Error::internal(e.to_string()))?;
    let mut listeners = Vec::new();
    for address in &args.listen {
        let listener = bind(address).await?;
        let terminator = Terminator {
            forward: args.forward.clone(),
            tls: tls.as_ref().map(|(acceptor, _)| acceptor.clone()),
            users: users.clone(),
            clients: clients.clone(),
            connector: Arc::new(TargetDialer {
                policy: policy(args, listener.address()),
                network: Network::default(),
                timeout: TARGET_TIMEOUT,
            }),
        };
        listeners.push((listener, Arc::new(terminator)));
    }
    for (listener, _) in &listeners {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shown = match listener.address() {
            Address::Tcp(address) => format!("{scheme}://{address}"),
            unix => format!("{unix} ({scheme})"),
        };
        report::line(&format!("tuncat: listening on {shown}"));
    }
    if let Some((_, pin)) = &tls {
        report::line(&format!("tuncat: pin {pin}"));
    }
    let server = Server::start(listeners, Terminator::handle);
    run_until_signal(server, signals, args.drain, async {}).await
}

/// Serves until a signal comes, then drains; a second signal ends at once. Tunnels that are cut off
/// make it end like the signal itself would. When all have ended `sent` says that what they sent has
/// gone, too.
pub async fn run_until_signal(
    server: Server,
    mut signals: Signals,
    drain: Duration,
    sent: impl Future<Output = ()>,
) -> Result<()> {
    let first = signals.next().await;
    let live = server.live();
    if live > 0 && !drain.is_zero() {
        report::line(&format!(
            "tuncat: waiting for {live} live connections and tunnels; another signal ends them"
        ));
    }
    let began = Instant::now();
    let drained = async {
        let Drained::Empty = server.drain(drain).await else {
            return Err(ended_by(first));
        };
        let left = drain.saturating_sub(began.elapsed()).max(LAST_WORDS);
        match tokio::time::timeout(left, sent).await {
            Ok(()) => Ok(()),
            Err(_) => Err(ended_by(first)),
        }
    };
    tokio::select! {
        drained = drained => drained,
        second = signals.next() => Err(ended_by(second)),
    }
}

pub fn ended_by(number: i32) -> Error {
    let cause = format!("ended by signal {number}");
    Error::new(Kind::Signal(number), Stage::Listen, Blame::User, cause).quiet()
}

pub async fn bind(address: &Address) -> Result<Listener> {
    Listener::bind(address).await.map_err(|e| {
        let cause = format!("cannot listen on {address}: {e}");
        Error::new(Kind::Usage, Stage::Listen, Blame::User, cause)
            .hint("choose another address or port; port 0 lets the kernel choose")
    })
}

/// Every tunnel takes two descriptors; the usual soft limit of 1024 would be reached early.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Left as it was, fewer tunnels fit; they are told apart when they fail.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Loopback listeners are this machine's own; others start from less.
fn policy(args: &Serve, address: &Address) -> Policy {
    let loopback = match address {
        Address::Tcp(address) => address.ip().is_loopback(),
        Address::Unix(_) => true,
    };
    Policy {
        allow: args.allow.clone(),
        deny: args.deny.clone(),
        baseline: match loopback {
            true => Baseline::Loopback,
            false => Baseline::Exposed,
        },
        builtin: loopback || args.allow_builtin,
    }
}

fn users(args: &Serve) -> Result<Option<Users>> {
    let mut known: Vec<Credentials> = Vec::new();
    for text in &args.auth {
        let user = Credentials::parse(text);
        if user.password.is_none() {
            return Err(Error::usage("--auth is written USER:PASSWORD"));
        }
        known.push(user);
    }
    let typed: Vec<Secret> = known.iter().filter_map(|u| u.password.clone()).collect();
    argv::hide(&typed);
    if let Some(path) = &args.auth_file {
        let shown = path.display();
        let text =
            std::fs::read_to_string(path).map_err(|e| Error::usage(format!("{shown}: {e}")))?;
        let users = Users::parse_file(&text).map_err(|e| Error::usage(format!("{shown}: {e}")))?;
        if users.is_empty() {
            return Err(Error::usage(format!("{shown}: no user in it")));
        }
        known.extend(users);
    }
    match known.is_empty() {
        true => Ok(None),
        false => Users::new(known).map(Some).map_err(Error::usage),
    }
}

fn tls(args: &Serve) -> Result<Option<(TlsAcceptor, Pin)>> {
    let identity = match (&args.cert, &args.key) {
        _ if args.self_signed => Identity::self_signed(),
        (Some(certificate), Some(key)) => Identity::load(certificate, key),
        _ if !args.client_ca.is_empty() => {
            let hint = "give --cert and --key, or --self-signed";
            return Err(Error::usage("--client-ca needs TLS").hint(hint));
        }
        _ => return Ok(None),
    };
    let identity = identity.map_err(Error::usage)?;
    let pin = identity.pin().map_err(Error::usage)?;
    let config = identity
        .server_config(&args.client_ca)
        .map_err(Error::usage)?;
    Ok(Some((TlsAcceptor::from(config), pin)))
}
