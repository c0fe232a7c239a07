//! Which product answers, as far as it tells.

use crate::doctor::probe::Seen;
use crate::doctor::report::Identity;

/// Words in `Server`, `Via` and `Proxy-Agent`, in lower case. The first that fits counts, so what stands
/// in front of another is above it.
const WORDS: [(&str, &str); 9] = [
    ("tuncat", "tuncat"),
    ("squid", "squid"),
    ("tinyproxy", "tinyproxy"),
    ("mitmproxy", "mitmproxy"),
    ("envoy", "envoy"),
    ("nghttpx", "nghttpx"),
    ("haproxy", "haproxy"),
    ("nginx", "nginx"),
    ("apache", "apache"),
];

/// Products that replace `Server` in what they hand on, and do not add to `Via`.
const OVERWRITING: [&str; 2] = ["nginx", "envoy"];

/// HAProxy's error pages, which have no field that names it.
const HAPROXY_PAGES: [&str; 4] = [
    "400 Bad request Your browser sent an invalid request.",
    "403 Forbidden Request forbidden by administrative rules.",
    "408 Request Time-out Your browser didn't send a complete request in time.",
    "503 Service Unavailable No server is available to handle this request.",
];

pub fn of(seen: &Seen) -> Identity {
    Identity {
        signature: seen.signature.clone(),
        product: product(seen),
    }
}

fn product(seen: &Seen) -> Option<&'static str> {
    let signature = &seen.signature;
    let server = signature.server.as_deref();
    // Who is nearest, where all on the way add themselves; but some write their own name over another one's only.
    let via = signature
        .via
        .as_deref()
        .and_then(|via| via.rsplit(',').next());
    let overwriting = server.is_some_and(|s| OVERWRITING.iter().any(|word| s.starts_with(word)));
    let agent = signature.agent.as_deref();
    let status = signature.proxy_status.as_deref();
    let texts = match overwriting {
        true => [server, via, agent, status],
        false => [via, agent, server, status],
    };
    for text in texts.into_iter().flatten() {
        let text = text.to_ascii_lowercase();
        if let Some((_, product)) = WORDS.iter().find(|(word, _)| text.contains(word)) {
            return Some(product);
        }
    }
    // X-Squid-Error.
    if seen.tokens.iter().any(|t| t.starts_with("ERR_")) {
        return Some("squid");
    }
    let page = |body: &String| HAPROXY_PAGES.iter().any(|page| body.starts_with(page));
    seen.bodies.iter().any(page).then_some("haproxy")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Signature;

    #[test]
    fn products_are_known_by_what_they_say() {
        let named = |server: &str, via: &str| {
            let text = |t: &str| (!t.is_empty()).then(|| t.to_owned());
            let signature = Signature {
                server: text(server),
                via: text(via),
                ..Signature::default()
            };
            product(&Seen {
                signature,
                ..Seen::default()
            })
        };
        assert_eq!(named("squid/5.7", "1.1 host (squid/5.7)"), Some("squid"));
        assert_eq!(named("nginx", "1.1 host (squid/5.7)"), Some("nginx"));
        assert_eq!(named("", "2 nghttpx"), Some("nghttpx"));
        assert_eq!(named("squid/5.7", "1.1 nghttpx"), Some("nghttpx"));
        assert_eq!(
            named("squid/5.7", "1.1 host (squid/5.7), 2 nghttpx"),
            Some("nghttpx")
        );
        assert_eq!(named("Cherokee", ""), None);
        let silent = |token: &str, body: &str| {
            product(&Seen {
                tokens: vec![token.into()],
                bodies: vec![body.into()],
                ..Seen::default()
            })
        };
        assert_eq!(silent("ERR_DNS_FAIL 0", ""), Some("squid"));
        assert_eq!(silent("dns_error", HAPROXY_PAGES[0]), Some("haproxy"));
        assert_eq!(silent("dns_error", "400 Bad request"), None);
    }
}
