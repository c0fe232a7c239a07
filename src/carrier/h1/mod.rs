//! CONNECT on HTTP/1.1.
//!
//! The ends map one to one: the connection's octets after the answer are the tunnel's, FIN is FIN,
//! a reset is a reset. What a proxy between does with a FIN is another matter: see
//! [`crate::carrier::HalfClose`].

pub mod client;
pub mod server;
