//! tuncat: raw TCP inside HTTP tunnels.
//!
//! The map, from the ground up; a module uses only modules below its own line:
//!
//! | layer | modules |
//! |---|---|
//! | 7 | [`cmd`]: one file per command, glue only |
//! | 6 | [`plan`]: flags and environment to configuration; [`ui`]: what people and scripts read |
//! | 5 | [`cli`]: what was typed; [`doctor`]: what a proxy permits |
//! | 4 | [`dial`]: hops to a tunnel; [`accept`]: listeners, limits, drain; [`bench`]: the load loop and its statistics |
//! | 3 | [`carrier`]: how a hop carries bytes; [`relay`]: two-way copy; [`builtin`]: targets in the process |
//! | 2 | [`http`], [`auth`], [`tls`], [`policy`], [`pac`]: rules without I/O |
//! | 1 | [`wire`]: the one stream type |
//! | 0 | [`base`]: errors, targets, proxies, secrets, defaults |

pub mod accept;
pub mod auth;
pub mod base;
pub mod bench;
pub mod builtin;
pub mod carrier;
pub mod cli;
pub mod cmd;
pub mod dial;
pub mod doctor;
pub mod http;
#[cfg(feature = "pac")]
pub mod pac;
pub mod plan;
pub mod policy;
pub mod relay;
pub mod tls;
pub mod ui;
pub mod wire;
