//! From what was typed and the environment to the configuration of the layers below. Nothing here
//! does I/O: files, prompts and sockets come later.

pub mod bench;
pub mod env;
pub mod forward;
mod no_proxy;
pub mod route;
mod rules;
pub mod tls;

pub use env::{Environment, Given};
pub use forward::Forward;
pub use route::{Password, Route, RoutePlan};
pub use rules::RulesFile;
