//! Attacks on `tuncat serve` over HTTP/2 (RFC 9113 §10.5), by a scripted client that keeps to no rule. Each is bounded
//! in memory, leaves nothing behind, and nobody else's tunnel notices.

mod continuation;
mod data;
mod floods;
pub mod frames;
mod half_open;
mod made_resets;
mod malformed;
pub mod peer;
mod resets;
mod rules;
mod scene;
mod stalled;
mod streams;
mod unanswering;
