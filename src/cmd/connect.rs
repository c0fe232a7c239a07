//! `tuncat connect`: stdio through one tunnel.

use crate::base::host::parse_port;
use crate::base::{Blame, Error, Host, Kind, Result, Stage, Target};
use crate::carrier::{HalfClose, h2, h3};
use crate::cli::Connect;
use crate::cmd::signals::Signals;
use crate::cmd::{explain, fdpass, pac, route, runtime};
use crate::dial::Tunnel;
use crate::plan::{self, Environment, RoutePlan};
use crate::relay::{Access, End, Near, Options, Outcome, Side, relay_until};
use crate::ui::log::{self, Quiet};
use crate::ui::report::{self, Summary};
use crate::wire::Break;
use crate::wire::stdio::Stdio;
use std::io;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::runtime::Builder;

/// For what is left to send when the tunnel has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

pub fn run(args: &Connect) -> i32 {
    log::init(Quiet::Silent, args.output.verbose);
    let mut summary = Summary::default();
    let result = execute(args, &mut summary);
    if let Err(error) = &result
        && !args.output.json
    {
        report::error(error);
    }
    if args.output.json && !summary.explained {
        report::json(&summary, result.as_ref().err());
    }
    result.map_or_else(|e| e.kind().exit_code(), |()| 0)
}

fn execute(args: &Connect, summary: &mut Summary) -> Result<()> {
    let target = target(args).map_err(|why| Error::usage(format!("target: {why}")))?;
    *summary = Summary::new(&target);
    let script = pac::Script::load(&args.proxy)?;
    let given = script.map(|script| script.ask(&target)).transpose()?;
    let environment = Environment::of_process().with_given(given.flatten());
    let mut plan = RoutePlan::new(&args.proxy, &environment, &target)?;
    if args.explain {
        summary.explained = true;
        let runtime = runtime(Builder::new_current_thread())?;
        let decision = runtime.block_on(explain::of(&plan, &target));
        return explain::print(&[decision], args.output.json);
    }
    if args.fdpass {
        fdpass::check(&plan)?;
    }
    let inner = plan::tls::inner(&args.inner, &args.proxy.tls)?;
    let inner = route::inner(inner)?;
    route::prepare(&mut plan)?;
    summary.warnings = plan.warnings.clone();
    if !args.output.json {
        plan.warnings.iter().for_each(|w| report::warning(w));
    }
    let runtime = runtime(Builder::new_current_thread())?;
    let result = runtime.block_on(async {
        let mut signals = Signals::new().map_err(|e| Error::internal(e.to_string()))?;
        let mut again = plan.asks();
        let (tunnel, way) = loop {
            let (mut dialer, way) = tokio::select! {
                dialer = route::dialer(&plan) => dialer?,
                number = signals.next() => return Err(ended_by(number, Stage::Arguments)),
            };
            dialer.set_inner(inner.as_ref());
            dialer.sparing = args.fdpass;
            summary.route = way.words.clone();
            let tunnel = tokio::select! {
                tunnel = dialer.open(&target) => tunnel,
                number = signals.next() => return Err(ended_by(number, Stage::Connect)),
            };
            match tunnel {
                // A slip of the finger, or a token that has run out: asked for once more, and no further.
                Err(error) if std::mem::take(&mut again) && dialer.was_turned_down() => {
                    report::warning(&error.to_string());
                }
                tunnel => break (tunnel, way),
            }
        };
        let result = match tunnel {
            Ok(tunnel) => {
                if plan.fallback.is_some() {
                    summary.route = match tunnel.route.is_empty() {
                        true => vec!["direct".into()],
                        false => tunnel.route.clone(),
                    };
                }
                carry(args, tunnel, &target, &mut signals, summary).await
            }
            Err(error) => Err(error),
        };
        // A session may still hold bytes of a tunnel that has ended well, or the news that one has
        // not; the embedded proxy may hold bytes for a target that reads slowly.
        let Err(error) = result else {
            let sent = async {
                h2::all_ended().await;
                h3::client::all_ended().await;
                if let Some(embedded) = way.embedded {
                    embedded.drain(Duration::MAX).await;
                }
            };
            return tokio::select! {
                () = sent => Ok(()),
                number = signals.next() => Err(ended_by(number, Stage::Relay)),
            };
        };
        let _ = tokio::time::timeout(LAST_WORDS, h2::all_ended()).await;
        h3::client::all_ended().await;
        Err(error)
    });
    // A lookup may still be waiting in a thread; nobody waits for it.
    runtime.shutdown_background();
    result
}

fn target(args: &Connect) -> Result<Target, String> {
    match &args.port {
        None => Target::parse(&args.target),
        Some(port) => Ok(Target::Tcp {
            host: Host::parse(&args.target)?,
            port: parse_port(port)?,
        }),
    }
}

async fn carry(
    args: &Connect,
    tunnel: Tunnel,
    target: &Target,
    signals: &mut Signals,
    summary: &mut Summary,
) -> Result<()> {
    let Tunnel {
        mut wire,
        half_close,
        carrier,
        setup,
        peer,
        signature: _,
        route: _,
    } = tunnel;
    summary.setup = Some(setup);
    summary.carrier = carrier;
    tracing::info!("tunnel to {target} open in {setup}");
    if args.fdpass {
        return fdpass::hand_over(wire);
    }
    if args.zero_io {
        // A proxy that has closed already is no reason to fail: the tunnel was opened.
        let _ = wire.shutdown().await;
        return Ok(());
    }
    let stdio = Stdio::new().map_err(|e| Error::internal(format!("stdio: {e}")))?;
    let options = options(args, half_close);
    let started = Instant::now();
    let mut signal = 0;
    let stop = async { signal = signals.next().await };
    let outcome = relay_until(stdio, wire, options, stop).await;
    summary.duration = started.elapsed();
    summary.outcome(&outcome);
    tracing::info!("{}", summary.line());
    if half_close == HalfClose::Unknown && reply_may_be_lost(&outcome) {
        let warning = "nothing came back, and this proxy may close both ways when one side ends; if \
                       an answer was due, give it more time with --fin-delay";
        match args.output.json {
            true => summary.warnings.push(warning.into()),
            false => report::warning(warning),
        }
    }
    let counts = format!(
        "after {} bytes sent and {} received",
        outcome.to_far, outcome.to_near
    );
    let hop = format!("tunnel to {target}");
    match outcome.end {
        End::Clean => Ok(()),
        End::Stopped => Err(ended_by(signal, Stage::Relay)),
        End::Idle => Err(idle(&counts).hop(hop).peer(peer)),
        End::Broken {
            side: Side::Near,
            access,
            error,
        } => Err(local(access, &error)),
        End::Broken {
            side: Side::Far,
            error,
            ..
        } => Err(far(&error, &counts).hop(hop).peer(peer)),
    }
}

fn options(args: &Connect, half_close: HalfClose) -> Options {
    let fin_delay = match half_close {
        _ if args.fin_now => None,
        HalfClose::Kept => None,
        HalfClose::Unknown => Some(args.fin_delay),
    };
    match fin_delay {
        None => tracing::info!("at the end of stdin the FIN is sent at once"),
        Some(delay) => tracing::info!(
            "at the end of stdin the FIN is sent after {} s of silence: this proxy may answer it \
             by closing both ways (-N sends it at once)",
            delay.as_secs_f64()
        ),
    }
    Options {
        idle: args.idle_timeout.filter(|t| !t.is_zero()),
        fin_delay,
        near: Near::Stdio,
    }
}

/// We ended first and all was closed without a single byte for us. That may be right (an upload), or
/// be an answer that the proxy cut off; no exit code can tell, so it is said.
fn reply_may_be_lost(outcome: &Outcome) -> bool {
    matches!(outcome.end, End::Clean) && outcome.told_first && outcome.to_near == 0
}

fn idle(counts: &str) -> Error {
    let cause = format!("nothing came or went for the idle time, {counts}");
    Error::new(Kind::Timeout, Stage::Relay, Blame::Network, cause).hint("-i sets the idle time")
}

fn local(access: Access, error: &io::Error) -> Error {
    let (kind, stage) = match access {
        Access::Read => (Kind::LocalRead, Stage::Stdin),
        Access::Write => (Kind::LocalWrite, Stage::Stdout),
    };
    let told = Error::new(kind, stage, Blame::Local, error.to_string());
    match error.kind() {
        // Whoever read our output has seen enough.
        io::ErrorKind::BrokenPipe => told.quiet(),
        _ => told,
    }
}

fn far(error: &io::Error, counts: &str) -> Error {
    let new =
        |kind, blame, what: &str| Error::new(kind, Stage::Relay, blame, format!("{what} {counts}"));
    match Break::of(error) {
        Break::Reset => new(Kind::Reset, Blame::Target, "the tunnel was reset")
            .hint("the target, the proxy or a firewall between ended it by force"),
        Break::Truncated => new(
            Kind::Truncated,
            Blame::Proxy,
            "the tunnel was cut off without an end",
        )
        .hint("the last bytes may be missing"),
        Break::Timeout => new(Kind::Timeout, Blame::Network, "the path to the proxy died"),
        Break::Other => new(
            Kind::Reset,
            Blame::Network,
            &format!("the tunnel broke ({error})"),
        ),
    }
}

fn ended_by(number: i32, stage: Stage) -> Error {
    let cause = format!("ended by signal {number}");
    Error::new(Kind::Signal(number), stage, Blame::User, cause).quiet()
}
