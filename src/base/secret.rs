//! Secrets that do not print themselves.

use std::fmt;
use zeroize::Zeroizing;

/// A password or token. `Debug` shows nothing of it; its memory is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Secret(Zeroizing::new(text.into()))
    }

    /// The text itself: for the wire only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Who we are to one proxy. A missing password has still to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: Option<Secret>,
}

impl Credentials {
    /// From `USER[:PASSWORD]`; the password begins after the first colon (RFC 7617 §2: a user-id
    /// has none).
    pub fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some((user, password)) => Credentials {
                user: user.into(),
                password: Some(Secret::new(password)),
            },
            None => Credentials {
                user: text.into(),
                password: None,
            },
        }
    }
}
