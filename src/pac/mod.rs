//! Proxy auto-configuration: a script of somebody else's that says which proxy is for what.
//!
//! The script runs in an engine of its own that has nothing but the functions of this format: no files, no network but
//! names that are looked up for it, and bounds for time, memory and stack.

mod answer;
mod engine;

pub use answer::Choice;
pub use engine::Lookup;

use crate::base::Host;

/// Octets of a script; more is no script.
pub const LONGEST: usize = 1024 * 1024;

/// A script, and where it came from.
#[derive(Clone, Debug)]
pub struct Pac {
    /// The file or URL, for people.
    pub label: String,
    script: String,
}

impl Pac {
    /// UTF-8, or Latin-1 where it is not.
    pub fn new(label: &str, octets: &[u8]) -> Result<Self, String> {
        let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
        let script = match std::str::from_utf8(octets) {
            Ok(text) => text.to_owned(),
            Err(_) => octets.iter().map(|&octet| char::from(octet)).collect(),
        };
        let start = script.trim_start();
        if start.is_empty() {
            return Err(format!("{label}: there is nothing in it"));
        }
        if start.starts_with('<') {
            return Err(format!("{label}: that is an HTML page, not a script"));
        }
        if script.contains('\0') {
            return Err(format!("{label}: that is no script"));
        }
        Ok(Pac {
            label: label.into(),
            script,
        })
    }

    /// What it says of a tunnel to `host`, in order. May take seconds; `lookup` resolves names for it.
    pub fn evaluate(
        &self,
        host: &Host,
        port: u16,
        lookup: impl Lookup + 'static,
    ) -> Result<Vec<Choice>, String> {
        let host = host.to_string().to_ascii_lowercase();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        // Browsers give no path of what is encrypted, and a tunnel has none.
        let url = match (host.contains(':'), port) {
            (true, 443) => format!("https://[{host}]/"),
            (true, port) => format!("https://[{host}]:{port}/"),
            (false, 443) => format!("https://{host}/"),
            (false, port) => format!("https://{host}:{port}/"),
        };
        let answer = engine::run(&self.script, &url, host, lookup);
        let answer = answer.map_err(|why| format!("{}: {why}", self.label))?;
        answer::parse(&answer).map_err(|why| format!("{}: {why}", self.label))
    }
}

#[cfg(test)]
mod tests;
