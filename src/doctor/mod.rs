//! What a proxy permits, and why something fails: one probe after the other, each with few requests,
//! none with a payload for anybody but ourselves.

mod advice;
mod buffering;
mod certificate;
pub mod code;
mod direct;
mod ends;
pub mod findings;
mod identity;
mod idle;
mod interception;
mod oracle;
mod ports;
mod probe;
mod raw;
pub mod report;
mod ways;

pub use report::Report;

use crate::base::{Error, Kind, Scheme, Stage, Target};
use crate::carrier::{Carrier, Version};
use crate::dial::{Hop, Network};
use code::Code;
use findings::Findings;
use oracle::Oracle;
use probe::{Probe, said};
use report::{Auth, Verdict};
use std::time::Duration;
use ways::Ways;

/// What to examine, and how far to go.
pub struct Settings {
    /// The way to the proxy; the last hop is the one that is examined. Never empty.
    pub hops: Vec<Hop>,
    pub network: Network,
    /// For each probe; zero for no limit.
    pub patience: Duration,
    /// Carriers to try; none for all of them.
    pub only: Vec<Carrier>,
    /// What tunnels are wanted to; else our own target, or none, shows whether there can be any.
    pub target: Option<Target>,
    /// Look at the target's certificate whatever its port.
    pub tls: bool,
    /// Look at ends and resets.
    pub ends: bool,
    /// Leave tunnels alone for so long.
    pub idle: Option<Duration>,
    /// Go to the target without the proxy too.
    pub direct: bool,
    /// A target that sends back what it gets, instead of our own.
    pub echo: Option<Target>,
    /// Options that lead to the same proxy, without secrets, as they would be typed.
    pub words: Vec<String>,
}

impl Settings {
    /// [`Settings::patience`], where there has to be a limit.
    pub fn patience(&self) -> Duration {
        match self.patience {
            Duration::ZERO => Duration::from_secs(300),
            patience => patience,
        }
    }
}

/// Examines. `progress` is told what comes next.
pub async fn run(settings: Settings, progress: &(dyn Fn(&str) + Sync)) -> Report {
    let probe = Probe::new(settings);
    let mut report = Report {
        proxy: probe.hop().map(|h| h.proxy.to_string()).unwrap_or_default(),
        target: probe.settings.target.as_ref().map(Target::to_string),
        ..Report::default()
    };
    let mut findings = Findings::default();
    let examined = examine(&probe, &mut report, &mut findings, progress).await;
    report.identity = identity::of(&probe.seen());
    report.auth = auth(&probe);
    match examined {
        Ok(errors) => {
            findings.add_from(&report, &errors);
            report.exit_code = exit_code(&report, &errors);
        }
        Err(error) => {
            findings.unreachable(&error);
            report.exit_code = error.kind().exit_code();
        }
    }
    report.findings = findings.all();
    report.best = advice::best(&report, &probe.settings);
    report.ask = advice::ask(&report, &probe.settings);
    report
}

/// The errors of the ways. `Err` where the proxy cannot even be spoken to.
async fn examine(
    probe: &Probe,
    report: &mut Report,
    findings: &mut Findings,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Error>, Error> {
    progress("the connection");
    let reached = probe.reach().await?;
    let local = reached.wire.tcp().and_then(|tcp| tcp.local_addr().ok());
    // Ours as the proxy sees it, or could.
    let here = local.map(|address| address.ip());
    if probe.scheme() != Scheme::Https {
        probe::hang_up(reached.wire).await;
    } else {
        progress("TLS");
        report.tls = certificate::of_proxy(probe, reached.wire).await?;
        let problem = report.tls.as_ref().and_then(|tls| tls.problem.clone());
        if let Some(problem) = problem {
            probe.seen().stopped =
                Some(format!("no request goes to a server like that: {problem}"));
        }
    }
    let oracle = match here {
        Some(ip) if !ip.is_loopback() || is_all_here(probe) => Oracle::start(ip).await.ok(),
        _ => None,
    };
    progress("the ways");
    let Ways { seen, errors } = ways::all(probe, oracle.as_ref()).await;
    report.ways = seen;
    if let Some(tls) = &report.tls
        && !tls.trusted
    {
        let cause = tls.problem.clone().unwrap_or_default();
        let blame = crate::base::Blame::Proxy;
        let pin = tls.pin.as_deref().unwrap_or_default();
        return Err(
            Error::new(Kind::CertificateNotTrusted, Stage::Tls, blame, cause).hint(format!(
                "give the authority's certificate with --cacert; or, if the proxy's owner says that the key is \
                 right, --pin {pin}"
            )),
        );
    }
    if is_mute(&report.ways) && probe.scheme() == Scheme::Http && speaks_tls(probe).await {
        findings.add(
            Code::SpeaksTls,
            "the port speaks TLS",
            "write https:// instead of http:// for the proxy",
        );
    }
    progress("ports");
    report.ports = ports::all(probe, &report.ways).await;
    progress("TLS inside tunnels");
    report.interception = interception::look(probe, &report.ways, oracle.as_ref()).await;
    if let (true, Some(target)) = (probe.settings.direct, &probe.settings.target) {
        progress("the target without the proxy");
        report.direct = Some(direct::look(probe, target, &mut report.interception).await);
    }
    progress("what is held back");
    for way in &report.ways {
        let seen = buffering::of(probe, way, oracle.as_ref()).await;
        report.buffering.extend(seen);
    }
    if probe.settings.ends {
        progress("ends and resets");
        for carrier in open_ones(&report.ways) {
            report.ends.push(match (&probe.settings.echo, &oracle) {
                (Some(echo), _) => ends::by_echo(probe, carrier, echo).await,
                (None, Some(oracle)) => ends::of(probe, carrier, oracle).await,
                (None, None) => {
                    ends::unknown(carrier, Some("there is no target of our own".into()))
                }
            });
        }
    }
    if let Some(longest) = probe.settings.idle {
        progress("silent tunnels");
        let carriers = open_ones(&report.ways);
        report.idle = Some(idle::all(probe, &carriers, oracle.as_ref(), longest).await);
    }
    Ok(errors)
}

/// Carriers that opened something, or would have.
fn open_ones(ways: &[report::WaySeen]) -> Vec<Carrier> {
    let willing = |v| {
        matches!(
            v,
            Verdict::Open | Verdict::Spoken | Verdict::TargetUnreachable
        )
    };
    let willing = ways.iter().filter(|w| willing(w.verdict));
    willing.map(|w| w.carrier).collect()
}

/// All hops are on this machine: to another one its own loopback addresses are somebody else.
fn is_all_here(probe: &Probe) -> bool {
    let here = |hop: &Hop| {
        let host = &hop.proxy.host;
        host.is_localhost() || host.as_ip().is_some_and(|ip| ip.is_loopback())
    };
    match &probe.settings.hops[..] {
        // However it was named, that is where it is.
        [_] => true,
        hops => hops.iter().all(here),
    }
}

/// Nothing answered in HTTP.
fn is_mute(ways: &[report::WaySeen]) -> bool {
    let told = |w: &report::WaySeen| w.status.is_some() || w.verdict == Verdict::Spoken;
    !ways.iter().any(told)
}

async fn speaks_tls(probe: &Probe) -> bool {
    let (Ok(config), Some(hop)) = (certificate::anybody(), probe.hop()) else {
        return false;
    };
    let Ok(reached) = probe.reach().await else {
        return false;
    };
    let patience = probe.settings.patience();
    let shaken =
        certificate::handshake(reached.wire, &hop.proxy.host, &config, &[], patience).await;
    shaken.is_ok()
}

fn auth(probe: &Probe) -> Auth {
    let seen = probe.seen();
    let sent = probe.has_credentials();
    Auth {
        required: seen.auth_required,
        challenges: seen.challenges.clone(),
        sent,
        accepted: match (sent, seen.turned_down, seen.accepted()) {
            (false, ..) => None,
            (true, true, false) => Some(false),
            (true, _, true) => Some(true),
            _ => None,
        },
    }
}

/// 0 where a way works; else that of the error that tells most.
fn exit_code(report: &Report, errors: &[Error]) -> i32 {
    let works =
        |v: Verdict| v == Verdict::Open || (v == Verdict::Spoken && report.target.is_none());
    if report.ways.iter().any(|w| works(w.verdict)) {
        return 0;
    }
    let rank = |e: &&Error| match e.kind() {
        Kind::ProxyAuth => 0,
        Kind::RateLimited => 1,
        Kind::Refused => 2,
        Kind::TargetNotResolved => 3,
        Kind::TargetUnreachable => 4,
        Kind::CertificateNotTrusted => 5,
        Kind::NotHttp => 6,
        Kind::Unsupported => 7,
        Kind::Timeout => 8,
        Kind::TlsHandshake => 9,
        _ => 10,
    };
    let telling = errors.iter().min_by_key(rank);
    telling.map_or(1, |e| e.kind().exit_code())
}

/// HTTP/2 as a people's word for a version.
fn version(carrier: Carrier) -> &'static str {
    match carrier.version() {
        Version::Http1 => "HTTP/1.1",
        Version::Http2 => "HTTP/2",
        Version::Http3 => "HTTP/3",
        Version::Socks => "SOCKS",
    }
}

/// For errors that findings speak of.
fn line(error: &Error) -> String {
    format!("{}: {}", error.stage().name(), said(error))
}
