//! `serve --upstream`: its options, and the way that they lead.

use crate::base::{Error, Result, Target};
use crate::cli::{Serve, UpstreamOptions};
use crate::cmd::route;
use crate::dial::Dialer;
use crate::plan::{Environment, Route, RoutePlan};
use crate::ui::report;
use clap::Parser;
use std::sync::Arc;

/// Nothing where targets are reached directly.
pub fn plan(args: &Serve) -> Result<Option<RoutePlan>> {
    if args.upstream.is_empty() {
        return Ok(None);
    }
    let options = UpstreamOptions::try_parse_from(&args.upstream).map_err(|e| {
        let text = e.to_string();
        let line = text.lines().next().unwrap_or_default();
        let line = line.trim_start_matches("error: ");
        Error::usage(format!("--upstream: {line}"))
            .hint("it takes the options of 'tuncat connect', and all that follow are its own")
    })?;
    let proxy = options.proxy;
    let elsewhere = [
        ("--pac", proxy.pac.is_some()),
        ("--no-proxy", proxy.no_proxy),
        ("--profile", proxy.profile.is_some()),
    ];
    if let Some((name, _)) = elsewhere.iter().find(|(_, given)| *given) {
        return Err(Error::usage(format!(
            "--upstream: {name} is not possible here"
        )));
    }
    // The same way whatever the target: no variable of the environment has exceptions for it.
    let somewhere = Target::parse("tuncat.invalid:1").map_err(Error::internal)?;
    let plan = RoutePlan::new(&proxy, &Environment::of_process(), &somewhere)?;
    match plan.route {
        _ if proxy.proxy.is_empty() => {
            Err(Error::usage("--upstream: no proxy").hint("--upstream -x URL"))
        }
        Route::Proxies(_) => Ok(Some(plan)),
        Route::Direct | Route::Embedded => {
            Err(Error::usage("--upstream: -x must name other proxies"))
        }
    }
}

/// The dialer, whose sessions with the next proxy are for the caller to tend.
pub async fn dialer(plan: &RoutePlan) -> Result<Arc<Dialer>> {
    plan.warnings.iter().for_each(|w| report::warning(w));
    Ok(Arc::new(route::dialer(plan).await?.0))
}
