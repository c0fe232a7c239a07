//! What a script returns: `PROXY a:1; SOCKS5 b:2; DIRECT`.

use crate::base::escape::escape;
use crate::base::host::split_port;
use crate::base::{Proxy, Scheme};

/// One alternative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    Direct,
    Proxy(Proxy),
}

/// All alternatives, in order. Words that are not known are passed over; an error where nothing is left.
pub fn parse(answer: &str) -> Result<Vec<Choice>, String> {
    let parts = answer.split(';').map(str::trim).filter(|p| !p.is_empty());
    let mut choices = Vec::new();
    let mut empty = true;
    for part in parts {
        empty = false;
        match choice(part) {
            Some(choice) => choices.push(choice),
            None => tracing::warn!("the script names \"{}\", which is passed over", shown(part)),
        }
    }
    match (empty, choices.is_empty()) {
        // As browsers have it.
        (true, _) => Ok(vec![Choice::Direct]),
        (false, true) => Err(format!(
            "it names no proxy that can be used: \"{}\"",
            shown(answer)
        )),
        (false, false) => Ok(choices),
    }
}

fn choice(part: &str) -> Option<Choice> {
    let (word, address) = part.split_once([' ', '\t']).unwrap_or((part, ""));
    let scheme = match word.to_ascii_uppercase().as_str() {
        "DIRECT" => return Some(Choice::Direct),
        "PROXY" | "HTTP" => Scheme::Http,
        "HTTPS" => Scheme::Https,
        // Version 4 it is, and names are better resolved there.
        "SOCKS" | "SOCKS4" => Scheme::Socks4a,
        "SOCKS5" => Scheme::Socks5h,
        _ => return None,
    };
    // Credentials in a script are not for us to use.
    let address = address.trim();
    let address = address.rsplit_once('@').map_or(address, |(_, a)| a);
    let (host, port) = match split_port(address) {
        Ok(both) => both,
        Err(_) => {
            let usual = match scheme {
                Scheme::Https => 443,
                Scheme::Http => 80,
                _ => 1080,
            };
            split_port(&format!("{address}:{usual}")).ok()?
        }
    };
    Some(Choice::Proxy(Proxy {
        scheme,
        host,
        port,
        credentials: None,
    }))
}

fn shown(text: &str) -> String {
    escape(text.as_bytes(), 80)
}
