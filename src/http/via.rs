//! `Via` (RFC 9110 §7.6.3): the proxies that a request has passed, by which one that comes round again is known.

use crate::http::{Field, Fields, ProxyError, Refusal};
use ring::rand::{SecureRandom, SystemRandom};
use std::sync::OnceLock;

/// Proxies that a request may have passed.
const LONGEST: usize = 16;

/// How this process calls itself: a pseudonym that tells nothing of the machine, and that no other has.
pub fn pseudonym() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let mut octets = [0; 8];
        if SystemRandom::new().fill(&mut octets).is_err() {
            // Two processes of one machine still differ.
            octets = u64::from(std::process::id()).to_be_bytes();
        }
        format!("tuncat-{:016x}", u64::from_be_bytes(octets))
    })
}

/// Refuses a request that has been here already, or that was passed on too often.
pub fn check(fields: &Fields) -> Result<(), Refusal> {
    let mut passed = 0;
    for value in fields.all("via") {
        for member in value.split(|&b| b == b',') {
            passed += 1;
            // received-protocol RWS received-by [ RWS comment ]
            let mut words = member
                .split(u8::is_ascii_whitespace)
                .filter(|w| !w.is_empty());
            if words.nth(1) == Some(pseudonym().as_bytes()) {
                return Err(loops("the request has been here already"));
            }
        }
    }
    match passed > LONGEST {
        true => Err(loops("the request has passed too many proxies")),
        false => Ok(()),
    }
}

fn loops(details: &str) -> Refusal {
    Refusal::new(ProxyError::ProxyLoopDetected, details)
}

/// What goes on to the next proxy: the way so far, and us. `version` is that of the request that came in.
pub fn passed_on(so_far: &[Field], version: &str) -> Vec<Field> {
    let own = Field {
        name: "Via".into(),
        value: format!("{version} {}", pseudonym()).into_bytes(),
    };
    so_far.iter().cloned().chain([own]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(values: &[&str]) -> Fields {
        let field = |value: &&str| Field::parse(&format!("via: {value}")).unwrap();
        Fields(values.iter().map(field).collect())
    }

    #[test]
    fn own_name_anywhere_is_a_loop() {
        let us = pseudonym();
        for values in [
            vec![format!("1.1 {us}")],
            vec![format!("1.0 a, HTTP/2 {us} (comment), 1.1 b")],
            vec!["1.1 a".into(), format!("1.1 b,2  {us}")],
            vec!["1.1 x".into(); LONGEST + 1],
        ] {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let refusal = check(&fields(&values)).unwrap_err();
            assert_eq!(refusal.error, ProxyError::ProxyLoopDetected, "{values:?}");
        }
        let near = format!("1.1 {us}x, {us} y");
        for values in [
            vec![],
            vec!["1.1 a, 2 b"],
            vec![near.as_str()],
            vec!["1.1 x"; LONGEST],
        ] {
            assert_eq!(check(&fields(&values)), Ok(()), "{values:?}");
        }
    }

    #[test]
    fn we_come_last() {
        let all = passed_on(&fields(&["1.1 a"]).0, "2");
        let last = String::from_utf8(all[1].value.clone()).unwrap();
        assert_eq!((all.len(), last), (2, format!("2 {}", pseudonym())));
    }
}
