//! The Negotiate scheme (RFC 4559): Kerberos with the user's own tickets.

use crate::auth::gssapi::Context;
use crate::base::{Host, Secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One authentication with one proxy.
pub struct Negotiate(Context);

impl Negotiate {
    /// With the service `HTTP` on `host`.
    pub fn new(host: &Host) -> Result<Self, String> {
        let name = host.to_string();
        let name = name.trim_end_matches('.');
        Context::new(&format!("HTTP@{name}")).map(Negotiate)
    }

    /// The next value of the field, in answer to what the proxy said. May wait for a KDC.
    pub fn step(&mut self, token68: Option<&str>) -> Result<Secret, String> {
        let token = token68.map(|t| STANDARD.decode(t)).transpose();
        let token = token.map_err(|_| "its Negotiate token is not base64")?;
        let (token, _) = self.0.step(token.as_deref()).map_err(advised)?;
        match token.is_empty() {
            true => Err("there is nothing more to say to it".into()),
            false => Ok(Secret::new(format!("Negotiate {}", STANDARD.encode(token)))),
        }
    }
}

/// The library's words, and what gets a ticket where that is what is missing.
fn advised(why: String) -> String {
    let lower = why.to_ascii_lowercase();
    match lower.contains("credential") || lower.contains("expired") {
        true => format!("{why}; kinit gets a ticket"),
        false => why,
    }
}
