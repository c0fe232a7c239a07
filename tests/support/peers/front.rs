//! How a server is spoken to by its clients.

use super::Certificate;

#[derive(Clone, Copy)]
pub enum Front<'a> {
    /// HTTP/1.1 in the clear.
    Clear,
    /// HTTP/2 in the clear, with prior knowledge.
    H2c,
    /// TLS, where ALPN chooses.
    Tls(&'a Certificate),
}

impl Front<'_> {
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            Front::Tls(certificate) => Some(certificate),
            Front::Clear | Front::H2c => None,
        }
    }

    /// The scheme that `-x` takes.
    pub fn scheme(&self) -> &'static str {
        match self {
            Front::Clear => "http",
            Front::H2c => "h2c",
            Front::Tls(_) => "https",
        }
    }
}
