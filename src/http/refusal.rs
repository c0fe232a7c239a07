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

    /// What a person reads.
    pub fn body(&self) -> String {
        format!("{}\n", self.details)
    }

    /// The fields that every version's answer has.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            (
                "Proxy-Status",
                proxy_status::format(self.error, &self.details),
            ),
            ("Proxy-Agent", AGENT.into()),
        ];
        fields.extend(self.fields.iter().cloned());
        fields.push(("Content-Type", "text/plain; charset=utf-8".into()));
        fields.push(("Content-Length", self.body().len().to_string()));
        fields
    }

    /// The whole HTTP/1.1 answer. It closes the connection: what follows a refused CONNECT may be
    /// payload meant for the tunnel and must never be read as a request (RFC 9931).
    pub fn to_http1(&self) -> Vec<u8> {
        let mut out = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in self.fields() {
            out += &format!("{name}: {value}\r\n");
        }
        out += "Connection: close\r\n\r\n";
        out += &self.body();
        out.into_bytes()
    }
}
