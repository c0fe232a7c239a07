//! The NTLM scheme: NTLMv2 only (MS-NLMP, and MS-NTHT for its place in HTTP).

use crate::base::{Credentials, Secret};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ntlmclient::{Flags, Message, NegotiateMessage, TargetInfoType, respond_challenge_ntlm_v2};
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroize;

/// From 1601, where the field's time begins, to 1970 (MS-NLMP §2.2.2.7), in seconds.
const EPOCH: u64 = 11_644_473_600;

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
    let message = Message::try_from(&octets[..]);
    let Ok(Message::Challenge(challenge)) = message else {
        return Err("its NTLM challenge cannot be read".into());
    };
    let mut information = Vec::new();
    let mut time = None;
    for entry in &challenge.target_information {
        if entry.entry_type == TargetInfoType::Timestamp {
            let octets = entry.data.get(..8).and_then(|d| d.try_into().ok());
            time = octets.map(i64::from_le_bytes);
        }
        information.extend(entry.to_bytes());
    }
    information.extend([0; 4]);
    // The server's clock, where it says (MS-NLMP §3.1.5.1.2): ours may be wrong.
    let time = time.unwrap_or_else(now);
    let mut credentials = credentials(who);
    let response = respond_challenge_ntlm_v2(challenge.challenge, &information, time, &credentials);
    let flags = flags() & challenge.flags | Flags::NEGOTIATE_UNICODE;
    let message = response.to_message(&credentials, "", flags);
    credentials.password.zeroize();
    value(&message)
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
