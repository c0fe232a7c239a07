//! The users a terminator knows.

use crate::auth::basic;
use crate::base::{Credentials, Secret};
use ring::hmac;
use ring::rand::SystemRandom;
use std::collections::HashSet;

/// Users and passwords, kept only as keyed hashes.
///
/// What a client sends is hashed under a key that nobody outside knows, and the hash is looked up:
/// how long that takes tells nothing about any password, nor whether a user exists.
pub struct Users {
    key: hmac::Key,
    known: HashSet<Vec<u8>>,
}

impl Users {
    pub fn new(users: impl IntoIterator<Item = Credentials>) -> Result<Self, String> {
        let random = SystemRandom::new();
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &random)
            .map_err(|_| String::from("no random numbers from the system"))?;
        let mut known = HashSet::new();
        for user in users {
            let Some(password) = &user.password else {
                return Err(format!("user '{}' has no password", user.user));
            };
            let pair = Secret::new(format!("{}:{}", user.user, password.expose()));
            known.insert(hmac::sign(&key, pair.expose().as_bytes()).as_ref().to_vec());
        }
        Ok(Users { key, known })
    }

    /// The user's name if a `Proxy-Authorization` value is right.
    pub fn check(&self, authorization: &[u8]) -> Option<String> {
        let pair = basic::decode(authorization)?;
        let hash = hmac::sign(&self.key, pair.expose().as_bytes());
        if !self.known.contains(hash.as_ref()) {
            return None;
        }
        pair.expose()
            .split_once(':')
            .map(|(user, _)| user.to_owned())
    }

    /// One user a line, `user:password`; empty lines and `#` comments are passed over.
    pub fn parse_file(text: &str) -> Result<Vec<Credentials>, String> {
        let mut users = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim_end_matches('\r');
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let user = Credentials::parse(line);
            match &user.password {
                None => return Err(format!("line {}: no colon; write user:password", n + 1)),
                Some(p) if p.expose().starts_with(['$', '{']) => {
                    let line = n + 1;
                    return Err(format!(
                        "line {line}: hashed passwords are not supported yet"
                    ));
                }
                Some(_) => users.push(user),
            }
        }
        Ok(users)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_and_wrong() {
        let users = Users::new(Users::parse_file("# c\n\nann:a:b\r\nbob:x\n").unwrap()).unwrap();
        let check = |text: &str| {
            let value = basic::authorization(&Credentials::parse(text)).unwrap();
            users.check(value.expose().as_bytes())
        };
        assert_eq!(check("ann:a:b").as_deref(), Some("ann"));
        for wrong in ["ann:", "ann:a", "bob:", "bob:xx", "carl:x", ":x"] {
            assert_eq!(check(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn files_that_are_wrong() {
        assert!(Users::parse_file("ann").unwrap_err().contains("line 1"));
        assert!(
            Users::parse_file("\nann:$2y$05$x")
                .unwrap_err()
                .contains("line 2")
        );
    }
}
