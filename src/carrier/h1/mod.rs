//! CONNECT and POST on HTTP/1.1.
//!
//! Of a CONNECT the ends map one to one: the connection's octets after the answer are the tunnel's,
//! FIN is FIN, a reset is a reset. What a proxy between does with a FIN is another matter: see
//! [`crate::carrier::HalfClose`]. A POST is chunked both ways: see [`content`].

pub mod client;
mod content;
pub mod server;
mod whole;
