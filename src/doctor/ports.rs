//! Which ports CONNECT is allowed to, found out without contacting anybody: a proxy with rules on ports
//! says no before it looks a name up, and the name is one that does not exist.

use crate::base::{Kind, Target};
use crate::carrier::Carrier;
use crate::doctor::probe::{Closed, Probe, hang_up, said};
use crate::doctor::report::{PortSeen, PortVerdict, Verdict, WaySeen};
use crate::doctor::ways::nowhere;
use tokio::join;

/// TLS, HTTP, SSH, and where administrators put TLS beside it.
const PORTS: [u16; 4] = [443, 80, 22, 8443];

/// With the carrier that got furthest. Empty where the proxy does not take CONNECT at all.
pub async fn all(probe: &Probe, ways: &[WaySeen]) -> Vec<PortSeen> {
    let Some(carrier) = best_connect(ways) else {
        return Vec::new();
    };
    let own = match &probe.settings.target {
        Some(Target::Tcp { port, .. }) => Some(*port),
        _ => None,
    };
    let mut ports: Vec<u16> = own.into_iter().chain(PORTS).collect();
    ports.sort_unstable();
    ports.dedup();
    let look = async |port: u16| {
        let known = own == Some(port);
        let tried = ways.iter().find(|w| known && w.carrier == carrier);
        match tried.and_then(|way| of_way(way, port)) {
            Some(known) => known,
            None => one(probe, carrier, port).await,
        }
    };
    let mut seen = Vec::new();
    // Looking a name up in vain can take seconds; more than two at once would look like a scan.
    for pair in ports.chunks(2) {
        match *pair {
            [a, b] => seen.extend(<[PortSeen; 2]>::from(join!(look(a), look(b)))),
            [a] => seen.push(look(a).await),
            _ => {}
        }
    }
    let refused = |way: &WaySeen| way.carrier == carrier && way.verdict == Verdict::Refused;
    match own {
        Some(own) if ways.iter().any(refused) => {
            if verdict_on(&seen, own) == Some(PortVerdict::NotRefused) {
                doubt(&mut seen, "the target");
            }
        }
        None if probe.seen().own_refused && !any_refused(&seen) => {
            doubt(&mut seen, "tuncat's own target");
        }
        _ => qualify(&mut seen),
    }
    seen
}

fn best_connect(ways: &[WaySeen]) -> Option<Carrier> {
    let of = |verdicts: &[Verdict]| {
        let mut fit = ways
            .iter()
            .filter(|w| !w.carrier.is_post() && verdicts.contains(&w.verdict));
        fit.next().map(|w| w.carrier)
    };
    of(&[Verdict::Open, Verdict::Spoken])
        .or_else(|| of(&[Verdict::TargetUnreachable, Verdict::Refused]))
}

/// What trying the target itself told about its port. A refusal may be the host's fault.
fn of_way(way: &WaySeen, port: u16) -> Option<PortSeen> {
    let verdict = match way.verdict {
        Verdict::Open => PortVerdict::Open,
        Verdict::TargetUnreachable => PortVerdict::NotRefused,
        _ => return None,
    };
    Some(PortSeen {
        port,
        verdict,
        status: way.status,
        why: way.why.clone(),
    })
}

async fn one(probe: &Probe, carrier: Carrier, port: u16) -> PortSeen {
    let seen = |verdict, status, why: String| PortSeen {
        port,
        verdict,
        status,
        why: Some(why),
    };
    let error = match probe.open(carrier, &nowhere(port)).await {
        Ok(tunnel) => {
            hang_up(tunnel.wire).await;
            let why = "the proxy says 200 before it looks the name up";
            return seen(PortVerdict::NotRefused, Some(200), why.into());
        }
        Err(Closed::NotTried(why)) => return seen(PortVerdict::Unknown, None, why),
        Err(Closed::Failed(error)) => error,
    };
    let verdict = match error.kind() {
        Kind::TargetNotResolved | Kind::TargetUnreachable => PortVerdict::NotRefused,
        Kind::Refused => match error.answered().map(|a| a.status) {
            Some(300..500) => PortVerdict::Refused,
            // Some cannot tell a name that does not exist from a trouble of their own.
            Some(500..) => PortVerdict::NotRefused,
            _ => PortVerdict::Unknown,
        },
        _ => PortVerdict::Unknown,
    };
    let status = error.answered().map(|a| a.status);
    seen(verdict, status, said(&error))
}

fn verdict_on(ports: &[PortSeen], port: u16) -> Option<PortVerdict> {
    let seen = ports.iter().find(|p| p.port == port);
    seen.map(|p| p.verdict)
}

fn any_refused(ports: &[PortSeen]) -> bool {
    ports.iter().any(|p| p.verdict == PortVerdict::Refused)
}

/// The target was refused. Where the name that does not exist was not, at the same port, names are looked up before
/// ports are looked at (Apache), or the host is the reason; what no rule refused may be refused later.
fn doubt(ports: &mut [PortSeen], target: &str) {
    for port in ports {
        if port.verdict == PortVerdict::NotRefused {
            port.verdict = PortVerdict::Unknown;
            let told = port.why.take().unwrap_or_default();
            port.why = Some(format!(
                "{told}; names are looked up before the rule that refuses {target}, so this tells nothing"
            ));
        }
    }
}

/// Ports that are all answered alike may have rules of which nothing was seen.
fn qualify(ports: &mut [PortSeen]) {
    if any_refused(ports) {
        return;
    }
    let unsure = ports
        .iter_mut()
        .filter(|p| p.verdict == PortVerdict::NotRefused);
    for port in unsure {
        let told = port.why.take().unwrap_or_default();
        port.why = Some(format!(
            "{told}; no port is refused: there is no rule on ports, or names are looked up first"
        ));
    }
}
