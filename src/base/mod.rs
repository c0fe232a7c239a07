//! The ground everything stands on: errors, names of places, secrets and defaults. No I/O.

pub mod defaults;
pub mod error;
pub mod escape;
pub mod host;
pub mod memory;
pub mod pattern;
pub mod proxy;
pub mod secret;
pub mod setup;
pub mod target;

pub use error::{Blame, Error, Kind, Result, Signature, Stage};
pub use host::Host;
pub use proxy::{Proxy, Scheme};
pub use secret::{Credentials, Secret};
pub use setup::Setup;
pub use target::{Builtin, Target};
