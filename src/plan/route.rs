//! The route to a target: from flags, else from the environment.

use crate::base::{Credentials, Error, Host, Proxy, Result, Secret, Target};
use crate::cli::ProxyOptions;
use crate::cli::WayTyped;
use crate::dial::{Family, Network};
use crate::http::Field;
use crate::plan::Environment;
use crate::plan::env::Decision;
use crate::tls::ClientTls;
use std::path::PathBuf;
use std::time::Duration;

/// Which proxies, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Direct,
    Proxies(Vec<Proxy>),
    /// The terminator inside this process.
    Embedded,
}

/// Where the password of the first proxy comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// No user was named.
    None,
    Known(Credentials),
    File {
        user: String,
        path: PathBuf,
    },
    Prompt {
        user: String,
    },
}

/// All that `dial` needs but for what has to be read or asked for.
#[derive(Clone, Debug)]
pub struct RoutePlan {
    pub route: Route,
    /// In words, for `-v`: which rule won.
    pub why: String,
    pub password: Password,
    /// Passwords that stand on the command line.
    pub in_argv: Vec<Secret>,
    /// One of them in a proxy's URL.
    pub in_url: bool,
    pub fields: Vec<Field>,
    pub tls: ClientTls,
    pub network: Network,
    pub connect_timeout: Duration,
}

impl RoutePlan {
    /// For tunnels to `target`.
    pub fn new(options: &ProxyOptions, environment: &Environment, target: &Target) -> Result<Self> {
        let (route, why) = route(options, environment, target)?;
        let first = match &route {
            Route::Proxies(proxies) => proxies.first(),
            _ => None,
        };
        let typed = options.proxy_user.as_deref().map(Credentials::parse);
        let mut in_argv: Vec<Secret> = typed.iter().filter_map(|c| c.password.clone()).collect();
        let mut in_url = false;
        for way in &options.proxy {
            if let WayTyped::Proxy(Proxy {
                credentials: Some(c),
                ..
            }) = way
                && let Some(password) = &c.password
            {
                in_argv.push(password.clone());
                in_url = true;
            }
        }
        let in_proxy = first.and_then(|p| p.credentials.clone());
        let credentials = first.and(typed.or(in_proxy));
        Ok(RoutePlan {
            password: password(credentials, options.proxy_pass_file.clone(), environment)?,
            route,
            why,
            in_argv,
            in_url,
            fields: options.header.clone(),
            tls: ClientTls {
                pins: options.pin.clone(),
                insecure: options.insecure,
                roots: options.cacert.clone(),
            },
            network: Network {
                family: match (options.ipv4, options.ipv6) {
                    (true, _) => Family::V4,
                    (_, true) => Family::V6,
                    _ => Family::Any,
                },
                pinned: options.resolve.clone(),
            },
            connect_timeout: options.connect_timeout,
        })
    }
}

fn route(
    options: &ProxyOptions,
    environment: &Environment,
    target: &Target,
) -> Result<(Route, String)> {
    if options.no_proxy {
        return Ok((Route::Direct, "--no-proxy".into()));
    }
    let mut proxies = Vec::new();
    for way in &options.proxy {
        match way {
            WayTyped::Embedded if options.proxy.len() == 1 => {
                return Ok((Route::Embedded, "-x embedded:".into()));
            }
            WayTyped::Embedded => {
                return Err(Error::usage("embedded: cannot be part of a chain"));
            }
            WayTyped::Proxy(proxy) => proxies.push(proxy.clone()),
        }
    }
    if !proxies.is_empty() {
        return Ok((Route::Proxies(proxies), "-x".into()));
    }
    // What is inside a proxy or on this machine has no host that a variable could speak of.
    let inside = Host::Name("tuncat.invalid".into());
    let host = match target {
        Target::Tcp { host, .. } => host,
        Target::Builtin(_) => &inside,
        Target::Unix(_) => return Ok((Route::Direct, "a unix socket".into())),
    };
    match environment.proxy_for(host).map_err(Error::usage)? {
        Decision::Nothing => Ok((
            Route::Direct,
            "no -x and no proxy in the environment".into(),
        )),
        Decision::Exempt { variable } => Ok((Route::Direct, variable.into())),
        Decision::Proxy { proxy, variable } => Ok((Route::Proxies(vec![proxy]), variable.into())),
    }
}

/// Flag before environment; a file before the variable, since it is named on purpose.
fn password(
    credentials: Option<Credentials>,
    file: Option<PathBuf>,
    environment: &Environment,
) -> Result<Password> {
    let variable = environment.get("TUNCAT_PROXY_PASSWORD");
    match (credentials, file, variable) {
        (None, None, _) => Ok(Password::None),
        (None, Some(_), _) => Err(Error::usage("--proxy-pass-file needs a user: give -U USER")),
        (Some(known), ..) if known.password.is_some() => Ok(Password::Known(known)),
        (Some(Credentials { user, .. }), Some(path), _) => Ok(Password::File { user, path }),
        (Some(Credentials { user, .. }), None, Some(password)) => {
            Ok(Password::Known(Credentials {
                user,
                password: Some(Secret::new(password)),
            }))
        }
        (Some(Credentials { user, .. }), None, None) => Ok(Password::Prompt { user }),
    }
}
