//! `--explain`: what would be done, and why; nothing is sent to anybody but the resolver.

use crate::base::{Proxy, Result, Scheme, Target};
use crate::dial::memory::Memory;
use crate::plan::{Password, Route, RoutePlan};
use crate::tls::{ClientTls, RootsFrom};
use serde_json::{Value, json};

/// The decision for one target.
pub async fn of(plan: &RoutePlan, target: &Target) -> Value {
    let mut ways = Vec::new();
    let mut next = Some(plan);
    while let Some(plan) = next {
        ways.push(way(plan, target).await);
        next = plan.fallback.as_deref();
    }
    let first = ways.remove(0);
    json!({
        "target": target.to_string(),
        "rule": plan.why,
        "proxies": first["proxies"],
        "resolved_by": first["resolved_by"],
        "addresses": first["addresses"],
        "otherwise": ways,
        "connect_timeout_s": plan.connect_timeout.as_secs_f64(),
    })
}

async fn way(plan: &RoutePlan, target: &Target) -> Value {
    let mut proxies = Vec::new();
    let list: &[Proxy] = match &plan.route {
        Route::Proxies(list) => list,
        Route::Direct | Route::Embedded => &[],
    };
    for (n, proxy) in list.iter().enumerate() {
        // Only the first is reached from here.
        let addresses = match n {
            0 => resolved(plan, proxy).await,
            _ => json!("by the proxy before"),
        };
        let tls = matches!(proxy.scheme, Scheme::Https | Scheme::H3);
        let carriers: Vec<String> = plan.via[n].iter().map(ToString::to_string).collect();
        proxies.push(json!({
            "url": proxy.to_string(),
            "addresses": addresses,
            "carriers": carriers,
            "remembered": (n + 1 == list.len()).then(|| remembered(plan, list)).flatten(),
            "tls": tls.then(|| trust(&plan.tls)),
            "client_certificate": plan.tls.identity.as_ref()
                .filter(|_| tls)
                .map(|(file, _)| file.display().to_string()),
            "credentials": credentials(&plan.passwords[n]),
        }));
    }
    if plan.route == Route::Embedded {
        proxies.push(json!({ "url": "embedded:", "addresses": ["127.0.0.1"] }));
    }
    let here = match list.last() {
        Some(last) => matches!(last.scheme, Scheme::Socks4 | Scheme::Socks5),
        None => plan.route == Route::Direct,
    };
    let addresses = match target {
        Target::Tcp { host, port } if here => match plan.network.resolve(host, *port).await {
            Ok(found) => json!(found.iter().map(ToString::to_string).collect::<Vec<_>>()),
            Err(why) => json!(why),
        },
        _ => Value::Null,
    };
    json!({
        "proxies": proxies,
        "resolved_by": if here { "this machine" } else { "the proxy" },
        "addresses": addresses,
    })
}

/// The carrier that worked lately, which is tried first.
fn remembered(plan: &RoutePlan, list: &[Proxy]) -> Option<Value> {
    let route: Vec<String> = list.iter().map(Proxy::to_string).collect();
    let memory = Memory::new(plan.memory.as_ref()?, &route.join(" "));
    let (carrier, left) = memory.recall()?;
    plan.via
        .last()?
        .contains(&carrier)
        .then(|| json!({ "carrier": carrier.to_string(), "for_s": left.as_secs() }))
}

async fn resolved(plan: &RoutePlan, proxy: &Proxy) -> Value {
    match plan.network.resolve(&proxy.host, proxy.port).await {
        Ok(found) => json!(found.iter().map(ToString::to_string).collect::<Vec<_>>()),
        Err(why) => json!(why),
    }
}

fn trust(tls: &ClientTls) -> String {
    match (
        tls.pins.len(),
        tls.insecure,
        tls.roots.len(),
        tls.roots_from,
    ) {
        (1.., ..) => "the pinned key".into(),
        (_, true, ..) => "any certificate (-k)".into(),
        (_, _, 1.., _) => {
            let files: Vec<String> = tls.roots.iter().map(|f| f.display().to_string()).collect();
            format!("authorities of {}", files.join(", "))
        }
        (_, _, _, RootsFrom::Native) => "the system's authorities".into(),
        (_, _, _, RootsFrom::Webpki) => "Mozilla's authorities".into(),
        (_, _, _, RootsFrom::Both) => "the system's and Mozilla's authorities".into(),
    }
}

/// Where they come from, and never what they are.
fn credentials(password: &Password) -> String {
    match password {
        Password::None => "none".into(),
        Password::Known(known) => format!("user {} with a password", known.user),
        Password::File { user, path } => format!("user {user}, password in {}", path.display()),
        Password::Prompt { user } => format!("user {user}, password asked for"),
        Password::Elsewhere {
            user,
            netrc,
            command,
        } => {
            let user = user
                .as_deref()
                .map(|user| format!("user {user}, "))
                .unwrap_or_default();
            let places = [
                netrc.as_ref().map(|file| file.display().to_string()),
                command.as_ref().map(|_| "--proxy-auth-command".to_owned()),
            ];
            let places: Vec<String> = places.into_iter().flatten().collect();
            format!("{user}from {}", places.join(", then "))
        }
    }
}

/// The same for people.
pub fn text(decision: &Value) -> String {
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let list: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            list.join(", ")
        }
        other => other.to_string(),
    };
    let mut out = format!("target       {}\n", word(&decision["target"]));
    out += &format!("rule         {}\n", word(&decision["rule"]));
    let list = |ways: &Value, out: &mut String| {
        let proxies = ways["proxies"].as_array().cloned().unwrap_or_default();
        if proxies.is_empty() {
            *out += "proxy        none: straight to the target\n";
        }
        for (n, proxy) in proxies.iter().enumerate() {
            let label = match proxies.len() {
                1 => "proxy".to_owned(),
                _ => format!("proxy {}", n + 1),
            };
            *out += &format!("{label:<12} {}\n", word(&proxy["url"]));
            for (name, key) in [
                ("addresses", "addresses"),
                ("carriers", "carriers"),
                ("trusts", "tls"),
                ("shows", "client_certificate"),
                ("login", "credentials"),
            ] {
                if !proxy[key].is_null() {
                    *out += &format!("  {name:<10} {}\n", word(&proxy[key]));
                }
                let won = &proxy["remembered"];
                if key == "carriers" && !won.is_null() {
                    let carrier = word(&won["carrier"]);
                    *out += &format!(
                        "  remembered {carrier} worked; for {} s more it is first\n",
                        won["for_s"]
                    );
                }
            }
        }
        *out += &format!("resolved by  {}", word(&ways["resolved_by"]));
        *out += &match &ways["addresses"] {
            Value::Null => "\n".to_owned(),
            found => format!(": {}\n", word(found)),
        };
    };
    list(decision, &mut out);
    for other in decision["otherwise"].as_array().into_iter().flatten() {
        out += "otherwise\n";
        list(other, &mut out);
    }
    out += &format!("time         {} s\n", decision["connect_timeout_s"]);
    out
}

/// On stdout, since it is what was asked for.
pub fn print(decisions: &[Value], as_json: bool) -> Result<()> {
    let text = match as_json {
        true => decisions
            .iter()
            .map(|d| format!("{d}\n"))
            .collect::<Vec<_>>()
            .concat(),
        false => decisions.iter().map(text).collect::<Vec<_>>().join("\n"),
    };
    crate::cmd::output::to_stdout(&text)
}
