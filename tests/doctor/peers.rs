//! What `tuncat doctor` says of real proxies. The expectations are made from their configurations, and from what they are
//! documented to do or were seen to do by other clients; never from what doctor said.

mod expect;
mod forward;
mod haproxy;
mod http2;
mod nginx;
mod squid;
mod trust;
