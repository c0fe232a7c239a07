//! HTTP without I/O: message heads, the rules of CONNECT, statuses and what they mean.

pub mod connect;
pub mod excerpt;
pub mod field;
pub mod head;
pub mod proxy_status;
pub mod refusal;
pub mod status;

pub use field::{Field, Fields};
pub use head::{HeadBuffer, HeadError};
pub use proxy_status::ProxyError;
pub use refusal::Refusal;
