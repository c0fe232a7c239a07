//! `tuncat serve` from outside: what it answers, whom it dials, and how it ends.

mod auth;
mod authorities;
mod bind;
mod builtin;
mod crowd;
mod denied;
mod drain;
mod gone;
mod heads;
mod malformed;
mod pipelined;
mod post;
mod quic;
mod refusals;
pub mod request;
mod started;
mod tls;
pub mod tunnels;
mod unix;
