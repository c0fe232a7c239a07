//! The answer of a terminator that does not open a tunnel.

use crate::base::defaults::AGENT;
use crate::base::error::plain;
use crate::http::proxy_status::{self, ProxyError};
use crate::http::status::reason;

/// Why a tunnel was not opened, as it goes on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// 400 to 599.
    pub status: u16,
    pub error: ProxyError,
    /// One clause for people; printable ASCII on the wire.
    pub details: String,
    /// Further fields, such as `Proxy-Authenticate`.
    pub fields: Vec<(&'static str, String)>,
}

impl Refusal {
    /// With the status that belongs to `error`.
    pub fn new(error: ProxyError, details: impl Into<String>) -> Self {
        Refusal {
            status: error.status(),
            error,
            details: plain(&details.into()),
            fields: Vec::new(),
        }
    }

    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// The whole HTTP/1.1 answer. It closes the connection: what follows a refused CONNECT may be
    /// payload meant for the tunnel and must never be read as a request (RFC 9931).
    pub fn to_http1(&self) -> Vec<u8> {
        let body = format!("{}\n", self.details);
        let mut out = format!(
            "HTTP/1.1 {} {}\r\nProxy-Status: {}\r\nProxy-Agent: {AGENT}\r\n",
            self.status,
            reason(self.status),
            proxy_status::format(self.error, &self.details),
        );
        for (name, value) in &self.fields {
            out += &format!("{name}: {value}\r\n");
        }
        out += &format!(
            "Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        out.into_bytes()
    }
}
