//! `tuncat connect`: stdio through one tunnel.

use crate::base::host::parse_port;
use crate::base::{Blame, Error, Host, Kind, Result, Stage, Target};
use crate::carrier::HalfClose;
use crate::cli::Connect;
use crate::cmd::signals::Signals;
use crate::cmd::{route, runtime};
use crate::dial::Tunnel;
use crate::plan::{Environment, RoutePlan};
use crate::relay::{End, Near, Options, Outcome, Side, relay};
use crate::ui::log::{self, Quiet};
use crate::ui::report::{self, Summary};
use crate::wire::Break;
use crate::wire::stdio::Stdio;
use std::io;
use std::time::Instant;
use tokio::io::AsyncWriteExt;
use tokio::runtime::Builder;

pub fn run(args: &Connect) -> i32 {
    log::init(Quiet::Silent, args.output.verbose);
    let mut summary = Summary::default();
    let result = execute(args, &mut summary);
    if let Err(error) = &result
        && !args.output.json
    {
        report::error(error);
    }
    if args.output.json {
        report::json(&summary, result.as_ref().err());
    }
    result.map_or_else(|e| e.kind().exit_code(), |()| 0)
}

fn execute(args: &Connect, summary: &mut Summary) -> Result<()> {
    let target = target(args).map_err(|why| Error::usage(format!("target: {why}")))?;
    *summary = Summary::new(&target);
    let plan = RoutePlan::new(&args.proxy, &Environment::of_process(), &target)?;
    route::protect(&plan);
    let runtime = runtime(Builder::new_current_thread())?;
    let result = runtime.block_on(async {
        let mut signals = Signals::new().map_err(|e| Error::internal(e.to_string()))?;
        tokio::select! {
            result = tunnel(args, &plan, &target, summary) => result,
            // The tunnel is dropped, which aborts it.
            number = signals.next() => Err(ended_by(number)),
        }
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

async fn tunnel(
    args: &Connect,
    plan: &RoutePlan,
    target: &Target,
    summary: &mut Summary,
) -> Result<()> {
    let (dialer, words) = route::dialer(plan).await?;
    summary.route = words;
    let Tunnel {
        mut wire,
        half_close,
        setup,
        peer,
    } = dialer.open(target).await?;
    summary.setup = Some(setup);
    tracing::info!(
        "tunnel to {target} open in {:.1} ms (resolve {:.1}, tcp {:.1}, tls {:.1}, request {:.1})",
        setup.total().as_secs_f64() * 1e3,
        setup.resolve.as_secs_f64() * 1e3,
        setup.tcp.as_secs_f64() * 1e3,
        setup.tls.as_secs_f64() * 1e3,
        setup.request.as_secs_f64() * 1e3,
    );
    if args.zero_io {
        // A proxy that has closed already is no reason to fail: the tunnel was opened.
        let _ = wire.shutdown().await;
        return Ok(());
    }
    let stdio = Stdio::new().map_err(|e| Error::internal(format!("stdio: {e}")))?;
    let options = options(args, half_close, &stdio);
    let started = Instant::now();
    let outcome = relay(stdio, wire, options).await;
    summary.duration = started.elapsed();
    summary.outcome(&outcome);
    tracing::info!("{}", summary.line());
    if half_close == HalfClose::Unknown && reply_may_be_lost(&outcome) {
        report::line(
            "tuncat: note: nothing came back, and this proxy may close both ways when one side \
             ends; if an answer was due, give it more time with --fin-delay",
        );
    }
    judge(outcome, target).map_err(|e| e.peer(peer))
}

fn options(args: &Connect, half_close: HalfClose, stdio: &Stdio) -> Options {
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
        idle: args.idle_timeout,
        fin_delay,
        near: match stdio.reads_a_file() {
            true => Near::FileStdio,
            false => Near::Stdio,
        },
    }
}

/// We ended first and all was closed without a single byte for us. That may be right (an upload), or
/// be an answer that the proxy cut off; no exit code can tell, so it is said.
fn reply_may_be_lost(outcome: &Outcome) -> bool {
    let ended_first = outcome.first_end == Some(Side::Near);
    matches!(outcome.end, End::Clean) && ended_first && outcome.to_near == 0
}

/// What the end of the relay means for the user.
fn judge(outcome: Outcome, target: &Target) -> Result<()> {
    let counts = format!(
        "after {} bytes sent and {} received",
        outcome.to_far, outcome.to_near
    );
    match outcome.end {
        End::Clean => Ok(()),
        End::Idle => {
            let cause = format!("nothing came or went for the idle time, {counts}");
            Err(
                Error::new(Kind::Timeout, Stage::Relay, Blame::Network, cause)
                    .hint("-i sets the idle time"),
            )
        }
        End::Broken {
            side: Side::Near,
            error,
        } => Err(local(&error)),
        End::Broken {
            side: Side::Far,
            error,
        } => {
            let hop = format!("tunnel to {target}");
            Err(far(&error, &counts).hop(hop))
        }
    }
}

fn local(error: &io::Error) -> Error {
    // Reading stdin fails only where the disk or a device does; the usual case is stdout.
    let (kind, stage) = match error.kind() {
        io::ErrorKind::IsADirectory => (Kind::LocalRead, Stage::Stdin),
        _ => (Kind::LocalWrite, Stage::Stdout),
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

fn ended_by(number: i32) -> Error {
    let cause = format!("ended by signal {number}");
    Error::new(Kind::Signal(number), Stage::Relay, Blame::User, cause).quiet()
}
