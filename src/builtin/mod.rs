//! Targets that live in the process: wires with nobody behind them.

pub mod bench;
mod discard;
mod echo;
mod exec;
mod http;
mod source;

use crate::base::Builtin;
use crate::wire::BoxWire;
pub use exec::Exec;

/// A new wire to `target`.
pub fn open(target: Builtin) -> BoxWire {
    match target {
        Builtin::Echo => Box::new(echo::Echo::default()),
        Builtin::Discard => Box::new(discard::Discard::default()),
        Builtin::Bench => Box::new(bench::Bench::default()),
        Builtin::Http => Box::new(http::Http::start()),
        Builtin::Source(bytes) => Box::new(source::Source::new(bytes)),
    }
}

#[cfg(test)]
mod tests;
