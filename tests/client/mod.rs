//! `tuncat connect` against peers that do on demand what real ones do on bad days.
//!
//! Every peer is a thread with a script on a loopback port of the kernel's choice. A peer may be slow where slowness is
//! the fault; the tests themselves wait for conditions, and a hang is a failure after [`LIMIT`].

mod auth;
mod chain;
mod child;
mod exit_codes;
mod expect;
mod fdpass;
mod head;
mod kernel;
mod ladder;
pub mod peer;
mod post;
mod profile;
pub mod pty;
mod secrets;
mod socks;
mod streams;
pub mod tls;

use std::time::Duration;

/// How long one run of the program may take here.
const LIMIT: Duration = Duration::from_secs(10);
