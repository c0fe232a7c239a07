//! From a planned route to a dialer: secrets are read or asked for, roots loaded, the embedded
//! proxy started.

use crate::auth::basic;
use crate::base::{Blame, Credentials, Error, Kind, Proxy, Result, Scheme, Secret, Stage};
use crate::cmd::{argv, embedded};
use crate::dial::{Dialer, Hop};
use crate::plan::{Password, Route, RoutePlan};
use crate::ui::{prompt, report};
use rustls::ClientConfig;
use std::path::Path;
use std::sync::Arc;

/// The dialer, and the route in words.
pub async fn dialer(plan: &RoutePlan) -> Result<(Dialer, Vec<String>)> {
    let (hops, words) = match &plan.route {
        Route::Direct => (Vec::new(), vec!["direct".into()]),
        Route::Embedded => (vec![embedded::start().await?], vec!["embedded:".into()]),
        Route::Proxies(proxies) => {
            let words = proxies.iter().map(Proxy::to_string).collect();
            (hops(plan, proxies).await?, words)
        }
    };
    tracing::info!("route: {}, by {}", words.join(", "), plan.why);
    let dialer = Dialer {
        hops,
        network: plan.network.clone(),
        connect_timeout: plan.connect_timeout,
    };
    Ok((dialer, words))
}

/// Before anything else: passwords off the command line.
pub fn protect(plan: &RoutePlan) {
    if plan.in_url {
        report::line(
            "tuncat: warning: a password in a proxy's URL can be seen by others; use -U with \
             --proxy-pass-file or TUNCAT_PROXY_PASSWORD",
        );
    }
    argv::hide(&plan.in_argv);
}

async fn hops(plan: &RoutePlan, proxies: &[Proxy]) -> Result<Vec<Hop>> {
    let mut tls: Option<Arc<ClientConfig>> = None;
    let mut hops = Vec::new();
    for (n, proxy) in proxies.iter().enumerate() {
        if proxy.scheme == Scheme::Https && tls.is_none() {
            tls = Some(plan.tls.config().map_err(Error::usage)?);
        }
        let credentials = match n {
            0 => credentials(&plan.password, proxy).await?,
            _ => proxy.credentials.clone(),
        };
        let authorization = credentials.as_ref().map(basic::authorization).transpose();
        hops.push(Hop {
            proxy: proxy.clone(),
            tls: tls.clone().filter(|_| proxy.scheme == Scheme::Https),
            authorization: authorization.map_err(Error::usage)?,
            fields: if n == 0 {
                plan.fields.clone()
            } else {
                Vec::new()
            },
        });
    }
    Ok(hops)
}

async fn credentials(password: &Password, proxy: &Proxy) -> Result<Option<Credentials>> {
    let (user, secret) = match password {
        Password::None => return Ok(None),
        Password::Known(credentials) => return Ok(Some(credentials.clone())),
        Password::File { user, path } => (user, first_line(path)?),
        Password::Prompt { user } => {
            let text = format!("Password for {user} at {proxy}: ");
            let asked = prompt::password(&text).await;
            (user, asked.map_err(|e| no_password(user, &e.to_string()))?)
        }
    };
    Ok(Some(Credentials {
        user: user.clone(),
        password: Some(secret),
    }))
}

fn first_line(path: &Path) -> Result<Secret> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::usage(format!("{}: {e}", path.display())))?;
    let text = zeroize::Zeroizing::new(text);
    Ok(Secret::new(text.lines().next().unwrap_or("")))
}

fn no_password(user: &str, why: &str) -> Error {
    let cause = format!("no password for '{user}', and no terminal to ask on ({why})");
    Error::new(Kind::Usage, Stage::Arguments, Blame::User, cause)
        .hint("give --proxy-pass-file or TUNCAT_PROXY_PASSWORD")
}
