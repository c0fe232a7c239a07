//! Authentication between a client and a proxy (RFC 9110 §11). One file per scheme.

pub mod basic;
mod challenge;
mod conversation;
mod digest;
mod gssapi;
mod htpasswd;
mod login;
mod negotiate;
pub mod netrc;
mod ntlm;
mod scheme;
pub mod users;

pub use challenge::Challenge;
pub use conversation::{Asked, Conversation, Failure};
pub use login::{Login, Means};
pub use scheme::Scheme;
pub use users::{Checked, User, Users};
