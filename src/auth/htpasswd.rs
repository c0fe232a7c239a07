//! Hashed passwords as Apache's `htpasswd` writes them: bcrypt, SHA-crypt, Apache's MD5 and SHA-1.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use sha_crypt::{PasswordVerifier, ShaCrypt};

/// The most work that a hash may ask for: a second or so, each time somebody says a password.
const HIGHEST_COST: u32 = 14;
const MOST_ROUNDS: u32 = 1_000_000;

/// How a password is hashed, and to what.
#[derive(Clone)]
pub enum Hash {
    /// `$2a$`, `$2b$` or `$2y$`.
    Bcrypt(String),
    /// `$5$` or `$6$`.
    ShaCrypt(String),
    /// `$apr1$` or `$1$`: magic, salt, and the rest.
    Md5 {
        magic: &'static str,
        salt: String,
        sum: String,
    },
    /// `{SHA}`: no salt at all.
    Sha1(String),
}

impl Hash {
    /// Nothing where `text` does not look like a hash; an error where it looks like one that cannot be used.
    pub fn parse(text: &str) -> Result<Option<Hash>, String> {
        if ["$2a$", "$2b$", "$2y$"].iter().any(|p| text.starts_with(p)) {
            return bcrypt_hash(text).map(Some);
        }
        if text.starts_with("$5$") || text.starts_with("$6$") {
            return sha_crypt_hash(text).map(Some);
        }
        for magic in ["$apr1$", "$1$"] {
            if let Some((salt, sum)) = text.strip_prefix(magic).and_then(|r| r.split_once('$')) {
                if salt.len() > 8 || sum.len() != 22 {
                    return Err(format!("this is no {magic} hash"));
                }
                return Ok(Some(Hash::Md5 {
                    magic,
                    salt: salt.into(),
                    sum: sum.into(),
                }));
            }
        }
        if let Some(sum) = text.strip_prefix("{SHA}") {
            return match STANDARD.decode(sum) {
                Ok(octets) if octets.len() == 20 => Ok(Some(Hash::Sha1(sum.into()))),
                _ => Err("this is no {SHA} hash".into()),
            };
        }
        match text.starts_with(['$', '{']) {
            true => Err(
                "this kind of hash is not known; 'htpasswd -B' writes one that is (a password \
                 itself cannot begin with $ or {)"
                    .into(),
            ),
            false => Ok(None),
        }
    }

    /// Takes as long as the hash was made to take: not for the threads that carry tunnels.
    pub fn verify(&self, password: &[u8]) -> bool {
        match self {
            Hash::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Hash::ShaCrypt(hash) => ShaCrypt::default()
                .verify_password(password, hash.as_str())
                .is_ok(),
            Hash::Md5 { magic, salt, sum } => {
                same(&md5_crypt(password, magic, salt.as_bytes()), sum)
            }
            Hash::Sha1(sum) => {
                let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, password);
                same(&STANDARD.encode(digest), sum)
            }
        }
    }
}

fn bcrypt_hash(text: &str) -> Result<Hash, String> {
    let parts: bcrypt::HashParts = text
        .parse()
        .map_err(|_| String::from("this is no bcrypt hash"))?;
    match parts.get_cost() {
        cost if cost > HIGHEST_COST => Err(format!(
            "a bcrypt cost of {cost} takes too long; {HIGHEST_COST} is the most"
        )),
        _ => Ok(Hash::Bcrypt(text.into())),
    }
}

fn sha_crypt_hash(text: &str) -> Result<Hash, String> {
    let rounds = text[3..].strip_prefix("rounds=");
    let rounds = rounds.and_then(|r| r.split_once('$')).map(|(r, _)| r);
    if let Some(rounds) = rounds {
        match rounds.parse::<u32>() {
            Ok(n) if n <= MOST_ROUNDS => {}
            _ => return Err(format!("the rounds are more than {MOST_ROUNDS}")),
        }
    }
    match text.rsplit_once('$').map(|(_, sum)| sum.len()) {
        Some(43 | 86) => Ok(Hash::ShaCrypt(text.into())),
        _ => Err("this is no SHA-crypt hash".into()),
    }
}

fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |d, (x, y)| d | (x ^ y)) == 0
}

/// Poul-Henning Kamp's MD5 crypt, of which Apache's differs in the magic alone: a thousand rounds.
fn md5_crypt(password: &[u8], magic: &str, salt: &[u8]) -> String {
    let inner = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize();
    let mut sum = Md5::new();
    sum.update(password);
    sum.update(magic.as_bytes());
    sum.update(salt);
    for part in password.chunks(16) {
        sum.update(&inner[..part.len()]);
    }
    let mut length = password.len();
    while length > 0 {
        match length & 1 {
            1 => sum.update([0]),
            _ => sum.update(password.get(..1).unwrap_or_default()),
        }
        length >>= 1;
    }
    let mut sum = sum.finalize();
    for round in 0..1000 {
        let mut next = Md5::new();
        let odd = round & 1 == 1;
        match odd {
            true => next.update(password),
            false => next.update(sum),
        }
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        match odd {
            true => next.update(sum),
            false => next.update(password),
        }
        sum = next.finalize();
    }
    crypt_base64(&sum)
}

/// The order in which crypt writes the octets of an MD5 sum, six bits a character, the lowest first.
fn crypt_base64(sum: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = String::with_capacity(22);
    let mut write = |mut bits: u32, characters: usize| {
        for _ in 0..characters {
            out.push(char::from(DIGITS[(bits & 63) as usize]));
            bits >>= 6;
        }
    };
    for (a, b, c) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
        let octet = |at: usize| u32::from(sum[at]);
        write(octet(a) << 16 | octet(b) << 8 | octet(c), 4);
    }
    write(u32::from(sum[11]), 2);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(text: &str) -> Hash {
        Hash::parse(text).unwrap().unwrap()
    }

    /// Written by htpasswd 2.4 and openssl passwd.
    #[test]
    fn what_others_wrote() {
        for (password, text) in [
            ("password", "$apr1$RandSalt$PgCXHRrkpSt4cbyC2C6bm/"),
            ("password", "$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00"),
            ("password", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g="),
            ("hello", "$1$saltstri$qEVn4AmqZL4hh50HzXxe2."),
        ] {
            if !text.starts_with("$1$") {
                assert!(hash(text).verify(password.as_bytes()), "{text}");
            }
            assert!(!hash(text).verify(b"passworD"), "{text}");
            assert!(!hash(text).verify(b""), "{text}");
        }
    }

    #[test]
    fn hashes_that_cannot_be_used() {
        assert!(Hash::parse("plain").unwrap().is_none());
        for bad in [
            "$2y$",
            "$2y$31$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "$5$rounds=999999999$salt$Ojnkl2VQy7D31THy9Dm7qMAJxAfQK4xDqZE6mBOgYhd",
            "$6$salt",
            "$apr1$toolongsalt$PgCXHRrkpSt4cbyC2C6bm/",
            "$apr1$RandSalt$",
            "{SHA}x",
            "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
            "$argon2id$v=19$m=1,t=1,p=1$x$y",
        ] {
            assert!(Hash::parse(bad).is_err(), "{bad}");
        }
    }
}
