//! The `Proxy-Status` field (RFC 9209): written on every refusal of `serve`, read by the client.

use sfv::{BareItem, ListEntry, Parser};

/// Error types of RFC 9209 §2.3 that a CONNECT terminator has a use for, with the status it
/// answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyError {
    DnsTimeout,
    DnsError,
    DestinationUnavailable,
    DestinationIpProhibited,
    DestinationIpUnroutable,
    ConnectionRefused,
    ConnectionTerminated,
    ConnectionTimeout,
    ConnectionLimitReached,
    HttpRequestError,
    HttpRequestDenied,
    ProxyInternalError,
    ProxyConfigurationError,
    ProxyLoopDetected,
    TlsProtocolError,
    TlsCertificateError,
}

impl ProxyError {
    pub const ALL: [ProxyError; 16] = [
        ProxyError::DnsTimeout,
        ProxyError::DnsError,
        ProxyError::DestinationUnavailable,
        ProxyError::DestinationIpProhibited,
        ProxyError::DestinationIpUnroutable,
        ProxyError::ConnectionRefused,
        ProxyError::ConnectionTerminated,
        ProxyError::ConnectionTimeout,
        ProxyError::ConnectionLimitReached,
        ProxyError::HttpRequestError,
        ProxyError::HttpRequestDenied,
        ProxyError::ProxyInternalError,
        ProxyError::ProxyConfigurationError,
        ProxyError::ProxyLoopDetected,
        ProxyError::TlsProtocolError,
        ProxyError::TlsCertificateError,
    ];

    /// The type of a token that another proxy sent.
    pub fn from_token(token: &str) -> Option<ProxyError> {
        ProxyError::ALL.into_iter().find(|e| e.token() == token)
    }

    /// The token on the wire.
    pub fn token(self) -> &'static str {
        match self {
            ProxyError::DnsTimeout => "dns_timeout",
            ProxyError::DnsError => "dns_error",
            ProxyError::DestinationUnavailable => "destination_unavailable",
            ProxyError::DestinationIpProhibited => "destination_ip_prohibited",
            ProxyError::DestinationIpUnroutable => "destination_ip_unroutable",
            ProxyError::ConnectionRefused => "connection_refused",
            ProxyError::ConnectionTerminated => "connection_terminated",
            ProxyError::ConnectionTimeout => "connection_timeout",
            ProxyError::ConnectionLimitReached => "connection_limit_reached",
            ProxyError::HttpRequestError => "http_request_error",
            ProxyError::HttpRequestDenied => "http_request_denied",
            ProxyError::ProxyInternalError => "proxy_internal_error",
            ProxyError::ProxyConfigurationError => "proxy_configuration_error",
            ProxyError::ProxyLoopDetected => "proxy_loop_detected",
            ProxyError::TlsProtocolError => "tls_protocol_error",
            ProxyError::TlsCertificateError => "tls_certificate_error",
        }
    }

    /// The status that goes with it; RFC 9209's recommendation, but for a prohibited destination
    /// 403, since it is our own rule that says no.
    pub fn status(self) -> u16 {
        match self {
            ProxyError::HttpRequestError => 400,
            ProxyError::DestinationIpProhibited | ProxyError::HttpRequestDenied => 403,
            ProxyError::ProxyInternalError | ProxyError::ProxyConfigurationError => 500,
            ProxyError::DnsError
            | ProxyError::DestinationIpUnroutable
            | ProxyError::ConnectionRefused
            | ProxyError::ConnectionTerminated
            | ProxyError::ProxyLoopDetected
            | ProxyError::TlsProtocolError
            | ProxyError::TlsCertificateError => 502,
            ProxyError::DestinationUnavailable | ProxyError::ConnectionLimitReached => 503,
            ProxyError::DnsTimeout | ProxyError::ConnectionTimeout => 504,
        }
    }
}

/// The value that says who we are, what went wrong and why.
pub fn format(error: ProxyError, details: &str) -> String {
    // A structured-field string is printable ASCII with `"` and `\` escaped (RFC 9651 §3.3.3).
    let mut text = String::new();
    for c in details.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            ' '..='~' => text.push(c),
            _ => text.push('?'),
        }
    }
    format!("tuncat; error={}; details=\"{text}\"", error.token())
}

/// What another proxy said of its error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The `error` token.
    pub error: String,
    pub details: Option<String>,
}

/// The error that the proxy nearest to us reported, if the values hold one: the last member of the
/// list is the one closest to the user (RFC 9209 §2).
pub fn parse<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<Reported> {
    let joined = values.collect::<Vec<_>>().join(&b", "[..]);
    let list: sfv::List = Parser::new(&joined[..]).parse().ok()?;
    list.iter().rev().find_map(|entry| {
        let params = match entry {
            ListEntry::Item(item) => &item.params,
            ListEntry::InnerList(list) => &list.params,
        };
        let text = |key: &str| match params.get(key)? {
            BareItem::Token(token) => Some(token.as_str().to_owned()),
            BareItem::String(string) => Some(string.as_str().to_owned()),
            _ => None,
        };
        Some(Reported {
            error: text("error")?,
            details: text("details"),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_write_we_read() {
        let value = format(ProxyError::DnsError, "no \"such\" näme\n");
        let reported = parse([value.as_bytes()].into_iter()).unwrap();
        assert_eq!(reported.error, "dns_error");
        assert_eq!(reported.details.unwrap(), "no \"such\" n?me?");
    }

    #[test]
    fn the_nearest_proxy_with_an_error_speaks() {
        let values = [
            &b"a; error=dns_error, b;error=connection_timeout"[..],
            b"\"c d\"",
        ];
        assert_eq!(
            parse(values.into_iter()).unwrap().error,
            "connection_timeout"
        );
    }

    #[test]
    fn nonsense_is_no_report() {
        for bad in [
            &b""[..],
            b"\xff",
            b"a; error",
            b"a; error=1",
            b"=;=",
            b"a;error=\"",
        ] {
            assert_eq!(parse([bad].into_iter()), None, "{bad:?}");
        }
    }
}
