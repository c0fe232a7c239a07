//! Authentication between a client and a proxy (RFC 9110 §11). One file per scheme.

pub mod basic;
pub mod users;

pub use users::Users;
