//! TLS without I/O: whom we trust, who we are, and which keys are pinned.

pub mod certificate;
pub mod client;
pub mod failure;
pub mod identity;
pub mod pin;
pub mod roots;
mod verifier;

pub use client::{ClientTls, RootsFrom};
pub use identity::Identity;
pub use pin::Pin;
pub use roots::Roots;

use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The one provider of the program, named at each use rather than installed for the process.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
