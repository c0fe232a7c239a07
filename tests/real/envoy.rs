//! Envoy 1.40 at the other end: as the proxy that ends tunnels, and as the client that opens them.

mod encapsulator;
mod post_in;
mod post_out;
mod terminator;

/// Who loses bytes, where a test states that.
const WHO: &str = "Envoy";
