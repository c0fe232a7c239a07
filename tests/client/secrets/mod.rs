//! Passwords: where they come from, who gets to see them, and what cannot be smuggled in beside them.

mod helpers;
mod injection;
mod leaks;
mod prompt;
mod scan;
mod sources;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a request says when it comes with this user and password.
fn basic(user: &str, password: &str) -> String {
    let pair = STANDARD.encode(format!("{user}:{password}"));
    format!("\r\nProxy-Authorization: Basic {pair}\r\n")
}
