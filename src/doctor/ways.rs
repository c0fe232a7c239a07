//! Every carrier, tried once: does it open, and if not, who says no.

use crate::base::{Error, Host, Kind, Scheme, Stage, Target};
use crate::carrier::{Carrier, Version};
use crate::doctor::oracle::Oracle;
use crate::doctor::probe::{Closed, Probe, hang_up, said};
use crate::doctor::report::{Verdict, WaySeen};
use tokio::join;

/// A name that never resolves (RFC 6761 §6.4), so nobody is contacted, and that no built-in target has.
const NOWHERE: &str = "tuncat-doctor.invalid";

/// What was seen, and the errors behind the verdicts, the telling ones first.
pub struct Ways {
    pub seen: Vec<WaySeen>,
    pub errors: Vec<Error>,
}

/// `port` of a host that does not exist.
pub fn nowhere(port: u16) -> Target {
    let host = Host::Name(NOWHERE.into());
    Target::Tcp { host, port }
}

/// All carriers: the first alone, since it may show that the rest is in vain; then the others side by
/// side, unless credentials have to prove themselves one at a time. HTTP/3 where an https proxy is reached from here.
pub async fn all(probe: &Probe, oracle: Option<&Oracle>) -> Ways {
    let [a, b, c, d] = Carrier::ALL;
    let first = one(probe, oracle, a, None).await;
    let told = first.1.as_ref();
    let reached = told.is_none_or(|e| !is_unreachable(e));
    if !reached {
        probe.seen().stopped = Some("the proxy cannot be reached".into());
    }
    let quic = async {
        match probe.has_quic() {
            true => Some(one(probe, oracle, Carrier::H3, None).await),
            false => None,
        }
    };
    let (second, third, quic) = match probe.has_credentials() {
        true => (
            one(probe, oracle, b, None).await,
            one(probe, oracle, c, None).await,
            quic.await,
        ),
        false => join!(
            one(probe, oracle, b, None),
            one(probe, oracle, c, None),
            quic
        ),
    };
    let without = no_version(&(&second.0, second.1.as_ref()));
    let fourth = one(probe, oracle, d, without).await;
    let mut ways = Ways {
        seen: Vec::new(),
        errors: Vec::new(),
    };
    let mut versions = Vec::new();
    let over_tcp = [first, second, third, fourth];
    for (seen, error) in over_tcp.into_iter().chain(quic) {
        let of_version = no_version(&(&seen, error.as_ref())).is_some();
        ways.seen.push(seen);
        match of_version {
            true => versions.extend(error),
            false => ways.errors.extend(error),
        }
    }
    // That a version is not spoken is the answer only where there is no other.
    if ways.errors.is_empty() {
        ways.errors = versions;
    }
    ways
}

/// No connection, or no TLS that could be trusted: whatever is asked over it fails alike.
fn is_unreachable(error: &Error) -> bool {
    matches!(error.stage(), Stage::Resolve | Stage::Connect)
        || error.kind() == Kind::CertificateNotTrusted
}

type Tried = (WaySeen, Option<Error>);

/// HTTP/2 cannot be had at all: no other method over it can. Nor HTTP/3, of which there is one.
fn no_version((seen, error): &(&WaySeen, Option<&Error>)) -> Option<String> {
    let error = (*error)?;
    let lacking = seen.verdict == Verdict::Unsupported
        && seen.carrier.version() != Version::Http1
        && error.answered().is_none()
        && error.is_held().is_none();
    lacking.then(|| said(error))
}

async fn one(
    probe: &Probe,
    oracle: Option<&Oracle>,
    carrier: Carrier,
    without: Option<String>,
) -> Tried {
    let settings = &probe.settings;
    let target = match (settings.target.as_ref().or(settings.echo.as_ref()), oracle) {
        (Some(target), _) => target.clone(),
        (None, Some(oracle)) => oracle.target().clone(),
        (None, None) => nowhere(443),
    };
    if let Some(why) = without {
        let seen = way(carrier, &target, Verdict::Unsupported, Some(why));
        return (seen, None);
    }
    let tried = ask(probe, carrier, &target).await;
    if settings.target.is_some() || oracle.is_none() || tried.0.verdict != Verdict::Refused {
        return tried;
    }
    // Many allow port 443 only, or no addresses such as ours.
    let again = ask(probe, carrier, &nowhere(443)).await;
    match again.0.verdict {
        Verdict::NotTried | Verdict::Failed => tried,
        Verdict::Spoken => {
            probe.seen().own_refused |= !carrier.is_post();
            again
        }
        _ => again,
    }
}

async fn ask(probe: &Probe, carrier: Carrier, target: &Target) -> Tried {
    match probe.open(carrier, target).await {
        Ok(tunnel) => {
            let mut seen = way(carrier, target, Verdict::Open, None);
            seen.status = Some(200);
            seen.setup = Some(tunnel.setup);
            hang_up(tunnel.wire).await;
            (seen, None)
        }
        Err(Closed::NotTried(why)) => (way(carrier, target, Verdict::NotTried, Some(why)), None),
        Err(Closed::Failed(error)) => {
            let verdict = judge(probe, carrier, &error);
            let mut seen = way(carrier, target, verdict, Some(said(&error)));
            seen.held = error.is_held();
            seen.status = error.answered().map(|a| a.status);
            seen.token = error.answered().and_then(|a| a.token.clone());
            (seen, Some(error))
        }
    }
}

fn way(carrier: Carrier, target: &Target, verdict: Verdict, why: Option<String>) -> WaySeen {
    WaySeen {
        carrier,
        target: target.to_string(),
        verdict,
        status: None,
        token: None,
        setup: None,
        held: None,
        why,
    }
}

fn judge(probe: &Probe, carrier: Carrier, error: &Error) -> Verdict {
    let http2 = carrier.version() == Version::Http2;
    let answer = error.answered();
    match error.kind() {
        Kind::ProxyAuth => Verdict::AuthRequired,
        // tinyproxy and squid say 500 where others say 502, of our own places.
        Kind::Refused
            if probe.settings.target.is_none()
                && !carrier.is_post()
                && answer.is_some_and(|a| a.status >= 500) =>
        {
            Verdict::Spoken
        }
        Kind::Refused if error.answered().is_some() => Verdict::Refused,
        Kind::RateLimited => Verdict::Refused,
        Kind::Unsupported => Verdict::Unsupported,
        // Our own places: the proxy was willing, which is all there is to see.
        Kind::TargetNotResolved | Kind::TargetUnreachable => match probe.settings.target {
            // To a POST any web server may say 502; only the end of a tunnel gives a reason of RFC 9209.
            None if carrier.is_post() && answer.is_none_or(|a| a.token.is_none()) => {
                Verdict::Failed
            }
            None => Verdict::Spoken,
            Some(_) => Verdict::TargetUnreachable,
        },
        // HTTP/2 was offered and not taken: by ALPN, or by an answer in another version, or by hanging up.
        Kind::TlsHandshake if http2 => Verdict::Unsupported,
        // Over TCP the proxy was reached, so that nothing but QUIC is missing.
        _ if carrier.is_quic() && matches!(error.stage(), Stage::Connect | Stage::Tls) => {
            Verdict::Unsupported
        }
        Kind::NotHttp | Kind::CannotConnect | Kind::Reset
            if http2 && probe.scheme() == Scheme::Http && error.stage() == Stage::Request =>
        {
            Verdict::Unsupported
        }
        _ => Verdict::Failed,
    }
}
