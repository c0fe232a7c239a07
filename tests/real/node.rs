//! Node's HTTP/2 at the other end: an independent client of `tuncat serve`, and an independent proxy for
//! `tuncat connect`.

mod client;
mod server;
