//! The NTLM scheme: NTLMv2 only (MS-NLMP, and MS-NTHT for its place in HTTP).

use crate::base::{Credentials, Secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ntlmclient::{Flags, Message, NegotiateMessage, respond_challenge_ntlm_v2};
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroize;

/// From 1601, where the field's time begins, to 1970 (MS-NLMP §2.2.2.7), in seconds.
const EPOCH: u64 = 11_644_473_600;

/// Octets of a user name, and of what a server says of itself: lengths have 16 bits.
const LONGEST: usize = 8 * 1024;

/// The value that begins it. Nothing of the user is in it.
pub fn begin() -> Result<Secret, String> {
    let message = Message::Negotiate(NegotiateMessage {
        flags: flags(),
        supplied_domain: String::new(),
        supplied_workstation: String::new(),
        os_version: Default::default(),
    });
    value(&message)
}

/// The value that answers the server's challenge.
pub fn answer(token68: &str, who: &Credentials) -> Result<Secret, String> {
    let octets = STANDARD.decode(token68);
    let octets = octets.map_err(|_| "its NTLM challenge is not base64")?;
    let challenge = Challenge::read(&octets).ok_or("its NTLM challenge cannot be read")?;
    if who.user.len() > LONGEST {
        return Err("the user name is too long for NTLM".into());
    }
    // The server's clock, where it says (MS-NLMP §3.1.5.1.2): ours may be wrong.
    let time = challenge.time().unwrap_or_else(now);
    let mut credentials = credentials(who);
    let response =
        respond_challenge_ntlm_v2(challenge.nonce, challenge.information, time, &credentials);
    let flags = flags() & Flags::from_bits_truncate(challenge.flags) | Flags::NEGOTIATE_UNICODE;
    let message = response.to_message(&credentials, "", flags);
    credentials.password.zeroize();
    value(&message)
}

/// What matters of a CHALLENGE_MESSAGE (MS-NLMP §2.2.1.2). Read here: a proxy must not be able to end us.
struct Challenge<'a> {
    flags: u32,
    nonce: [u8; 8],
    /// AV pairs (§2.2.2.1).
    information: &'a [u8],
}

impl<'a> Challenge<'a> {
    fn read(octets: &'a [u8]) -> Option<Self> {
        let u32_at = |at: usize| {
            let octets = octets.get(at..at + 4)?;
            Some(u32::from_le_bytes(octets.try_into().ok()?))
        };
        if octets.get(..8)? != b"NTLMSSP\0" || u32_at(8)? != 2 {
            return None;
        }
        let nonce = octets.get(24..32)?.try_into().ok()?;
        // Old servers end here.
        let information = match (u32_at(40), u32_at(44)) {
            (Some(lengths), Some(offset)) if lengths & 0xffff > 0 => {
                let (length, offset) = ((lengths & 0xffff) as usize, offset as usize);
                octets.get(offset..offset.checked_add(length)?)?
            }
            _ => &[],
        };
        (information.len() <= LONGEST).then_some(Challenge {
            flags: u32_at(20)?,
            nonce,
            information,
        })
    }

    /// MsvAvTimestamp, where it is there.
    fn time(&self) -> Option<i64> {
        const TIMESTAMP: u16 = 7;
        let mut rest = self.information;
        loop {
            let (head, behind) = rest.split_at_checked(4)?;
            let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
            let (value, behind) = behind.split_at_checked(length)?;
            if u16::from_le_bytes([head[0], head[1]]) == TIMESTAMP {
                return Some(i64::from_le_bytes(value.try_into().ok()?));
            }
            rest = behind;
        }
    }
}

/// `DOMAIN\user`; anything else is a user name of no domain, `user@realm` too.
fn credentials(who: &Credentials) -> ntlmclient::Credentials {
    let (domain, username) = who.user.split_once('\\').unwrap_or(("", &who.user));
    ntlmclient::Credentials {
        username: username.into(),
        password: who.password.as_ref().map_or("", |p| p.expose()).into(),
        domain: domain.into(),
    }
}

fn flags() -> Flags {
    Flags::NEGOTIATE_UNICODE
        | Flags::REQUEST_TARGET
        | Flags::NEGOTIATE_NTLM
        | Flags::NEGOTIATE_ALWAYS_SIGN
        | Flags::NEGOTIATE_NTLM2_KEY
}

/// In units of 100 ns.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default();
    let units = (since.as_secs() + EPOCH) * 10_000_000 + u64::from(since.subsec_nanos() / 100);
    i64::try_from(units).unwrap_or(i64::MAX)
}

fn value(message: &Message) -> Result<Secret, String> {
    let octets = message.to_bytes();
    let mut octets = octets.map_err(|e| format!("NTLM cannot express this: {e}"))?;
    let value = Secret::new(format!("NTLM {}", STANDARD.encode(&octets)));
    octets.zeroize();
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MS-NLMP §4.2.4: NTOWFv2 of that user, and the answer to its challenge with a client challenge and time of
    /// their own, which are random and now here.
    #[test]
    fn the_key_of_the_specification() {
        let who = Credentials::parse("Domain\\User:Password");
        let key = ntlmclient::ntlm_v2_password_func(&credentials(&who));
        let wanted = [
            0x0c, 0x86, 0x8a, 0x40, 0x3b, 0xfd, 0x7a, 0x93, 0xa3, 0x00, 0x1e, 0xf2, 0x2e, 0xf0,
            0x2e, 0x3f,
        ];
        assert_eq!(key, wanted);
    }

    /// A challenge with a timestamp, as Samba sends it.
    fn challenge() -> Vec<u8> {
        let information = [
            &[2, 0, 8, 0, b'C', 0, b'O', 0, b'R', 0, b'P', 0][..],
            &[7, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0, 0, 0, 0],
        ]
        .concat();
        let mut octets = b"NTLMSSP\0\x02\0\0\0".to_vec();
        octets.extend([0, 0, 0, 0, 48, 0, 0, 0]);
        octets.extend(0x0082_8205_u32.to_le_bytes());
        octets.extend([1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]);
        octets.extend([0; 8]);
        let length = (information.len() as u16).to_le_bytes();
        octets.extend([length, length].concat());
        octets.extend(48_u32.to_le_bytes());
        octets.extend(information);
        octets
    }

    #[test]
    fn the_servers_clock() {
        let octets = challenge();
        let read = Challenge::read(&octets).unwrap();
        assert_eq!(read.nonce[0], 1);
        assert_eq!(read.time(), Some(0x0807_0605_0403_0201));
        let who = Credentials::parse("me:secret");
        let value = answer(&STANDARD.encode(&octets), &who).unwrap();
        let sent = STANDARD.decode(value.expose().strip_prefix("NTLM ").unwrap());
        let sent = sent.unwrap();
        assert_eq!(sent[8], 3);
        assert!(sent.windows(8).any(|w| w == [1, 2, 3, 4, 5, 6, 7, 8]));
    }

    /// Cut anywhere or with any octet changed, it is refused or answered, and nothing else.
    #[test]
    fn challenges_that_are_wrong() {
        let who = Credentials::parse("me:secret");
        let whole = challenge();
        for end in 0..whole.len() {
            let _ = answer(&STANDARD.encode(&whole[..end]), &who);
        }
        assert!(answer(&STANDARD.encode(&whole[..31]), &who).is_err());
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut octets = whole.clone();
                octets[at] = value;
                let _ = answer(&STANDARD.encode(&octets), &who);
            }
        }
        assert!(answer("%", &who).is_err());
        let long = Credentials::parse(&format!("{}:x", "u".repeat(LONGEST + 1)));
        assert!(answer(&STANDARD.encode(&whole), &long).is_err());
    }
}
