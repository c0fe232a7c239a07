//! What `bench` measures: settings, and the ways that are compared.

use crate::base::{Builtin, Error, Host, Proxy, Result, Scheme, Target};
use crate::bench::{Far, Mode, Settings};
use crate::carrier::{Carrier, Version};
use crate::cli::bench::{Bench, ModeWord};
use crate::cli::{ProxyOptions, Via};
use crate::dial::Network;
use crate::plan::Environment;
use crate::plan::route::{Route, RoutePlan, network};

/// All of it.
pub struct BenchPlan {
    pub settings: Settings,
    /// Nothing: a target of our own, on a port that is not known yet.
    pub target: Option<Target>,
    pub direct: bool,
    /// The proxies of `-x`, or of the environment.
    pub proxy: Option<Proxied>,
    pub compared: Vec<Compared>,
    pub warnings: Vec<String>,
    pub cold: bool,
    /// For what is reached without a proxy.
    pub network: Network,
}

/// Lanes through one route, one for each carrier.
pub struct Proxied {
    pub route: RoutePlan,
    pub carriers: Vec<Carrier>,
    /// The carriers were asked for by name.
    pub wanted: bool,
}

/// Another way, with its name.
pub struct Compared {
    pub name: String,
    pub way: Other,
}

pub enum Other {
    Proxy(Box<RoutePlan>),
    Endpoint(Target),
    Command(String),
}

impl BenchPlan {
    pub fn new(args: &Bench, environment: &Environment) -> Result<BenchPlan> {
        let typed = args.target.as_deref().map(Target::parse).transpose();
        let typed = typed.map_err(|why| Error::usage(format!("target: {why}")))?;
        let compared =
            !(args.compare.is_empty() && args.endpoint.is_empty() && args.command.is_empty());
        let mut options = args.proxy.clone();
        // Nothing was said at all: the proxy inside this process.
        if typed.is_none() && options.proxy.is_empty() && !options.no_proxy && !compared {
            options.proxy = vec!["embedded:".into()];
        }
        // Rules of the environment are for targets elsewhere; ours is on this machine.
        let asked = typed.clone().unwrap_or(Target::Builtin(Builtin::Bench));
        let route = match typed.is_none() && options.proxy.is_empty() {
            true => None,
            false => Some(RoutePlan::new(&options, environment, &asked)?),
        };
        let mut warnings = route.as_ref().map_or_else(Vec::new, |r| r.warnings.clone());
        let proxy = route
            .filter(|r| r.route != Route::Direct)
            .map(|route| proxied(route, &options.via));
        let compared = self::compared(args, &environment.without_password(), &asked)?;
        for route in compared.iter().filter_map(Compared::route) {
            let new = route.warnings.iter().filter(|w| !warnings.contains(w));
            let new: Vec<String> = new.cloned().collect();
            warnings.extend(new);
        }
        if typed.is_none() && !args.endpoint.is_empty() {
            let cause = "--endpoint leads to a target that is there already: name that, too";
            return Err(Error::usage(cause).hint("'tuncat bench --server' is one"));
        }
        let target = typed.or_else(|| {
            let elsewhere = proxy
                .iter()
                .map(|p| &p.route)
                .chain(compared.iter().filter_map(Compared::route));
            elsewhere
                .into_iter()
                .any(|route| !is_here(route))
                .then_some(Target::Builtin(Builtin::Bench))
        });
        let far = far(args, target.as_ref())?;
        let inside = matches!(target, Some(Target::Builtin(_) | Target::Exec(_)));
        if inside && proxy.is_none() && !compared.iter().any(|c| c.route().is_some()) {
            return Err(Error::usage(format!(
                "{asked} is a target inside a proxy: give -x, or HOST:PORT"
            )));
        }
        if inside && !args.no_direct {
            warnings.push(
                "the target is inside the proxy, so there is no direct way to compare with".into(),
            );
        }
        let settings = settings(args, far, &mut warnings)?;
        Ok(BenchPlan {
            settings,
            direct: !args.no_direct && !inside,
            target,
            proxy,
            compared,
            warnings,
            cold: args.cold,
            network: network(&args.proxy),
        })
    }
}

impl Compared {
    fn route(&self) -> Option<&RoutePlan> {
        match &self.way {
            Other::Proxy(route) => Some(route),
            Other::Endpoint(_) | Other::Command(_) => None,
        }
    }
}

fn settings(args: &Bench, far: Far, warnings: &mut Vec<String>) -> Result<Settings> {
    let mut modes: Vec<Mode> = Vec::new();
    for word in &args.mode {
        let wanted: &[Mode] = match word {
            ModeWord::Stream => &[Mode::Upload, Mode::Download, Mode::RoundTrip],
            ModeWord::Ping => &[Mode::Ping],
            ModeWord::Open => &[Mode::Open],
            ModeWord::Hold => &[Mode::Hold],
        };
        let can = |mode: &Mode| far.modes().contains(mode);
        if !wanted.iter().any(can) {
            let cause = format!(
                "{} needs an answer, which a discard target does not give",
                wanted[0]
            );
            warnings.push(cause);
        }
        for mode in wanted.iter().copied().filter(can) {
            if !modes.contains(&mode) {
                modes.push(mode);
            }
        }
    }
    if modes.is_empty() {
        return Err(Error::usage(
            "nothing of --mode can be measured with that target",
        ));
    }
    if args.time.is_zero() || args.proxy.connect_timeout.is_zero() {
        return Err(Error::usage(
            "bench needs a --time and a --connect-timeout above zero",
        ));
    }
    let timed = modes.iter().any(|m| matches!(m, Mode::Ping | Mode::Open));
    let turn = args.time.as_secs_f64() / f64::from(args.rounds);
    if let Some(rate) = args.rate.filter(|rate| timed && rate * turn < 1.0) {
        let cause = format!("at --rate {rate} a turn of {turn} s is too short for one beginning");
        return Err(Error::usage(cause).hint("give it more --time, or fewer --rounds"));
    }
    Ok(Settings {
        modes,
        target: String::new(),
        far,
        time: args.time,
        rounds: args.rounds,
        warm_up: args.warm_up,
        streams: args.streams,
        octets: args.bytes,
        message: args.size,
        rate: args.rate,
        tunnels: args.tunnels,
        hold: args.hold,
        limit: args.proxy.connect_timeout,
    })
}

/// What answers at the target.
fn far(args: &Bench, target: Option<&Target>) -> Result<Far> {
    let said = args.target_is.map(Far::from);
    let known = match target {
        None | Some(Target::Builtin(Builtin::Bench)) => Some(Far::Bench),
        Some(Target::Builtin(Builtin::Echo)) => Some(Far::Echo),
        Some(Target::Builtin(Builtin::Discard)) => Some(Far::Discard),
        Some(Target::Builtin(Builtin::Source(_))) => {
            return Err(Error::usage(
                "source: only sends; bench: can be measured both ways",
            ));
        }
        Some(Target::Tcp { port: 7, .. }) if said.is_none() => Some(Far::Echo),
        Some(Target::Tcp { port: 9, .. }) if said.is_none() => Some(Far::Discard),
        Some(Target::Builtin(Builtin::Http)) => {
            return Err(Error::usage(
                "http: answers requests; echo: and bench: can be measured",
            ));
        }
        Some(Target::Tcp { .. } | Target::Unix(_) | Target::Exec(_)) => None,
    };
    match (known, said) {
        (Some(known), Some(said)) if known != said => {
            let cause = format!(
                "--target-is {} contradicts the target, which is {}",
                said.name(),
                known.name()
            );
            Err(Error::usage(cause))
        }
        (Some(far), _) | (None, Some(far)) => Ok(far),
        (None, None) => Err(Error::usage("what answers at the target is not known")
            .hint("say it with --target-is bench ('tuncat bench --server'), echo or discard")),
    }
}

fn proxied(mut route: RoutePlan, typed: &[Via]) -> Proxied {
    let wanted = !typed.is_empty();
    let of_scheme = |carrier: &Carrier| match &route.route {
        Route::Proxies(proxies) => {
            let scheme = proxies.last().map(|proxy| proxy.scheme);
            match scheme {
                Some(Scheme::H2c) => carrier.version() == Version::Http2,
                Some(Scheme::H3) => carrier.version() == Version::Http3,
                Some(Scheme::Http | Scheme::Https) => carrier.version() != Version::Http3,
                Some(scheme) => !scheme.is_socks(),
                None => true,
            }
        }
        _ => true,
    };
    let carriers = match wanted {
        true => route.via.last().cloned().unwrap_or_default(),
        false => {
            let both = [Carrier::H3, Carrier::H3Post];
            let of_http = Carrier::ALL.into_iter().chain(both).filter(of_scheme);
            let all: Vec<Carrier> = of_http.collect();
            // SOCKS is one way.
            match all.is_empty() {
                true => vec![Carrier::Socks],
                false => all,
            }
        }
    };
    if let Some(last) = route.via.last_mut() {
        last.clone_from(&carriers);
    }
    Proxied {
        route,
        carriers,
        wanted,
    }
}

/// All proxies are on this machine, so a target of ours is within their reach.
fn is_here(route: &RoutePlan) -> bool {
    match &route.route {
        Route::Proxies(proxies) => proxies.iter().all(|proxy| match &proxy.host {
            Host::Ip(ip) => ip.is_loopback(),
            Host::Name(name) => name.eq_ignore_ascii_case("localhost"),
        }),
        Route::Direct | Route::Embedded => true,
    }
}

fn compared(args: &Bench, environment: &Environment, target: &Target) -> Result<Vec<Compared>> {
    let mut all = Vec::new();
    for text in &args.compare {
        let (name, url) = named(text);
        // What belongs to the first proxy of -x is nothing to others.
        let options = ProxyOptions {
            proxy: vec![url.to_owned()],
            via: Vec::new(),
            proxy_user: None,
            proxy_pass_file: None,
            header: Vec::new(),
            no_proxy: false,
            ..args.proxy.clone()
        };
        if url == "embedded:" {
            let cause = "--compare takes the URL of a proxy; embedded: is for -x";
            return Err(Error::usage(cause));
        }
        Proxy::parse(url).map_err(|why| Error::usage(format!("--compare: {why}")))?;
        let route = RoutePlan::new(&options, environment, target)?;
        let shown = match &route.route {
            Route::Proxies(proxies) => proxies.first().map(ToString::to_string),
            _ => None,
        };
        all.push(Compared {
            name: name.map_or_else(|| shown.unwrap_or_default(), String::from),
            way: Other::Proxy(Box::new(route)),
        });
    }
    for text in &args.endpoint {
        let (name, place) = named(text);
        let target =
            Target::parse(place).map_err(|why| Error::usage(format!("--endpoint: {why}")))?;
        if matches!(target, Target::Builtin(_) | Target::Exec(_)) {
            return Err(Error::usage("--endpoint: write HOST:PORT"));
        }
        all.push(Compared {
            name: name.unwrap_or(place).into(),
            way: Other::Endpoint(target),
        });
    }
    for text in &args.command {
        let (name, line) = named(text);
        if line.trim().is_empty() {
            return Err(Error::usage("--command: there is no command"));
        }
        let first = line.split_ascii_whitespace().next().unwrap_or(line);
        all.push(Compared {
            name: name.unwrap_or(first).into(),
            way: Other::Command(line.into()),
        });
    }
    Ok(all)
}

/// `NAME=REST`, where the name has none of the characters that a URL, an address or a command begins with.
fn named(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, rest))
            if !name.is_empty() && !name.contains(['/', ':', '@', '?', '"', '\'', '$', '{']) =>
        {
            (Some(name), rest)
        }
        _ => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_before_an_equals_sign() {
        assert_eq!(named("a b=http://h:1"), (Some("a b"), "http://h:1"));
        assert_eq!(named("http://h:1/?a=b"), (None, "http://h:1/?a=b"));
        assert_eq!(named("h:1"), (None, "h:1"));
        assert_eq!(named("nc=nc -X connect"), (Some("nc"), "nc -X connect"));
    }
}
