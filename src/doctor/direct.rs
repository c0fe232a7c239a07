//! The target without the proxy, for comparison.

use crate::base::{Host, Target};
use crate::dial::Dialer;
use crate::doctor::certificate::{Shaken, anybody, handshake, server_name};
use crate::doctor::probe::{Probe, said};
use crate::doctor::report::{Direct, Interception};
use crate::tls::{Pin, Roots};

/// Goes straight to the target. `through` is what was seen of its certificate through the proxy; it is an
/// interception for certain where the real certificate is a public one and the other is not.
pub async fn look(probe: &Probe, target: &Target, through: &mut Interception) -> Direct {
    let settings = &probe.settings;
    let dialer = Dialer::new(Vec::new(), settings.network.clone(), settings.patience, 1);
    let tunnel = match dialer.open(target).await {
        Ok(tunnel) => tunnel,
        Err(error) => {
            return Direct {
                reachable: false,
                why: said(&error),
            };
        }
    };
    let took = tunnel.setup.total().as_secs_f64() * 1e3;
    let mut why = format!("{target} can be reached in {took:.1} ms");
    if let (Target::Tcp { host, .. }, Some(pin)) = (target, through.pin) {
        let shaken = async {
            let config = anybody()?;
            handshake(tunnel.wire, host, &config, &[], settings.patience()).await
        };
        why += &match shaken.await {
            Ok(shaken) => compare(&shaken, host, pin, through),
            Err(error) => format!("; TLS with it fails: {}", said(&error)),
        };
    }
    Direct {
        reachable: true,
        why,
    }
}

fn compare(shaken: &Shaken, host: &Host, pin: Pin, through: &mut Interception) -> String {
    let own = shaken.chain.first().and_then(|c| Pin::of(c).ok());
    if own == Some(pin) {
        return ", and shows the same certificate".into();
    }
    let (subject, issuer) = shaken.names();
    let public = server_name(host).is_ok_and(|name| Roots::Public.vouch_for(&shaken.chain, &name));
    if public && through.verdict != "none" {
        through.verdict = "intercepted";
        through.why += &format!("; without the proxy it is signed by {issuer}");
    }
    format!(", and shows another certificate: for {subject}, signed by {issuer}")
}
