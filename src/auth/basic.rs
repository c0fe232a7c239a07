//! The Basic scheme (RFC 7617).

use crate::base::{Credentials, Secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Whether user and password can be said: a user-id has no colon, neither has a control character (RFC 7617 §2;
/// Digest is no different, RFC 7616 §3.4.4).
pub fn check(credentials: &Credentials) -> Result<(), String> {
    let password = credentials.password.as_ref().map_or("", |p| p.expose());
    if credentials.user.contains(':') {
        return Err("a user name for a proxy has no colon".into());
    }
    let mut characters = credentials.user.chars().chain(password.chars());
    if characters.any(char::is_control) {
        return Err("user name or password has a control character".into());
    }
    Ok(())
}

/// The value of `Proxy-Authorization`. A missing password counts as an empty one.
pub fn authorization(credentials: &Credentials) -> Result<Secret, String> {
    check(credentials)?;
    let password = credentials.password.as_ref().map_or("", |p| p.expose());
    let pair = Secret::new(format!("{}:{password}", credentials.user));
    Ok(Secret::new(format!(
        "Basic {}",
        STANDARD.encode(pair.expose())
    )))
}

/// `user:password` out of a `Proxy-Authorization` value of this scheme.
pub fn decode(value: &[u8]) -> Option<Secret> {
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let pair = STANDARD.decode(encoded.trim_ascii()).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    pair.contains(':').then(|| Secret::new(pair))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        let value = authorization(&Credentials::parse("Aladdin:open sesame")).unwrap();
        assert_eq!(value.expose(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(
            decode(value.expose().as_bytes()).unwrap().expose(),
            "Aladdin:open sesame"
        );
    }

    #[test]
    fn what_cannot_be_said() {
        let user_with_colon = Credentials {
            user: "a:b".into(),
            password: None,
        };
        assert!(authorization(&user_with_colon).is_err());
        assert!(authorization(&Credentials::parse("a:b\r\n")).is_err());
        for bad in ["", "Basic", "Basic !", "Basic YQ==", "Bearer YTpi"] {
            assert!(decode(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
