//! Incoming connections: listeners, the loop over them, drain, and the terminator that answers
//! CONNECT.

mod listener;
mod server;
mod sniff;
mod terminator;

pub use listener::{Address, Listener};
pub use server::{Drained, Draining, Held, Incoming, Server};
pub use terminator::Terminator;
