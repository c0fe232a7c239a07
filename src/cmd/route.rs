//! From a planned route to a dialer: secrets are read or asked for, roots loaded, the embedded
//! proxy started.

use crate::accept::Server;
use crate::auth::{Login, Means, basic, netrc};
use crate::base::{Blame, Credentials, Error, Kind, Proxy, Result, Scheme, Secret, Stage};
use crate::cmd::{argv, embedded, helper};
use crate::dial::{Dialer, Hop, Inner};
use crate::plan::tls::InnerTls;
use crate::plan::{Password, Route, RoutePlan};
use crate::ui::prompt;
use rustls::ClientConfig;
use rustls::client::Resumption;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A route as it was taken.
pub struct Taken {
    pub words: Vec<String>,
    /// There for the embedded proxy, as long as it is needed.
    pub embedded: Option<Server>,
}

/// What comes before anything else, and before signals are caught: secrets off the command line,
/// and password files read (one may be a pipe that blocks).
pub fn prepare(plan: &mut RoutePlan) -> Result<()> {
    argv::hide(&plan.in_argv);
    if plan.passwords.iter().any(|p| *p != Password::None) {
        no_core();
    }
    if let Some(fallback) = &mut plan.fallback {
        prepare(fallback)?;
    }
    for password in &mut plan.passwords {
        if let Password::File { user, path } = password {
            *password = Password::Known(Credentials {
                user: std::mem::take(user),
                password: Some(first_line(path)?),
            });
        }
    }
    Ok(())
}

/// A process that dies leaves no memory behind in which a password could be found.
fn no_core() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Lowering a limit is always allowed.
    let _ = setrlimit(Resource::Core, none);
}

/// The dialer for a route that was prepared.
pub async fn dialer(plan: &RoutePlan) -> Result<(Dialer, Taken)> {
    let mut way = Taken {
        words: vec!["direct".into()],
        embedded: None,
    };
    let hops = match &plan.route {
        Route::Direct => Vec::new(),
        Route::Embedded => {
            let (hop, server) = embedded::start(plan).await?;
            way.words = vec!["embedded:".into()];
            way.embedded = Some(server);
            vec![hop]
        }
        Route::Proxies(proxies) => {
            way.words = proxies.iter().map(Proxy::to_string).collect();
            hops(plan, proxies).await?
        }
    };
    tracing::info!("route: {}, by {}", way.words.join(", "), plan.why);
    let mut dialer = Dialer::new(
        hops,
        plan.network.clone(),
        plan.connect_timeout,
        plan.connections,
    );
    dialer.congestion = plan.congestion;
    if let Some(file) = &plan.memory {
        dialer.remember_in(file);
    }
    if let Some(fallback) = &plan.fallback {
        // Boxed: each may have another behind it.
        let (fallback, _) = Box::pin(self::dialer(fallback)).await?;
        dialer.fallback = Some(Box::new(fallback));
    }
    Ok((dialer, way))
}

/// The proxies of a route that was prepared, with all that is needed to use them.
pub async fn hops(plan: &RoutePlan, proxies: &[Proxy]) -> Result<Vec<Hop>> {
    let mut hops = Vec::new();
    // The roots are read once, and only where there is TLS.
    let mut tls = None;
    for (n, (proxy, password)) in proxies.iter().zip(&plan.passwords).enumerate() {
        if matches!(proxy.scheme, Scheme::Https | Scheme::H3) && tls.is_none() {
            tls = Some(plan.tls.config().map_err(Error::usage)?);
        }
        let means = means(password, proxy, plan.connect_timeout).await?;
        if let Means::Password(known) = &means {
            basic::check(known).map_err(Error::usage)?;
        }
        hops.push(Hop {
            proxy: proxy.clone(),
            tls: match (&tls, proxy.scheme) {
                (Some(tls), Scheme::Https | Scheme::H3) => Some(own_tickets(tls)),
                _ => None,
            },
            sni: plan.sni.clone(),
            via: plan.via[n].clone(),
            path: plan.path.clone(),
            login: Login::new(means, plan.schemes.clone(), proxy.host.clone()),
            fields: if n == 0 {
                plan.fields.clone()
            } else {
                Vec::new()
            },
        });
    }
    Ok(hops)
}

/// TLS with targets, where it is wanted.
pub fn inner(plan: Option<InnerTls>) -> Result<Option<Inner>> {
    let Some(InnerTls { tls, name, alpn }) = plan else {
        return Ok(None);
    };
    let mut config = ClientConfig::clone(&*tls.config().map_err(Error::usage)?);
    config.alpn_protocols = alpn;
    Ok(Some(Inner {
        config: own_tickets(&config),
        name,
    }))
}

/// The same settings with a ticket store of its own: what one server gave is nothing to another, even
/// where they share a name.
fn own_tickets(tls: &ClientConfig) -> Arc<ClientConfig> {
    let mut tls = tls.clone();
    tls.resumption = Resumption::default();
    Arc::new(tls)
}

/// What there is to show to `proxy`.
async fn means(password: &Password, proxy: &Proxy, limit: Duration) -> Result<Means> {
    match password {
        Password::None => Ok(Means::Nothing),
        Password::Known(credentials) => Ok(Means::Password(credentials.clone())),
        Password::File { .. } => Err(Error::internal("a password file was not read")),
        Password::Prompt { user } => typed(user, proxy).await,
        Password::Elsewhere {
            user,
            netrc,
            command,
        } => {
            let user = user.as_deref();
            if let Some(known) = in_netrc(netrc.as_deref(), proxy, user)? {
                return Ok(Means::Password(known));
            }
            match (command, user) {
                (Some(command), user) => helper::ask(command, proxy, user, limit).await,
                (None, Some(user)) => typed(user, proxy).await,
                (None, None) => Ok(Means::Nothing),
            }
        }
    }
}

/// On the terminal, or in a window where ssh would ask in one.
async fn typed(user: &str, proxy: &Proxy) -> Result<Means> {
    let text = format!("Password for {user} at {proxy}: ");
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let program = variable("SSH_ASKPASS");
    let required = variable("SSH_ASKPASS_REQUIRE").unwrap_or_default();
    let windows = variable("DISPLAY")
        .or_else(|| variable("WAYLAND_DISPLAY"))
        .is_some();
    let asked = match (program, required.as_str()) {
        (Some(program), "prefer" | "force") => helper::askpass(&program, &text).await,
        (program, required) => match (prompt::password(&text).await, program) {
            (Err(_), Some(program)) if windows && required != "never" => {
                helper::askpass(&program, &text).await
            }
            (asked, _) => asked.map_err(|e| e.to_string()),
        },
    };
    Ok(Means::Password(Credentials {
        user: user.into(),
        password: Some(asked.map_err(|e| no_password(user, &e))?),
    }))
}

fn in_netrc(file: Option<&Path>, proxy: &Proxy, user: Option<&str>) -> Result<Option<Credentials>> {
    let Some(file) = file else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|e| Error::usage(format!("{}: {e}", file.display())))?;
    let text = zeroize::Zeroizing::new(text);
    Ok(netrc::find(&text, &proxy.host.to_string(), user))
}

fn first_line(path: &Path) -> Result<Secret> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::usage(format!("{}: {e}", path.display())))?;
    let text = zeroize::Zeroizing::new(text);
    Ok(Secret::new(text.lines().next().unwrap_or("")))
}

fn no_password(user: &str, why: &str) -> Error {
    let cause = format!("no password for '{user}', and none from the terminal ({why})");
    Error::new(Kind::Usage, Stage::Arguments, Blame::User, cause)
        .hint("give --proxy-pass-file or TUNCAT_PROXY_PASSWORD")
}
