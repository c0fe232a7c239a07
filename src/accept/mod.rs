//! Incoming connections: listeners, the loop over them, drain, and the terminator that answers
//! CONNECT and POST.

mod listener;
pub mod local_proxy;
mod server;
mod session;
mod sniff;
mod terminator;

pub use listener::{Address, Listener};
pub use server::{Drained, Draining, Held, Incoming, Server};
pub use terminator::Terminator;
