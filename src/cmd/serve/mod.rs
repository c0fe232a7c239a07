//! `tuncat serve`: the small terminator.

mod manager;
mod rules;
mod upstream;
mod workers;

use crate::accept::access_log::AccessLog;
use crate::accept::admin::Admin;
use crate::accept::rules::Senders;
use crate::accept::{
    Address, Current, Drained, Ledger, Limits, Listener, Server, Shares, Terminator,
};
use crate::base::{Blame, Error, Kind, Result, Stage};
use crate::carrier::{h2, h3};
use crate::cli::{Sender, Serve};
use crate::cmd::signals::{Hangups, Signals};
use crate::cmd::{finish, route, runtime};
use crate::plan::RoutePlan;
use crate::ui::log::{self, Quiet};
use crate::ui::{report, serve as ui};
use rules::Read;
use std::collections::HashMap;
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;
use workers::Workers;

/// For clients over QUIC to hear that it is over.
const FAREWELL: Duration = Duration::from_millis(300);
/// For what is left to send when all tunnels have ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

pub fn run(args: Serve) -> Result<()> {
    log::init(Quiet::Warnings, args.output.verbose);
    let read = Read::new(&args, None)?;
    read.check_binds(&args, &args.listen)?;
    let mut upstream = upstream::plan(&args)?;
    if args.check {
        report::line("tuncat: all options and files can be used");
        return Ok(());
    }
    if let Some(plan) = &mut upstream {
        route::prepare(plan)?;
    }
    raise_descriptor_limit();
    let log = match &args.access_log {
        Some(path) => Some(
            AccessLog::open(path, args.access_log_format)
                .map_err(|e| Error::usage(format!("--access-log {}: {e}", path.display())))?,
        ),
        None => None,
    };
    let ledger = Ledger::new(log);
    let workers = args.workers.map(Workers::start).transpose()?;
    let runtime = runtime(Builder::new_multi_thread())?;
    let serving = serve(&args, read, upstream, &ledger, workers.as_ref());
    let result = runtime.block_on(serving);
    ui::end();
    drop(workers);
    finish(runtime);
    // Now that those that were cut off are in it, too.
    if let Some(log) = ledger.log() {
        log.flush();
    }
    result
}

async fn serve(
    args: &Serve,
    read: Read,
    upstream: Option<RoutePlan>,
    ledger: &Arc<Ledger>,
    workers: Option<&Workers>,
) -> Result<()> {
    let internal = |e: std::io::Error| Error::internal(e.to_string());
    let (mut hangups, mut signals) = (
        Hangups::new().map_err(internal)?,
        Signals::without_hangup().map_err(internal)?,
    );
    let upstream = match &upstream {
        Some(plan) => Some(tokio::select! {
            dialer = upstream::dialer(plan) => dialer?,
            number = signals.next() => return Err(ended_by(number)),
        }),
        None => None,
    };
    let mut tending = JoinSet::new();
    if let Some(dialer) = upstream.clone() {
        tending.spawn(async move { dialer.tend_sessions(0).await });
    }
    let shares = Shares::new(limits(args));
    let quic = read.quic(args)?;
    let (bound, mut datagrams) = listeners(args, workers, quic.is_some()).await?;
    // Sockets of the service manager's have shown their addresses only now.
    read.check_binds(args, bound.iter().map(|(listener, _)| listener.address()))?;
    let mut listeners = Vec::new();
    let mut terminators: Vec<(Address, Arc<Terminator>)> = Vec::new();
    for (listener, runtime) in bound {
        let address = listener.address().clone();
        let known = terminators.iter().find(|(known, _)| *known == address);
        let terminator = match known {
            Some((_, terminator)) => terminator.clone(),
            None => {
                let rules = Current::new(read.rules(args, &address, upstream.as_ref()));
                let terminator = Terminator::new(rules, shares.clone(), ledger.clone());
                terminators.push((address, terminator.clone()));
                terminator
            }
        };
        listeners.push((listener, terminator, runtime));
    }
    let admin = match &args.admin {
        Some(address) => Some(start_admin(address, ledger).await?),
        None => None,
    };
    let addresses: Vec<Address> = terminators.iter().map(|(a, _)| a.clone()).collect();
    ui::begin(&addresses, read.pin(), read.has_users(), ledger);
    let counted = ledger.clone();
    let how = rules::accepting(args, move || {
        counted.metrics.not_accepted.inc();
    });
    let server = Server::start_on(listeners, how, Terminator::handle);
    let mut endpoints = Vec::new();
    for (address, terminator) in &terminators {
        if let (Some(udp), Some(config)) = (datagrams.remove(address), &quic) {
            let started = udp.and_then(|udp| {
                let terminator = terminator.clone();
                terminator.start_quic(udp, config.clone(), &server)
            });
            match started {
                Ok(endpoint) => endpoints.push(endpoint),
                // Clients are served without.
                Err(e) => report::warning(&format!("no HTTP/3 (UDP) on {address}: {e}")),
            }
        }
    }
    let ready = |ready: bool| {
        if let Some(admin) = &admin {
            admin.set_ready(ready);
        }
        manager::tell(ready);
    };
    ready(true);
    let reloading = async {
        let mut before = read;
        while hangups.next().await {
            let reloaded = Read::new(args, Some(&before)).and_then(|read| {
                read.check_binds(args, &addresses)?;
                Ok(read)
            });
            reload_done(ledger, &reloaded);
            if let Ok(read) = reloaded {
                if let Ok(Some(config)) = read.quic(args) {
                    for endpoint in &endpoints {
                        endpoint.set_server_config(Some(config.clone()));
                    }
                }
                for (address, terminator) in &terminators {
                    let rules = read.rules(args, address, upstream.as_ref());
                    terminator.rules.set(rules);
                }
                before = read;
            }
            manager::reloaded();
        }
    };
    let first = tokio::select! {
        first = signals.next() => first,
        () = reloading => rustix::process::Signal::HUP.as_raw(),
    };
    ready(false);
    if !args.drain_delay.is_zero() {
        tokio::select! {
            () = tokio::time::sleep(args.drain_delay) => {}
            second = signals.next() => return Err(ended_by(second)),
        }
    }
    // What the last tunnels sent may still wait in sessions with the next proxy, which go when nobody holds them.
    let sent = async move {
        if upstream.is_some() {
            drop((terminators, upstream, tending));
            h2::all_ended().await;
            h3::client::all_ended().await;
        }
    };
    let drained = drain(server, first, signals, args.drain, sent).await;
    // Whoever is cut off hears of it: nothing else would tell a peer before its path counts as dead.
    for endpoint in &endpoints {
        endpoint.close(h3::code::NO_ERROR.into(), b"");
        let _ = tokio::time::timeout(FAREWELL, endpoint.wait_idle()).await;
    }
    drained
}

fn reload_done(ledger: &Ledger, reloaded: &Result<Read>) {
    ledger.metrics.reloaded(reloaded.is_ok());
    if let Some(log) = ledger.log() {
        log.reopen();
    }
    match reloaded {
        Ok(_) => report::line("tuncat: certificates, users and rules were read again"),
        Err(error) => report::warning(&format!("{error}; what held before still holds")),
    }
}

/// Who has to begin with a PROXY header.
pub fn senders(typed: &[Sender]) -> Senders {
    let net = |sender: &Sender| match sender {
        Sender::Net(net) => Some(*net),
        Sender::Unix => None,
    };
    Senders {
        nets: typed.iter().filter_map(net).collect(),
        unix: typed.contains(&Sender::Unix),
    }
}

fn limits(args: &Serve) -> Limits {
    let some = |time: Option<Duration>| time.filter(|t| !t.is_zero());
    Limits {
        connections: args.max_connections,
        tunnels: args.max_tunnels,
        tunnels_of_client: args.max_tunnels_per_client,
        rate: args.max_rate,
        streams: args.max_streams,
        head: args.max_header as usize,
        head_timeout: args.header_timeout,
        auth_timeout: args.auth_timeout,
        idle: some(args.idle_timeout),
        lifetime: some(args.max_lifetime),
    }
}

/// All that are listened on, each with where its connections are served; and, with `quic`, the sockets of UDP beside them.
async fn listeners(
    args: &Serve,
    workers: Option<&Workers>,
    quic: bool,
) -> Result<(Vec<(Listener, Handle)>, Datagrams)> {
    let (mut all, mut datagrams) = (Vec::new(), Datagrams::new());
    let here = Handle::current();
    for address in &args.listen {
        match (address, workers) {
            (Address::Systemd, _) => {
                let inherited = Listener::inherited();
                let inherited = inherited.map_err(|e| Error::usage(format!("-l systemd: {e}")))?;
                for listener in inherited {
                    if quic && let Address::Tcp(_) = listener.address() {
                        datagrams.insert(listener.address().clone(), listener.udp());
                    }
                    all.push((listener, here.clone()));
                }
            }
            (Address::Tcp(_), workers) => {
                let shared = workers.is_some() || args.reuse_port;
                let (mut address, mut wanted) = (address.clone(), quic);
                let handles = workers.map_or(std::slice::from_ref(&here), |w| &w.handles);
                // The first one may let the kernel choose the port; the others take the same.
                for handle in handles {
                    let _on = handle.enter();
                    let listener = match std::mem::take(&mut wanted) {
                        false => bind_with(&address, shared).await?,
                        true => {
                            let bound = Listener::bind_with_udp(&address, shared).await;
                            let (listener, udp) = bound.map_err(|e| not_bound(&address, &e))?;
                            datagrams.insert(listener.address().clone(), udp);
                            listener
                        }
                    };
                    address = listener.address().clone();
                    all.push((listener, handle.clone()));
                }
            }
            (Address::Unix(_), _) => {
                all.push((bind_with(address, args.reuse_port).await?, here.clone()));
            }
        }
    }
    Ok((all, datagrams))
}

/// Sockets of UDP, by the addresses of the listeners beside them.
type Datagrams = HashMap<Address, io::Result<UdpSocket>>;

async fn start_admin(address: &Address, ledger: &Arc<Ledger>) -> Result<Arc<Admin>> {
    let listener = bind(address).await?;
    report::line(&format!(
        "tuncat: admin on {}",
        ui::admin(listener.address())
    ));
    let admin = Admin::new(ledger.clone());
    tokio::spawn(admin.clone().serve(listener));
    Ok(admin)
}

/// Serves until a signal comes, then drains; a second signal ends at once. Tunnels that are cut off
/// make it end like the signal itself would. When all have ended `sent` says that what they sent has
/// gone, too.
pub async fn run_until_signal(
    server: Server,
    mut signals: Signals,
    limit: Duration,
    sent: impl Future<Output = ()>,
) -> Result<()> {
    let first = signals.next().await;
    drain(server, first, signals, limit, sent).await
}

async fn drain(
    server: Server,
    first: i32,
    mut signals: Signals,
    limit: Duration,
    sent: impl Future<Output = ()>,
) -> Result<()> {
    let live = server.live();
    if live > 0 && !limit.is_zero() {
        report::line(&format!(
            "tuncat: waiting for {live} live connections and tunnels; another signal ends them"
        ));
    }
    let began = Instant::now();
    let drained = async {
        let Drained::Empty = server.drain(limit).await else {
            return Err(ended_by(first));
        };
        let left = limit.saturating_sub(began.elapsed()).max(LAST_WORDS);
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
    bind_with(address, false).await
}

async fn bind_with(address: &Address, shared: bool) -> Result<Listener> {
    let bound = Listener::bind_with(address, shared).await;
    bound.map_err(|e| not_bound(address, &e))
}

fn not_bound(address: &Address, error: &io::Error) -> Error {
    let cause = format!("cannot listen on {address}: {error}");
    Error::new(Kind::Usage, Stage::Listen, Blame::User, cause)
        .hint("choose another address or port; port 0 lets the kernel choose")
}

/// Every tunnel takes two descriptors; the usual soft limit of 1024 would be reached early.
pub fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Left as it was, fewer tunnels fit; they are told apart when they fail.
    let _ = setrlimit(Resource::Nofile, limit);
}
