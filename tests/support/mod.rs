//! What the tests share: child processes, scripted targets, real proxies and servers.
//!
//! Everything listens on loopback, on ports that the kernel picks, keeps its files in a temporary folder and ends with
//! the value that started it.
#![allow(
    dead_code,
    unused_imports,
    reason = "a tool box: no single test module needs all of it"
)]

pub mod bytes;
pub mod peers;
pub mod proc;
pub mod process;
pub mod run;
pub mod target;
pub mod tuncat;
pub mod wait;

pub use bytes::{Digest, Pattern, pattern, sha256};
pub use proc::Proc;
pub use run::{Feed, Output, Run};
pub use target::Target;
pub use tuncat::{Listen, Serve, connect};
pub use wait::{ClosedPort, TIMEOUT, accepts, free_port, wait_for, wait_until};
