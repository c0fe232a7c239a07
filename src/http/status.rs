//! What a status of an answer to CONNECT means for the user.

use crate::base::{Blame, Kind};

/// The usual reason phrase.
pub fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        404 => "Not Found",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Refused",
    }
}

/// What kind of failure a final, not successful answer is, and who can mend it. `token` is the
/// proxy's own error token, more exact than the status where there is one; `post` says that the
/// tunnel was asked for by POST.
pub fn meaning(status: u16, token: Option<&str>, post: bool) -> (Kind, Blame) {
    match token {
        Some("dns_error" | "dns_timeout" | "destination_not_found") => {
            return (Kind::TargetNotResolved, Blame::Target);
        }
        Some(
            "destination_unavailable"
            | "destination_ip_unroutable"
            | "connection_refused"
            | "connection_terminated"
            | "connection_timeout",
        ) => return (Kind::TargetUnreachable, Blame::Target),
        Some("destination_ip_prohibited" | "http_request_denied")
            if !matches!(status, 401 | 407) =>
        {
            return (Kind::Refused, Blame::Proxy);
        }
        // Squid's own tokens, from `X-Squid-Error`. It answers CONNECT to a name that it cannot
        // resolve with the second, among other troubles.
        Some("ERR_DNS_FAIL") => return (Kind::TargetNotResolved, Blame::Target),
        Some("ERR_CANNOT_FORWARD" | "ERR_CONNECT_FAIL") => {
            return (Kind::TargetUnreachable, Blame::Target);
        }
        _ => {}
    }
    match status {
        400 | 405 | 426 | 501 => (Kind::Unsupported, Blame::Proxy),
        // Nobody there who knows POST tunnels, or somebody on the way who wants the whole request
        // first, with a length, and not for ever.
        404 | 408 | 411 | 413 | 421 | 505 if post => (Kind::Unsupported, Blame::Proxy),
        // 401 is an origin's, but some proxies (tinyproxy) say it of themselves.
        401 | 407 => (Kind::ProxyAuth, Blame::User),
        429 => (Kind::RateLimited, Blame::Proxy),
        502..=504 => (Kind::TargetUnreachable, Blame::Target),
        _ => (Kind::Refused, Blame::Proxy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever asks for a password may call that a denied request, and it still is a matter of the
    /// password.
    #[test]
    fn a_token_does_not_hide_that_a_password_is_wanted() {
        for token in [None, Some("http_request_denied")] {
            for post in [false, true] {
                assert_eq!(meaning(401, token, post).0, Kind::ProxyAuth);
                assert_eq!(meaning(407, token, post).0, Kind::ProxyAuth);
            }
        }
        let denied = meaning(403, Some("http_request_denied"), true);
        assert_eq!(denied, (Kind::Refused, Blame::Proxy));
    }
}
