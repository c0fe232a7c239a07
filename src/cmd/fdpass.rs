//! `tuncat connect --fdpass`: the tunnel's socket goes to whoever started us, and we leave.

use crate::base::{Blame, Error, Kind, Result, Stage};
use crate::plan::RoutePlan;
use crate::wire::{BoxWire, Wire, handover};
use rustix::stdio::stdout;

/// What can be known before anything is sent.
pub fn check(plan: &RoutePlan) -> Result<()> {
    if let Some(why) = plan.is_wrapped() {
        let cause = format!("--fdpass: the tunnel is more than a socket's bytes: {why}");
        return Err(Error::usage(cause).hint("leave out --fdpass and ProxyUseFdpass=yes"));
    }
    if !handover::can_take(stdout()) {
        let cause = "--fdpass: stdout is no unix socket, so no descriptor can be passed over it";
        let hint = "it is for a ProxyCommand of ssh with ProxyUseFdpass=yes";
        return Err(Error::usage(cause).hint(hint));
    }
    Ok(())
}

/// Whoever is at the other end of stdout gets the socket.
pub fn hand_over(mut wire: BoxWire) -> Result<()> {
    let Some(tcp) = wire.tcp().filter(|_| wire.is_raw()) else {
        return Err(Error::usage("--fdpass: the tunnel is no TCP connection"));
    };
    handover::send(stdout(), tcp).map_err(|error| {
        let cause = format!("the socket could not be passed: {error}");
        Error::new(Kind::LocalWrite, Stage::Stdout, Blame::Local, cause)
    })?;
    wire.let_go();
    tracing::info!("the connection was handed over");
    Ok(())
}
