//! Whether somebody reads TLS inside tunnels: a handshake with our own key at the other end, which nobody
//! else can hold, and one with the target, whose certificate tells who signed it.

use crate::base::{Host, Target};
use crate::carrier::Carrier;
use crate::doctor::certificate::{Shaken, anybody, handshake, server_name};
use crate::doctor::oracle::Oracle;
use crate::doctor::probe::{Closed, Probe, said};
use crate::doctor::report::{Interception, Verdict, WaySeen};
use crate::tls::certificate::is_inspector;
use crate::tls::{Pin, Roots};

/// By the best way that opened something, or could.
pub async fn look(probe: &Probe, ways: &[WaySeen], oracle: Option<&Oracle>) -> Interception {
    let Some(carrier) = carrier(ways) else {
        return unknown("no tunnel can be opened".into());
    };
    let ours = match oracle {
        Some(oracle) => with_our_key(probe, carrier, oracle).await,
        None => unknown("no target of our own could be set up".into()),
    };
    if ours.verdict == "intercepted" {
        return ours;
    }
    let theirs = match &probe.settings.target {
        Some(Target::Tcp { host, port }) if *port == 443 || probe.settings.tls => {
            with_target(probe, carrier, host, *port).await
        }
        _ => return ours,
    };
    match (ours.verdict, theirs.verdict) {
        (_, "likely") | (_, "none") | ("unknown", _) => theirs,
        _ if theirs.issuer.is_none() => ours,
        _ => Interception {
            verdict: "unknown",
            ..theirs
        },
    }
}

fn carrier(ways: &[WaySeen]) -> Option<Carrier> {
    let rank = |w: &&WaySeen| match w.verdict {
        Verdict::Open => Some((0, w.carrier.is_post())),
        Verdict::Spoken | Verdict::TargetUnreachable | Verdict::Refused => {
            Some((1, w.carrier.is_post()))
        }
        _ => None,
    };
    let fit = ways.iter().filter(|w| rank(w).is_some());
    fit.min_by_key(rank).map(|w| w.carrier)
}

fn unknown(why: String) -> Interception {
    Interception {
        verdict: "unknown",
        issuer: None,
        pin: None,
        why,
    }
}

async fn with_our_key(probe: &Probe, carrier: Carrier, oracle: &Oracle) -> Interception {
    let Target::Tcp { host, .. } = oracle.tls_target() else {
        return unknown("no target of our own could be set up".into());
    };
    let mut shaken = shake(probe, carrier, oracle.tls_target(), host).await;
    // A proxy may fail once where a connection behind it has just been closed (nghttpx does).
    if shaken.is_err() && oracle.accepted_tls() == 0 {
        shaken = shake(probe, carrier, oracle.tls_target(), host).await;
    }
    let shaken = match shaken {
        Ok(shaken) => shaken,
        Err(why) => return unknown(format!("our own target could not be used: {why}")),
    };
    let pin = shaken.chain.first().and_then(|c| Pin::of(c).ok());
    if pin == Some(oracle.pin) {
        return Interception {
            verdict: "none",
            issuer: None,
            pin: None,
            why: "TLS with a key of our own came through untouched (on a port of our own: what is done to other \
                  names or ports does not show)"
                .into(),
        };
    }
    let (subject, issuer) = shaken.names();
    // Some proxies lead every tunnel to one place (Envoy with one cluster), where somebody else's certificate is right.
    if oracle.accepted_tls() == 0 && !is_inspector(&issuer) {
        return unknown(format!(
            "our own target was not connected to, and a certificate for {subject} came, signed by {issuer}: the proxy \
             leads tunnels elsewhere than it is asked to"
        ));
    }
    Interception {
        verdict: "intercepted",
        why: format!(
            "instead of our own key, a certificate for {subject} came, signed by {issuer}"
        ),
        issuer: Some(issuer),
        pin: None,
    }
}

async fn with_target(probe: &Probe, carrier: Carrier, host: &Host, port: u16) -> Interception {
    let target = Target::Tcp {
        host: host.clone(),
        port,
    };
    let shaken = match shake(probe, carrier, &target, host).await {
        Ok(shaken) => shaken,
        Err(why) => return unknown(format!("no TLS with {target}: {why}")),
    };
    judge(&shaken, host)
}

/// By who signed it.
pub fn judge(shaken: &Shaken, host: &Host) -> Interception {
    let (subject, issuer) = shaken.names();
    let named = format!("the certificate for {subject} is signed by {issuer}");
    let (verdict, why) = match server_name(host) {
        _ if is_inspector(&issuer) => (
            "likely",
            format!("{named}, as products that inspect TLS do"),
        ),
        Ok(name) if Roots::Public.vouch_for(&shaken.chain, &name) => {
            ("none", format!("{named}, a public authority"))
        }
        Ok(name) if Roots::System.vouch_for(&shaken.chain, &name) => (
            "likely",
            format!("{named}, an authority that this machine trusts and the public does not"),
        ),
        _ => (
            "unknown",
            format!(
                "{named}, whom neither this machine nor the public trusts: a private authority, or an inspection"
            ),
        ),
    };
    Interception {
        verdict,
        issuer: Some(issuer),
        pin: shaken.chain.first().and_then(|c| Pin::of(c).ok()),
        why,
    }
}

async fn shake(
    probe: &Probe,
    carrier: Carrier,
    target: &Target,
    host: &Host,
) -> Result<Shaken, String> {
    let tunnel = probe.open(carrier, target).await;
    let tunnel = tunnel.map_err(|closed: Closed| closed.why())?;
    let config = anybody().map_err(|e| said(&e))?;
    let patience = probe.settings.patience();
    let shaken = handshake(tunnel.wire, host, &config, &[], patience).await;
    shaken.map_err(|e| said(&e))
}
