//! Node's HTTP at the other end: an independent client of `tuncat serve`, and an independent proxy for
//! `tuncat connect`.

mod client;
mod post;
mod server;
mod websocket;
