//! `tuncat listen`: each connection to a local port through a tunnel of its own.

use crate::accept::rules::Senders;
use crate::accept::{Held, Incoming, Server, name_of};
use crate::base::defaults::{FIN_DELAY, HEAD_TIMEOUT};
use crate::base::{Error, Result, Target};
use crate::carrier::{HalfClose, h2, h3};
use crate::cli::Listen;
use crate::cmd::dynamic::{self, Dynamic};
use crate::cmd::signals::Signals;
use crate::cmd::{explain, finish, pac, route, runtime, serve};
use crate::dial::{Dialer, Inner, ProxyVersion, Tunnel};
use crate::plan::{self, Environment, Forward, RoutePlan};
use crate::relay::{Options, relay};
use crate::ui::log::{self, Quiet};
use crate::ui::report;
use crate::wire::{BoxWire, Deadline, Socket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

/// After a session has ended, or could not be opened, the next one comes so much later; that doubles up
/// to the second value until one has lived longer.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_LATEST: Duration = Duration::from_secs(60);

/// What the connections of one local end need.
struct Forwarding {
    dialer: Arc<Dialer>,
    target: Target,
    idle: Option<Duration>,
    introduce: Option<ProxyVersion>,
    senders: Arc<Senders>,
}

/// What is behind a local end.
#[derive(Clone)]
enum Local {
    Fixed(Arc<Forwarding>),
    Dynamic(Arc<Dynamic>),
}

/// The far side of a connection.
pub struct Opened {
    pub wire: BoxWire,
    pub half_close: HalfClose,
}

impl From<Tunnel> for Opened {
    fn from(tunnel: Tunnel) -> Self {
        Opened {
            wire: tunnel.wire,
            half_close: tunnel.half_close,
        }
    }
}

pub fn run(args: &Listen) -> Result<()> {
    log::init(Quiet::Warnings, args.output.verbose);
    let environment = Environment::of_process();
    let mut plans = Vec::new();
    if args.warm > args.connections {
        let cause = format!(
            "--warm {} is more than --connections {}",
            args.warm, args.connections
        );
        return Err(Error::usage(cause));
    }
    let script = pac::Script::load(&args.proxy)?;
    for text in &args.local {
        let forward =
            Forward::parse(text).map_err(|why| Error::usage(format!("-L {text}: {why}")))?;
        let given = script.as_ref().map(|script| script.ask(&forward.target));
        let environment = environment.with_given(given.transpose()?.flatten());
        let mut plan = RoutePlan::new(&args.proxy, &environment, &forward.target)?;
        plan.connections = args.connections;
        plans.push((forward, plan));
    }
    if args.explain {
        let runtime = runtime(Builder::new_current_thread())?;
        let mut decisions = Vec::new();
        for (forward, plan) in &plans {
            decisions.push(runtime.block_on(explain::of(plan, &forward.target)));
        }
        return explain::print(&decisions, args.output.json);
    }
    for (n, (_, plan)) in plans.iter_mut().enumerate() {
        route::prepare(plan)?;
        if n == 0 {
            plan.warnings.iter().for_each(|w| report::warning(w));
        }
    }
    let inner = plan::tls::inner(&args.inner, &args.proxy.tls)?;
    let inner = route::inner(inner)?;
    let dynamic = match args.dynamic.is_empty() {
        true => None,
        false => Some(Arc::new(Dynamic::new(
            args,
            &environment,
            script.map(Arc::new),
            inner.clone(),
        )?)),
    };
    serve::raise_descriptor_limit();
    let runtime = runtime(Builder::new_multi_thread())?;
    let result = runtime.block_on(listen(args, plans, inner, dynamic));
    finish(runtime);
    result
}

async fn listen(
    args: &Listen,
    plans: Vec<(Forward, RoutePlan)>,
    inner: Option<Inner>,
    dynamic: Option<Arc<Dynamic>>,
) -> Result<()> {
    let mut signals = Signals::new().map_err(|e| Error::internal(e.to_string()))?;
    let senders = Arc::new(serve::senders(&args.proxy_protocol_from));
    let mut tending = JoinSet::new();
    let mut listeners = Vec::new();
    let mut dialers: Vec<(RoutePlan, Arc<Dialer>)> = Vec::new();
    for (forward, plan) in plans {
        // The environment may send targets different ways; equal ways share a dialer, so that a
        // password is asked for once.
        let known = dialers.iter().find(|(p, _)| p.is_same_way(&plan));
        let dialer = match known {
            Some((_, dialer)) => dialer.clone(),
            None => {
                let mut dialer = tokio::select! {
                    dialer = route::dialer(&plan) => dialer?.0,
                    number = signals.next() => return Err(serve::ended_by(number)),
                };
                dialer.set_inner(inner.as_ref());
                let dialer = Arc::new(dialer);
                for _ in 0..args.warm {
                    tending.spawn(keep_warm(dialer.clone()));
                }
                let (of_it, warm) = (dialer.clone(), args.warm);
                tending.spawn(async move { of_it.tend_sessions(warm).await });
                dialers.push((plan, dialer.clone()));
                dialer
            }
        };
        let listener = serve::bind(&forward.local).await?;
        let at = listener.address();
        report::line(&format!("tuncat: listening on {at} -> {}", forward.target));
        let forwarding = Arc::new(Forwarding {
            dialer,
            target: forward.target,
            idle: args.idle_timeout,
            introduce: args.proxy_protocol,
            senders: senders.clone(),
        });
        listeners.push((listener, Local::Fixed(forwarding)));
    }
    if let Some(dynamic) = dynamic {
        tokio::select! {
            prepared = dynamic.prepare() => prepared?,
            number = signals.next() => return Err(serve::ended_by(number)),
        }
        let mut own = Vec::new();
        for address in &args.dynamic {
            let listener = serve::bind(address).await?;
            let at = listener.address();
            report::line(&format!("tuncat: listening on {at} (SOCKS and HTTP proxy)"));
            own.push(at.clone());
            listeners.push((listener, Local::Dynamic(dynamic.clone())));
        }
        let _ = dynamic.own.set(own);
    }
    let server = Server::start(listeners, handle);
    // What the last tunnels sent may still wait in their sessions, which go when nobody holds them.
    let sent = async move {
        drop((tending, dialers));
        h2::all_ended().await;
        h3::client::all_ended().await;
    };
    serve::run_until_signal(server, signals, args.drain, sent).await
}

/// Keeps one session open, for tunnels to come.
async fn keep_warm(dialer: Arc<Dialer>) {
    let mut pause = AGAIN;
    loop {
        let began = Instant::now();
        match dialer.warm_up().await {
            Ok(Some((mut session, setup))) => {
                tracing::info!("a session is open in {setup}");
                session.over().await;
                tracing::info!("a warm session is over");
            }
            Ok(None) => return report::warning("--warm: this way has no sessions to keep open"),
            Err(error) => report::warning(&format!("--warm: {error}")),
        }
        // A proxy may also end sessions as fast as they begin.
        if began.elapsed() > AGAIN_LATEST {
            pause = AGAIN;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(AGAIN_LATEST);
    }
}

/// One connection: opens its tunnel and leaves it to a task of its own, so that an idle tunnel does
/// not keep the room that its set-up took.
async fn handle(local: Local, incoming: Incoming) {
    let forwarding = match local {
        Local::Fixed(forwarding) => forwarding,
        Local::Dynamic(dynamic) => return dynamic::handle(dynamic, incoming).await,
    };
    let Incoming {
        mut socket,
        peer,
        held,
        ..
    } = incoming;
    let patience = Deadline::after(HEAD_TIMEOUT);
    let ends = patience
        .run(forwarding.senders.ends(&mut socket, peer))
        .await;
    let (address, came_to) = match ends {
        Ok(Ok(ends)) => ends,
        Ok(Err(error)) => {
            return report::line(&format!("tuncat: {}: {error}", name_of(peer)));
        }
        Err(_) => return,
    };
    let client = name_of(address);
    let introduced = async {
        let mut tunnel = forwarding.dialer.open(&forwarding.target).await?;
        if let Some(version) = forwarding.introduce {
            let header = version.header(address, came_to);
            let header = header.map_err(|e| Error::internal(e.to_string()))?;
            // Where this fails the relay will, too, and knows more.
            let _ = tunnel.wire.write_all(&header).await;
        }
        Ok::<Tunnel, Error>(tunnel)
    };
    match introduced.await {
        Ok(tunnel) => {
            tokio::spawn(carry(forwarding, socket, tunnel, client, held));
        }
        // The client sees a reset: the socket is dropped unfinished.
        Err(error) => report::line(&format!("tuncat: {client}: {error}")),
    }
}

/// How the relay treats its ends.
pub fn options(idle: Option<Duration>, half_close: HalfClose) -> Options {
    Options {
        idle: idle.filter(|t| !t.is_zero()),
        fin_delay: match half_close {
            HalfClose::Kept => None,
            HalfClose::Unknown => Some(FIN_DELAY),
        },
        ..Options::default()
    }
}

fn carry(
    forwarding: Arc<Forwarding>,
    socket: Socket,
    tunnel: Tunnel,
    client: String,
    held: Held,
) -> impl Future<Output = ()> + Send {
    tracing::info!(
        "{client} -> {}: open in {}",
        forwarding.target,
        tunnel.setup
    );
    let options = options(forwarding.idle, tunnel.half_close);
    let started = Instant::now();
    let relay = relay(socket, tunnel.wire, options);
    async move {
        let outcome = relay.await;
        tracing::info!(
            "{client} -> {}: closed after {:.3} s, {} bytes sent, {} received, {}",
            forwarding.target,
            started.elapsed().as_secs_f64(),
            outcome.to_far,
            outcome.to_near,
            outcome.end
        );
        drop(held);
    }
}
