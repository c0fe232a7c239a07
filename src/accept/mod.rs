//! Incoming connections: listeners, the loop over them, drain, and the terminator that answers
//! CONNECT and POST.

pub mod access_log;
pub mod admin;
mod admit;
mod client;
pub mod inner;
pub mod ledger;
pub mod limits;
mod listener;
pub mod local_proxy;
mod metrics;
mod proxy_protocol;
mod quic;
pub mod record;
pub mod rules;
mod server;
mod session;
mod sniff;
mod terminator;

pub use ledger::Ledger;
pub use limits::{Limits, Shares};
pub use listener::{Address, Listener};
pub use rules::{Current, Rules};
pub use server::{Accepting, Drained, Draining, Held, Incoming, Joining, Server, name_of};
pub use terminator::Terminator;
