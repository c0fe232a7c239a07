//! The route to a target: from flags, else from the environment.

use crate::auth;
use crate::base::defaults::CONNECTIONS;
use crate::base::{Credentials, Error, Host, Proxy, Result, Scheme, Secret, Target};
use crate::carrier::{Carrier, Version};
use crate::cli::{ProxyOptions, Via};
use crate::dial::{Congestion, Family, Network};
use crate::http::Field;
use crate::http::connect::is_framing;
use crate::http::post::Template;
use crate::plan::env::Decision;
use crate::plan::{Environment, Given, tls};
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

/// Where a proxy's password comes from.
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
    /// Files and commands that may know, in order; a user who is named may be asked for the rest.
    Elsewhere {
        user: Option<String>,
        netrc: Option<PathBuf>,
        command: Option<String>,
    },
}

/// All that `dial` needs but for what has to be read or asked for.
#[derive(Clone, Debug)]
pub struct RoutePlan {
    pub route: Route,
    /// In words, for `-v`: which rule won.
    pub why: String,
    /// One for each proxy.
    pub passwords: Vec<Password>,
    /// Ways to authenticate that may be used; all of them if empty.
    pub schemes: Vec<auth::Scheme>,
    /// Secrets as they stand on the command line and in the environment.
    pub in_argv: Vec<Secret>,
    /// What the user should know.
    pub warnings: Vec<String>,
    pub fields: Vec<Field>,
    /// Carriers for each hop, in order of preference.
    pub via: Vec<Vec<Carrier>>,
    /// Of POST tunnels.
    pub path: Template,
    pub tls: ClientTls,
    /// Instead of the hosts of https proxies.
    pub sni: Option<Host>,
    pub network: Network,
    pub connect_timeout: Duration,
    pub congestion: Congestion,
    /// Where it is kept which of the carriers worked, if that is to be kept.
    pub memory: Option<PathBuf>,
    /// Sessions with the last proxy, at most.
    pub connections: usize,
    /// What to do where this cannot be reached.
    pub fallback: Option<Box<RoutePlan>>,
}

impl RoutePlan {
    /// For tunnels to `target`.
    pub fn new(options: &ProxyOptions, environment: &Environment, target: &Target) -> Result<Self> {
        let (route, why) = route(options, environment, target)?;
        let passwords = match &route {
            Route::Proxies(proxies) => passwords(proxies, options, environment)?,
            _ => Vec::new(),
        };
        let urls: Vec<Secret> = options
            .proxy
            .iter()
            .filter_map(|u| secret_of_url(u))
            .collect();
        let mut warnings = Vec::new();
        if !urls.is_empty() {
            warnings.push(
                "a password in a proxy's URL can be seen by others; use -U with \
                 --proxy-pass-file or TUNCAT_PROXY_PASSWORD"
                    .into(),
            );
        }
        if let Some(file) = tls::key_log() {
            let file = file.display();
            warnings.push(format!(
                "the secrets of TLS sessions go to {file} (SSLKEYLOGFILE)"
            ));
        }
        let fallback = match environment.given() {
            Some(given) if given.why == why && given.routes.len() > 1 => {
                let others = Given {
                    why: given.why.clone(),
                    routes: given.routes[1..].to_vec(),
                };
                let environment = environment.with_given(Some(others));
                Some(Box::new(RoutePlan::new(options, &environment, target)?))
            }
            _ => None,
        };
        let via = match &route {
            Route::Proxies(proxies) => {
                let schemes = proxies.iter().map(|p| p.scheme);
                via(schemes.collect(), &options.via)?
            }
            Route::Embedded => via(vec![Scheme::Https], &options.via)?,
            Route::Direct => Vec::new(),
        };
        // What is in this process is never the same for another one.
        let choice = !options.via.is_empty() && via.last().is_some_and(|last| last.len() > 1);
        let lasting = matches!(route, Route::Proxies(_)) && choice;
        let memory = lasting.then(|| environment.cache_folder()).flatten();
        Ok(RoutePlan {
            congestion: options.congestion,
            memory: memory.map(|folder| folder.join("tuncat/ways")),
            fallback,
            why,
            passwords: passwords
                .into_iter()
                .map(|p| elsewhere(p, options))
                .collect(),
            schemes: options.proxy_auth.clone(),
            in_argv: urls
                .into_iter()
                .chain(other_secrets(options))
                .chain(environment.secrets())
                .collect(),
            warnings,
            fields: fields(options)?,
            via,
            path: options.path.clone().unwrap_or_default(),
            tls: tls::with_proxies(&options.tls),
            sni: options.tls.sni.clone(),
            network: network(options),
            connect_timeout: options.connect_timeout,
            connections: CONNECTIONS,
            route,
        })
    }
}

impl RoutePlan {
    /// A password comes from somebody who may know a better one when asked again.
    pub fn asks(&self) -> bool {
        self.passwords.iter().any(|password| match password {
            Password::Prompt { .. } => true,
            Password::Elsewhere { user, command, .. } => user.is_some() || command.is_some(),
            Password::None | Password::Known(_) | Password::File { .. } => false,
        })
    }

    /// The same proxies in the same order, and the same to fall back to.
    pub fn is_same_way(&self, other: &RoutePlan) -> bool {
        let both = match (&self.fallback, &other.fallback) {
            (None, None) => true,
            (Some(a), Some(b)) => a.is_same_way(b),
            _ => false,
        };
        self.route == other.route && both
    }

    /// Why a tunnel of this route is more than the bytes on a socket, where it is.
    pub fn is_wrapped(&self) -> Option<String> {
        let proxies = match &self.route {
            Route::Direct => return None,
            Route::Embedded => return Some("embedded: is inside this process".into()),
            Route::Proxies(proxies) => proxies,
        };
        let mut hops = proxies.iter().zip(&self.via);
        hops.find_map(|(proxy, via)| match via.first() {
            _ if matches!(proxy.scheme, Scheme::Https | Scheme::H3) => {
                Some(format!("{proxy} is spoken to over TLS"))
            }
            Some(Carrier::H1 | Carrier::Socks) => None,
            carrier => Some(format!("{proxy} is used with {}", (*carrier?))),
        })
    }
}

/// How names become addresses.
pub fn network(options: &ProxyOptions) -> Network {
    Network {
        family: match (options.ipv4, options.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        },
        pinned: options.resolve.clone(),
    }
}

fn route(
    options: &ProxyOptions,
    environment: &Environment,
    target: &Target,
) -> Result<(Route, String)> {
    let by = |option: &str| {
        options
            .from_profile
            .clone()
            .unwrap_or_else(|| option.into())
    };
    if options.no_proxy {
        return Ok((Route::Direct, by("--no-proxy")));
    }
    if options.proxy == ["embedded:"] {
        return Ok((Route::Embedded, by("-x embedded:")));
    }
    if options.proxy.iter().any(|url| url == "embedded:") {
        return Err(Error::usage("-x: embedded: cannot be part of a chain"));
    }
    if !options.proxy.is_empty() {
        let proxies = options.proxy.iter().map(|url| Proxy::parse(url));
        let proxies = proxies.collect::<Result<_, _>>();
        let proxies = proxies.map_err(|why| Error::usage(format!("-x: {why}")))?;
        return Ok((Route::Proxies(proxies), by("-x")));
    }
    if let Some(given) = environment.given()
        && let Some(first) = given.routes.first()
    {
        return Ok((first.clone(), given.why.clone()));
    }
    // What is inside a proxy or on this machine has no host that a variable could speak of.
    let inside = Host::Name("tuncat.invalid".into());
    let host = match target {
        Target::Tcp { host, .. } => host,
        Target::Builtin(_) | Target::Exec(_) => &inside,
        Target::Unix(_) => return Ok((Route::Direct, "a unix socket".into())),
    };
    match environment.proxy_for(host).map_err(Error::usage)? {
        Decision::Nothing => Ok((
            Route::Direct,
            "no -x and no proxy in the environment".into(),
        )),
        Decision::Exempt { variable, entry } => Ok((Route::Direct, format!("{variable}: {entry}"))),
        Decision::Proxy { proxy, variable } => Ok((Route::Proxies(vec![proxy]), variable.into())),
    }
}

/// `-U` and the places for its password are the first proxy's; the others have their URLs.
fn passwords(
    proxies: &[Proxy],
    options: &ProxyOptions,
    environment: &Environment,
) -> Result<Vec<Password>> {
    let mut passwords = Vec::new();
    for (n, proxy) in proxies.iter().enumerate() {
        let in_url = proxy.credentials.clone();
        passwords.push(match n {
            0 => {
                let typed = options.proxy_user.as_deref().map(Credentials::parse);
                let file = options.proxy_pass_file.clone();
                first_password(typed.or(in_url), file, environment)?
            }
            _ => match in_url {
                None => Password::None,
                Some(known) if known.password.is_some() => Password::Known(known),
                Some(Credentials { user, .. }) => Password::Prompt { user },
            },
        });
    }
    Ok(passwords)
}

/// Where nothing is known yet, other places may know.
fn elsewhere(password: Password, options: &ProxyOptions) -> Password {
    let home = || std::env::home_dir().map(|home| home.join(".netrc"));
    let netrc = options.netrc_file.clone();
    let netrc = netrc.or_else(|| options.netrc.then(home).flatten());
    let command = options.proxy_auth_command.clone();
    if netrc.is_none() && command.is_none() {
        return password;
    }
    let user = match password {
        Password::None => None,
        Password::Prompt { user } => Some(user),
        known => return known,
    };
    Password::Elsewhere {
        user,
        netrc,
        command,
    }
}

/// Flag before environment; a file before the variable, since it is named on purpose.
fn first_password(
    credentials: Option<Credentials>,
    file: Option<PathBuf>,
    environment: &Environment,
) -> Result<Password> {
    let variable = environment.get("TUNCAT_PROXY_PASSWORD");
    match (credentials, file) {
        (None, None) => Ok(Password::None),
        (None, Some(_)) => Err(Error::usage("--proxy-pass-file needs a user: give -U USER")),
        (Some(known), _) if known.password.is_some() => Ok(Password::Known(known)),
        (Some(Credentials { user, .. }), Some(path)) => Ok(Password::File { user, path }),
        (Some(Credentials { user, .. }), None) => match variable.map_err(Error::usage)? {
            Some(password) => Ok(Password::Known(Credentials {
                user,
                password: Some(Secret::new(password)),
            })),
            None => Ok(Password::Prompt { user }),
        },
    }
}

/// `--via` is for the last proxy; the others go the way their schemes say.
fn via(hops: Vec<Scheme>, typed: &[Via]) -> Result<Vec<Vec<Carrier>>> {
    let typed: Vec<Carrier> = typed.iter().flat_map(|via| via.0.clone()).collect();
    let mut all = Vec::new();
    for (n, scheme) in hops.iter().enumerate() {
        let typed = if n + 1 == hops.len() { &typed[..] } else { &[] };
        all.push(match (scheme, typed) {
            (scheme, typed) if scheme.is_socks() && (typed.is_empty() || is_auto(typed)) => {
                vec![Carrier::Socks]
            }
            (scheme, _) if scheme.is_socks() => {
                let cause = format!("--via is for HTTP proxies, and the last proxy is {scheme}://");
                return Err(Error::usage(cause));
            }
            (Scheme::Http, []) => vec![Carrier::H1],
            (Scheme::Https, []) => vec![Carrier::H2, Carrier::H1],
            (Scheme::H3, _) if n > 0 => {
                let cause =
                    "h3:// can only be the first proxy: QUIC needs UDP, and tunnels carry TCP";
                return Err(Error::usage(cause));
            }
            (Scheme::H3, []) => vec![Carrier::H3],
            (Scheme::H3, typed) if is_auto(typed) => vec![Carrier::H3, Carrier::H3Post],
            (Scheme::H2c, []) => vec![Carrier::H2],
            (scheme, typed) => possible(*scheme, n, typed)?,
        });
    }
    Ok(all)
}

/// `--via auto`: whatever a proxy can do.
fn is_auto(typed: &[Carrier]) -> bool {
    typed == Carrier::LADDER
}

/// Those of `typed` that proxy `n` of a way can be used with; what it cannot is left out where something is left.
fn possible(scheme: Scheme, n: usize, typed: &[Carrier]) -> Result<Vec<Carrier>> {
    // In the clear nothing tells which version a proxy speaks, and next to all speak HTTP/1.1.
    let auto = is_auto(typed);
    let can_be = |carrier: &&Carrier| match (scheme, carrier.version()) {
        (Scheme::H3, version) => version == Version::Http3,
        (Scheme::H2c, version) => version == Version::Http2,
        (Scheme::Https, Version::Http3) => n == 0,
        (Scheme::Http, Version::Http2) => !auto,
        (_, version) => version != Version::Http3,
    };
    let via: Vec<Carrier> = typed.iter().filter(can_be).copied().collect();
    match (scheme, via.is_empty()) {
        (_, false) => Ok(via),
        (Scheme::H3, _) => Err(Error::usage("a proxy with h3:// takes --via h3 or h3-post")),
        (Scheme::H2c, _) => {
            let cause = "--via h1 or h1-post and a proxy with h2c:// contradict";
            Err(Error::usage(cause))
        }
        (Scheme::Https, _) => {
            let cause = "--via h3 is possible with the first proxy only: QUIC needs UDP, and tunnels carry TCP";
            Err(Error::usage(cause))
        }
        _ => {
            let cause = format!("--via {} needs a proxy with https:// or h3://", typed[0]);
            Err(Error::usage(cause))
        }
    }
}

fn fields(options: &ProxyOptions) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    for text in &options.header {
        let field = Field::parse(text).map_err(|why| Error::usage(format!("-H: {why}")))?;
        if is_framing(&field.name) {
            let cause = format!("-H: {} cannot be set on a request for a tunnel", field.name);
            return Err(Error::usage(cause));
        }
        fields.push(field);
    }
    Ok(fields)
}

/// The password in a proxy's URL, as it stands there.
pub fn secret_of_url(url: &str) -> Option<Secret> {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (userinfo, _) = authority.rsplit_once('@')?;
    let (_, password) = userinfo.split_once(':')?;
    Some(Secret::new(password))
}

/// Other secrets on the command line: the password of `-U`, and credentials in a header field.
fn other_secrets(options: &ProxyOptions) -> impl Iterator<Item = Secret> + '_ {
    let user = options.proxy_user.as_deref().map(Credentials::parse);
    let headers = options.header.iter().filter_map(|text| {
        let (name, value) = text.split_once(':')?;
        let secret = name.to_ascii_lowercase().contains("authorization");
        secret.then(|| Secret::new(value.trim()))
    });
    user.and_then(|u| u.password).into_iter().chain(headers)
}
