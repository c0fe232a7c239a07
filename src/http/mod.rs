//! HTTP without I/O: message heads, the rules of CONNECT and POST, statuses and what they mean.

pub mod asked;
pub mod chunked;
pub mod connect;
pub mod excerpt;
pub mod field;
pub mod head;
pub mod post;
pub mod proxy_status;
pub mod refusal;
pub mod request;
pub mod status;
pub mod via;
pub mod websocket;

pub use asked::Asked;
pub use field::{Field, Fields};
pub use head::{HeadBuffer, HeadError};
pub use proxy_status::ProxyError;
pub use refusal::Refusal;
pub use request::TunnelRequest;
