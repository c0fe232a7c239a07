//! The schemes that a client has, the strongest first.

use std::fmt;
use std::str::FromStr;

/// An authentication scheme (RFC 9110 §11.1), in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// Kerberos by way of SPNEGO (RFC 4559).
    Negotiate,
    /// NTLMv2 (MS-NLMP).
    Ntlm,
    /// RFC 7616.
    Digest,
    /// RFC 7617.
    Basic,
    /// RFC 6750. Only where the user wants it: the password is the token then.
    Bearer,
}

impl Scheme {
    pub const ALL: [Scheme; 5] = [
        Scheme::Negotiate,
        Scheme::Ntlm,
        Scheme::Digest,
        Scheme::Basic,
        Scheme::Bearer,
    ];

    /// It authenticates a connection, not a request, and so has HTTP/1.1 only.
    pub fn is_of_connection(self) -> bool {
        matches!(self, Scheme::Negotiate | Scheme::Ntlm)
    }

    /// As challenges name it.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Negotiate => "Negotiate",
            Scheme::Ntlm => "NTLM",
            Scheme::Digest => "Digest",
            Scheme::Basic => "Basic",
            Scheme::Bearer => "Bearer",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Scheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Scheme, String> {
        let known = Scheme::ALL.into_iter();
        let mut known = known.filter(|s| s.name().eq_ignore_ascii_case(text));
        known
            .next()
            .ok_or_else(|| "there are negotiate, ntlm, digest, basic, bearer".into())
    }
}
