//! The users a terminator knows.

use crate::auth::basic;
use crate::auth::htpasswd::Hash;
use crate::base::{Credentials, Secret};
use ring::hmac;
use ring::rand::SystemRandom;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Users and passwords, kept only as keyed hashes.
///
/// What a client sends is hashed under a key that nobody outside knows, and the hash is looked up: how long that takes
/// tells nothing about any password, nor whether a user exists. Passwords of an htpasswd file are known only by its
/// slow hashes; those are asked once for each password that is right, and for every one that is not.
pub struct Users {
    key: hmac::Key,
    /// What is known to be right, and whose it is.
    known: Mutex<HashMap<Vec<u8>, Arc<str>>>,
    hashed: HashMap<String, Hash>,
    /// For users that do not exist: it takes as long to turn them down.
    somebody: Option<Hash>,
}

/// One line of a file with users.
pub enum User {
    /// With the password itself.
    Plain(Credentials),
    Hashed {
        user: String,
        hash: Hash,
    },
}

/// What comes of a `Proxy-Authorization` value.
pub enum Checked {
    /// Right; the user's name.
    Right(Arc<str>),
    Wrong,
    /// To be found out with a slow hash.
    Slow(Slow),
}

/// A password that is to be verified in a thread of its own.
pub struct Slow {
    pair: Secret,
    hash: Hash,
    /// Nothing where there is no such user.
    user: Option<Arc<str>>,
}

impl Users {
    pub fn new(users: impl IntoIterator<Item = User>) -> Result<Self, String> {
        let random = SystemRandom::new();
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &random)
            .map_err(|_| String::from("no random numbers from the system"))?;
        let (mut known, mut hashed) = (HashMap::new(), HashMap::new());
        for user in users {
            match user {
                User::Plain(user) => {
                    let Some(password) = &user.password else {
                        return Err(format!("user '{}' has no password", user.user));
                    };
                    let pair = Secret::new(format!("{}:{}", user.user, password.expose()));
                    known.insert(signed(&key, &pair), user.user.into());
                }
                User::Hashed { user, hash } => {
                    hashed.insert(user, hash);
                }
            }
        }
        Ok(Users {
            key,
            known: Mutex::new(known),
            somebody: hashed.values().next().cloned(),
            hashed,
        })
    }

    /// What can be said at once of a `Proxy-Authorization` value.
    pub fn check(&self, authorization: &[u8]) -> Checked {
        let Some(pair) = basic::decode(authorization) else {
            return Checked::Wrong;
        };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(user) = known.get(&signed(&self.key, &pair)) {
            return Checked::Right(user.clone());
        }
        let name = pair.expose().split_once(':').map_or("", |(user, _)| user);
        match (self.hashed.get_key_value(name), &self.somebody) {
            (Some((user, hash)), _) => Checked::Slow(Slow {
                user: Some(user.as_str().into()),
                hash: hash.clone(),
                pair,
            }),
            (None, Some(hash)) => Checked::Slow(Slow {
                user: None,
                hash: hash.clone(),
                pair,
            }),
            (None, None) => Checked::Wrong,
        }
    }

    /// Blocks for as long as the hash takes. The user's name where the password is right.
    pub fn verify(&self, slow: &Slow) -> Option<Arc<str>> {
        let password = slow.pair.expose().split_once(':').map_or("", |(_, p)| p);
        let right = slow.hash.verify(password.as_bytes());
        let user = slow.user.clone().filter(|_| right)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // bcrypt looks at 72 octets: a user may have any number of passwords that are right, but one is remembered.
        known.retain(|_, of| *of != user);
        known.insert(signed(&self.key, &slow.pair), user.clone());
        Some(user)
    }

    /// One user a line, `user:password` or as htpasswd writes it; empty lines and `#` comments are passed over.
    pub fn parse_file(text: &str) -> Result<Vec<User>, String> {
        let mut users = Vec::new();
        for (n, line) in text.lines().enumerate() {
            let line = line.trim_end_matches('\r');
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |why: &str| format!("line {}: {why}", n + 1);
            let user = Credentials::parse(line);
            let Some(password) = &user.password else {
                return Err(wrong("no colon; write user:password"));
            };
            let hash = Hash::parse(password.expose()).map_err(|why| wrong(&why))?;
            users.push(match hash {
                Some(hash) => User::Hashed {
                    user: user.user,
                    hash,
                },
                None => User::Plain(user),
            });
        }
        Ok(users)
    }
}

fn signed(key: &hmac::Key, pair: &Secret) -> Vec<u8> {
    hmac::sign(key, pair.expose().as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(users: &Users, text: &str) -> Option<String> {
        let value = basic::authorization(&Credentials::parse(text)).unwrap();
        match users.check(value.expose().as_bytes()) {
            Checked::Right(user) => Some(user.to_string()),
            Checked::Wrong => None,
            Checked::Slow(slow) => users.verify(&slow).map(|user| user.to_string()),
        }
    }

    #[test]
    fn right_and_wrong() {
        let users = Users::new(Users::parse_file("# c\n\nann:a:b\r\nbob:x\n").unwrap()).unwrap();
        assert_eq!(check(&users, "ann:a:b").as_deref(), Some("ann"));
        for wrong in ["ann:", "ann:a", "bob:", "bob:xx", "carl:x", ":x"] {
            assert_eq!(check(&users, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_hash_is_asked_once_for_what_is_right() {
        let file = "ann:$apr1$RandSalt$PgCXHRrkpSt4cbyC2C6bm/\nbob:x\n";
        let users = Users::new(Users::parse_file(file).unwrap()).unwrap();
        let value = basic::authorization(&Credentials::parse("ann:password")).unwrap();
        let value = value.expose().as_bytes();
        assert!(matches!(users.check(value), Checked::Slow(_)));
        assert_eq!(check(&users, "ann:password").as_deref(), Some("ann"));
        assert!(matches!(users.check(value), Checked::Right(_)));
        for wrong in ["ann:passwore", "ann:", "carl:password", "bob:y"] {
            for _ in 0..2 {
                let value = basic::authorization(&Credentials::parse(wrong)).unwrap();
                let checked = users.check(value.expose().as_bytes());
                assert!(matches!(checked, Checked::Slow(_)), "{wrong}");
                assert_eq!(check(&users, wrong), None, "{wrong}");
            }
        }
        assert_eq!(check(&users, "bob:x").as_deref(), Some("bob"));
    }

    #[test]
    fn files_that_are_wrong() {
        let wrong = |text: &str| Users::parse_file(text).err().unwrap();
        assert!(wrong("ann").contains("line 1"));
        assert!(wrong("\nann:$2y$05$x").contains("line 2"));
    }
}
