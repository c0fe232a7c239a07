//! The Digest scheme (RFC 7616): MD5, SHA-256 and SHA-512/256, with and without `-sess`.

use crate::auth::{Asked, Challenge};
use crate::base::{Credentials, Secret};
use digest_auth::{AuthContext, HttpMethod, WwwAuthenticateHeader};

/// A nonce of a proxy, and how often it was used.
pub struct Digest(WwwAuthenticateHeader);

impl Digest {
    /// From a challenge; an error where it cannot be answered.
    pub fn new(challenge: &Challenge) -> Result<Self, String> {
        // Said once more in the words that the parser expects: proxies spell in many ways.
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let parameters = challenge.parameters.iter();
        let parameters: Vec<String> = parameters
            .map(|(name, value)| format!("{name}=\"{}\"", quoted(value)))
            .collect();
        let prompt = format!("Digest {}", parameters.join(", "));
        let prompt = WwwAuthenticateHeader::parse(&prompt);
        let mut prompt = prompt.map_err(|e| format!("its Digest challenge: {e}"))?;
        // A CONNECT has no content, and that of a POST is not there yet.
        if let Some(qop) = &mut prompt.qop {
            qop.retain(|q| *q == digest_auth::Qop::AUTH);
            if qop.is_empty() {
                return Err("its Digest wants the content hashed (qop=auth-int)".into());
            }
        }
        Ok(Digest(prompt))
    }

    /// How good a challenge is; higher is better.
    pub fn rank(challenge: &Challenge) -> u8 {
        match challenge.parameter("algorithm") {
            Some(name) if !name.to_ascii_uppercase().starts_with("MD5") => 1,
            _ => 0,
        }
    }

    /// The proxy says that the credentials are right and only the nonce is too old.
    pub fn is_stale(challenge: &Challenge) -> bool {
        let stale = challenge.parameter("stale");
        stale.is_some_and(|stale| stale.eq_ignore_ascii_case("true"))
    }

    /// The next value of the field, with the nonce count that follows.
    pub fn authorization(&mut self, who: &Credentials, asked: &Asked) -> Result<Secret, String> {
        let password = who.password.as_ref().map_or("", |p| p.expose());
        let control = |text: &str| text.chars().any(char::is_control);
        if control(&who.user) || control(password) {
            return Err("user name or password has a control character".into());
        }
        let method = HttpMethod::from(&*asked.method);
        let context =
            AuthContext::new_with_method(&*who.user, password, &*asked.uri, None::<&[u8]>, method);
        let answer = self.0.respond(&context).map_err(|e| e.to_string())?;
        Ok(Secret::new(answer.to_header_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 §3.9.1, but for the client's nonce, which is random here: the answer is computed again.
    #[test]
    fn an_answer_with_each_algorithm() {
        use digest_auth::AuthorizationHeader;
        let who = Credentials::parse("Mufasa:Circle of Life");
        let asked = Asked {
            method: "CONNECT".into(),
            uri: "host.example:22".into(),
        };
        for algorithm in ["MD5", "SHA-256", "MD5-sess", "SHA-256-sess"] {
            let value = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let found = Challenge::parse([value.as_bytes()].into_iter());
            let mut digest = Digest::new(&found[0]).unwrap();
            for count in ["00000001", "00000002"] {
                let value = digest.authorization(&who, &asked).unwrap();
                let value = value.expose();
                assert!(value.contains(&format!("nc={count}")), "{value}");
                assert!(value.contains("uri=\"host.example:22\""), "{value}");
                let sent = AuthorizationHeader::parse(value).unwrap();
                let mut again = sent.clone();
                let mut context = AuthContext::new_with_method(
                    "Mufasa",
                    "Circle of Life",
                    "host.example:22",
                    None::<&[u8]>,
                    HttpMethod::from("CONNECT"),
                );
                context.set_custom_cnonce(sent.cnonce.clone().unwrap());
                again.digest(&context);
                assert_eq!(again.response, sent.response);
            }
        }
    }

    #[test]
    fn what_cannot_be_answered() {
        for bad in [
            "Digest",
            "Digest realm=\"r\"",
            "Digest realm=\"r\", nonce=n, qop=\"auth-int\"",
            "Digest realm=\"r\", nonce=n, qop=\"new\"",
            "Digest realm=\"r\", nonce=n, algorithm=SHA-3",
        ] {
            let found = Challenge::parse([bad.as_bytes()].into_iter());
            assert!(Digest::new(&found[0]).is_err(), "{bad}");
        }
    }
}
