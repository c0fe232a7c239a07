//! `tuncat bench`: the lanes are built, the load loop runs, the figures are shown.

use crate::base::{Builtin, Error, Host, Proxy, Result, Target};
use crate::bench::command::CommandOpener;
use crate::bench::lane::{Opened, Opening};
use crate::bench::meter::{EMBEDDED_THREAD, Meter, TARGET_THREAD, listeners, unseen};
use crate::bench::{self, Lane, LaneKind, Opener, Report};
use crate::cli::Bench;
use crate::cmd::serve::{ended_by, raise_descriptor_limit};
use crate::cmd::signals::Signals;
use crate::cmd::{embedded, finish, output, route, runtime};
use crate::dial::{Congestion, Dialer, Hop, Network};
use crate::plan::bench::{BenchPlan, Compared, Other, Proxied};
use crate::plan::{Environment, Route, RoutePlan};
use crate::ui::bench::{html, json, progress::Progress, table};
use crate::ui::log::{self, Quiet};
use crate::ui::report;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

pub fn run(args: &Bench) -> Result<()> {
    log::init(Quiet::Warnings, args.verbose);
    raise_descriptor_limit();
    if let Some(address) = args.server {
        return be_target(address);
    }
    let page = args.html.as_deref();
    let page = page
        .map(|path| output::Later::open("--html", path))
        .transpose()?;
    let mut plan = BenchPlan::new(args, &Environment::of_process())?;
    for route in routes(&mut plan) {
        route::prepare(route)?;
    }
    plan.warnings.iter().for_each(|w| report::warning(w));
    let (target, far_end) = match &plan.target {
        Some(target) => (target.clone(), None),
        None => own_target().map(|(target, runtime)| (target, Some(runtime)))?,
    };
    plan.settings.target = target.to_string();
    let load = runtime(Builder::new_current_thread())?;
    let mut built = Built::default();
    let result = load.block_on(async {
        let mut signals = Signals::new().map_err(|e| Error::internal(e.to_string()))?;
        let measured = async {
            lanes(&plan, &target, &mut built).await?;
            let meter = meter(args, &target, &built);
            for port in built.here.iter().filter(|port| unseen(**port)) {
                report::warning(&format!(
                    "CPU time and memory of what listens on port {port} are not known: give --watch, or run as its user"
                ));
            }
            let mut progress = Progress::new();
            bench::run(&built.lanes, &plan.settings, &meter, &mut |step| {
                progress.show(&step);
            })
            .await
        };
        tokio::select! {
            report = measured => report,
            number = signals.next() => Err(ended_by(number)),
        }
    });
    let shown = result.and_then(|(report, failure)| {
        if let Some(page) = page {
            page.write(&html::page(&report))?;
        }
        show(args, &report)?;
        failure.map_or(Ok(()), Err)
    });
    finish(load);
    for runtime in built.embedded.into_iter().chain(far_end) {
        finish(runtime);
    }
    shown
}

fn show(args: &Bench, report: &Report) -> Result<()> {
    output::to_stdout(&match args.json {
        true => format!("{:#}\n", json::object(report)),
        false => table::text(report),
    })
}

fn routes(plan: &mut BenchPlan) -> impl Iterator<Item = &mut RoutePlan> {
    let proxy = plan.proxy.iter_mut().map(|p| &mut p.route);
    let compared = plan.compared.iter_mut().filter_map(|c| match &mut c.way {
        Other::Proxy(route) => Some(&mut **route),
        Other::Endpoint(_) | Other::Command(_) => None,
    });
    proxy.chain(compared)
}

/// `--server`.
fn be_target(address: SocketAddr) -> Result<()> {
    let runtime = runtime(Builder::new_multi_thread())?;
    let result = runtime.block_on(async {
        let mut signals = Signals::new().map_err(|e| Error::internal(e.to_string()))?;
        let listener = bench::target::bind(address).await;
        let listener = listener
            .map_err(|e| Error::usage(format!("--server: cannot listen on {address}: {e}")))?;
        let address = listener.local_addr();
        let address = address.map_err(|e| Error::internal(e.to_string()))?;
        report::line(&format!("tuncat: bench target on {address}"));
        tokio::select! {
            () = bench::target::serve(listener) => Ok(()),
            number = signals.next() => Err(ended_by(number)),
        }
    });
    finish(runtime);
    result
}

/// A target in a thread of its own, so that its time does not count as the load generator's.
fn own_target() -> Result<(Target, Runtime)> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name(TARGET_THREAD);
    let runtime = runtime(builder)?;
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let listener = runtime
        .block_on(bench::target::bind(any))
        .and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) =
        listener.map_err(|e| Error::internal(format!("cannot listen on {any}: {e}")))?;
    runtime.spawn(bench::target::serve(listener));
    let target = Target::Tcp {
        host: Host::Ip(address.ip()),
        port: address.port(),
    };
    Ok((target, runtime))
}

/// Lanes, with what they need to live.
#[derive(Default)]
struct Built {
    lanes: Vec<Lane>,
    embedded: Option<Runtime>,
    /// Ports of proxies and endpoints on this machine.
    here: Vec<u16>,
}

async fn lanes(plan: &BenchPlan, target: &Target, built: &mut Built) -> Result<()> {
    if plan.direct {
        built.lanes.push(Lane {
            name: "direct".into(),
            kind: LaneKind::Direct,
            route: Vec::new(),
            carrier: None,
            opener: Arc::new(Dialed {
                hops: Vec::new(),
                network: plan.network.clone(),
                timeout: plan.settings.limit,
                connections: 1,
                congestion: Congestion::default(),
                shared: None,
                target: target.clone(),
            }),
            // Where it is not open to us, the ways through proxies still are.
            wanted: plan.proxy.is_none() && plan.compared.is_empty(),
        });
    }
    if let Some(proxied) = &plan.proxy {
        lanes_of(proxied, plan, target, built).await?;
    }
    for other in &plan.compared {
        let lane = compared(other, plan, target, built).await?;
        built.lanes.push(lane);
    }
    Ok(())
}

/// One for each carrier.
async fn lanes_of(
    proxied: &Proxied,
    plan: &BenchPlan,
    target: &Target,
    built: &mut Built,
) -> Result<()> {
    let (hops, names) = match &proxied.route.route {
        Route::Embedded => {
            let (hop, runtime) = start_embedded(&proxied.route)?;
            built.embedded = Some(runtime);
            (vec![hop], vec!["embedded:".to_owned()])
        }
        Route::Proxies(proxies) => {
            note_ports(proxies, built);
            let names = proxies.iter().map(Proxy::to_string).collect();
            (route::hops(&proxied.route, proxies).await?, names)
        }
        Route::Direct => return Ok(()),
    };
    for carrier in &proxied.carriers {
        let mut hops = hops.clone();
        if let Some(last) = hops.last_mut() {
            last.via = vec![*carrier];
        }
        built.lanes.push(Lane {
            name: carrier.to_string(),
            kind: LaneKind::Proxy,
            route: names.clone(),
            carrier: Some(*carrier),
            opener: Arc::new(dialed(hops, &proxied.route, plan, target)),
            wanted: proxied.wanted,
        });
    }
    Ok(())
}

fn dialed(hops: Vec<Hop>, route: &RoutePlan, plan: &BenchPlan, target: &Target) -> Dialed {
    let mut dialed = Dialed {
        hops,
        network: route.network.clone(),
        timeout: route.connect_timeout,
        connections: route.connections,
        congestion: route.congestion,
        shared: None,
        target: target.clone(),
    };
    if !plan.cold {
        dialed.shared = Some(dialed.dialer());
    }
    dialed
}

async fn compared(
    other: &Compared,
    plan: &BenchPlan,
    target: &Target,
    built: &mut Built,
) -> Result<Lane> {
    let (kind, route, opener): (_, _, Arc<dyn Opener>) = match &other.way {
        Other::Proxy(route) => {
            let Route::Proxies(proxies) = &route.route else {
                return Err(Error::internal("a comparison without a proxy"));
            };
            note_ports(proxies, built);
            let hops = route::hops(route, proxies).await?;
            let names = proxies.iter().map(Proxy::to_string).collect();
            let opener = dialed(hops, route, plan, target);
            (LaneKind::Proxy, names, Arc::new(opener))
        }
        Other::Endpoint(endpoint) => {
            if let Target::Tcp { host, port } = endpoint {
                note_port(host, *port, built);
            }
            let opener = Dialed {
                hops: Vec::new(),
                network: plan.network.clone(),
                timeout: plan.settings.limit,
                connections: 1,
                congestion: Congestion::default(),
                shared: None,
                target: endpoint.clone(),
            };
            (
                LaneKind::Endpoint,
                vec![endpoint.to_string()],
                Arc::new(opener),
            )
        }
        Other::Command(line) => {
            let line = filled_in(line, target)?;
            (
                LaneKind::Command,
                // The program alone: there may be a password among its words.
                line.split_ascii_whitespace()
                    .take(1)
                    .map(String::from)
                    .collect(),
                Arc::new(CommandOpener::new(line)),
            )
        }
    };
    Ok(Lane {
        name: other.name.clone(),
        kind,
        route,
        carrier: None,
        opener,
        wanted: true,
    })
}

/// A command line with the target in its places.
fn filled_in(line: &str, target: &Target) -> Result<String> {
    match target {
        Target::Tcp { host, port } => {
            // Whatever is between brackets on the wire is none in a command line of its own.
            let bare = host.to_string();
            let bare = bare.trim_start_matches('[').trim_end_matches(']');
            Ok(line
                .replace("{host}", bare)
                .replace("{port}", &port.to_string())
                .replace("{target}", &target.to_string()))
        }
        Target::Unix(_) | Target::Builtin(Builtin::Echo | Builtin::Discard) => Ok(line.into()),
        Target::Builtin(_) | Target::Exec(_)
            if line.contains("{target}") || line.contains("{host}") =>
        {
            Err(Error::usage(format!(
                "--command cannot lead to {target}; give a HOST:PORT"
            )))
        }
        Target::Builtin(_) | Target::Exec(_) => Ok(line.into()),
    }
}

fn note_ports(proxies: &[Proxy], built: &mut Built) {
    for proxy in proxies {
        note_port(&proxy.host, proxy.port, built);
    }
}

fn note_port(host: &Host, port: u16, built: &mut Built) {
    if is_loopback(host) {
        built.here.push(port);
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Ip(ip) => ip.is_loopback(),
        Host::Name(name) => name.eq_ignore_ascii_case("localhost"),
    }
}

/// Processes whose use counts: those that were named, and the proxies, endpoints and target of this machine.
fn meter(args: &Bench, target: &Target, built: &Built) -> Meter {
    let found = built.here.iter().flat_map(|port| listeners(*port));
    let mut others: Vec<u32> = args.watch.iter().copied().chain(found).collect();
    others.sort_unstable();
    others.dedup();
    let target = match target {
        Target::Tcp { host, port } if is_loopback(host) => listeners(*port),
        _ => Vec::new(),
    };
    Meter { others, target }
}

/// The embedded proxy in threads of its own, so that its time can be told from the load generator's.
fn start_embedded(plan: &RoutePlan) -> Result<(Hop, Runtime)> {
    let mut builder = Builder::new_multi_thread();
    builder.thread_name(EMBEDDED_THREAD);
    let runtime = runtime(builder)?;
    let (plan, handle) = (plan.clone(), runtime.handle().clone());
    // A runtime cannot be waited for within another one.
    let started = std::thread::spawn(move || handle.block_on(embedded::start(&plan)));
    let started = started
        .join()
        .map_err(|_| Error::internal("the embedded proxy did not start"))?;
    let (hop, server) = started?;
    // It serves as long as its runtime lives.
    runtime.spawn(async move {
        std::future::pending::<()>().await;
        drop(server);
    });
    Ok((hop, runtime))
}

/// Opens tunnels by a dialer: a shared one, or a new one each time, so that nothing is warm.
struct Dialed {
    hops: Vec<Hop>,
    network: Network,
    timeout: Duration,
    connections: usize,
    congestion: Congestion,
    shared: Option<Dialer>,
    target: Target,
}

impl Dialed {
    fn dialer(&self) -> Dialer {
        let mut dialer = Dialer::new(
            self.hops.clone(),
            self.network.clone(),
            self.timeout,
            self.connections,
        );
        dialer.congestion = self.congestion;
        dialer
    }
}

impl Opener for Dialed {
    fn open(&self) -> Opening<'_> {
        Box::pin(async {
            let tunnel = match &self.shared {
                Some(dialer) => dialer.open(&self.target).await?,
                None => self.dialer().open(&self.target).await?,
            };
            Ok(Opened {
                wire: tunnel.wire,
                setup: tunnel.setup,
            })
        })
    }
}
