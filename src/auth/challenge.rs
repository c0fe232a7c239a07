//! Challenges of a 407 or 401 (RFC 9110 §11.3, §11.6.1).

use crate::auth::Scheme;

/// One way to authenticate that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// In lower case.
    pub scheme: String,
    /// The one value that some schemes have instead of parameters, usually base64.
    pub token68: Option<String>,
    /// Names in lower case; values without quotes.
    pub parameters: Vec<(String, String)>,
}

/// Challenges that are looked at, over all fields.
const MOST: usize = 32;

impl Challenge {
    /// For people.
    pub fn name(&self) -> &str {
        match self.scheme.parse::<Scheme>() {
            Ok(scheme) => scheme.name(),
            Err(_) => &self.scheme,
        }
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All that the values of such fields hold, as far as they can be read: what comes behind something
    /// malformed in a value is passed over.
    pub fn parse<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<Challenge> {
        let mut all = Vec::new();
        for value in values {
            // Realms may be in any encoding; only what we use has to be right.
            let text = String::from_utf8_lossy(value);
            parse_value(&text, &mut all);
        }
        all.truncate(MOST);
        all
    }
}

fn parse_value(text: &str, all: &mut Vec<Challenge>) {
    let mut rest = Cursor(text);
    loop {
        rest.skip_separators();
        let Some(word) = rest.token() else {
            return;
        };
        rest.skip_blanks();
        // `name =` continues the challenge before; anything else begins one.
        if rest.0.starts_with('=') && !all.is_empty() && !rest.is_padding() {
            rest.0 = &rest.0[1..];
            rest.skip_blanks();
            let Some(value) = rest.value() else {
                return;
            };
            if let Some(challenge) = all.last_mut() {
                challenge
                    .parameters
                    .push((word.to_ascii_lowercase(), value));
            }
            continue;
        }
        if all.len() == MOST {
            return;
        }
        let token68 = rest.token68();
        all.push(Challenge {
            scheme: word.to_ascii_lowercase(),
            token68,
            parameters: Vec::new(),
        });
    }
}

struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !wanted(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    fn skip_blanks(&mut self) {
        self.take(|c| matches!(c, ' ' | '\t'));
    }

    fn skip_separators(&mut self) {
        self.take(|c| matches!(c, ' ' | '\t' | ','));
    }

    /// RFC 9110 §5.6.2.
    fn token(&mut self) -> Option<&'a str> {
        let token = self.take(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
        (!token.is_empty()).then_some(token)
    }

    /// The `=` is not followed by a value: the end of base64.
    fn is_padding(&self) -> bool {
        let behind = self
            .0
            .trim_start_matches('=')
            .trim_start_matches([' ', '\t']);
        behind.is_empty() || behind.starts_with(',')
    }

    /// A token68, if one comes here (RFC 9110 §11.2). It looks like the name of a parameter, but for what
    /// follows.
    fn token68(&mut self) -> Option<String> {
        let before = self.0;
        let word = self.take(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c));
        let padding = self.take(|c| c == '=');
        self.skip_blanks();
        if !word.is_empty() && (self.0.is_empty() || self.0.starts_with(',')) {
            return Some(format!("{word}{padding}"));
        }
        self.0 = before;
        None
    }

    /// A token or a quoted string (RFC 9110 §5.6.4). Some proxies leave out the quotes where they are due.
    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.0.strip_prefix('"') else {
            let bare = self.take(|c| !matches!(c, ',' | '"' | ' ' | '\t'));
            return Some(bare.into());
        };
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.0 = &quoted[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                c => value.push(c),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&str]) -> Vec<Challenge> {
        Challenge::parse(values.iter().map(|v| v.as_bytes()))
    }

    fn schemes(values: &[&str]) -> Vec<String> {
        parse(values).into_iter().map(|c| c.scheme).collect()
    }

    #[test]
    fn the_example_of_the_rfc() {
        // RFC 9110 §11.6.1.
        let found = parse(&[
            r#"Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"""#,
        ]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].parameter("realm"), Some("simple"));
        assert_eq!(found[1].scheme, "newauth");
        assert_eq!(found[1].parameter("title"), Some("Login to \"apps\""));
        assert_eq!(found[1].parameter("type"), Some("1"));
    }

    #[test]
    fn tokens_and_schemes_alone() {
        assert_eq!(
            schemes(&["Negotiate", "NTLM", "basic realm=x"]),
            ["negotiate", "ntlm", "basic"]
        );
        assert_eq!(
            schemes(&["Negotiate, NTLM, Basic realm=\"a, b\""]),
            ["negotiate", "ntlm", "basic"]
        );
        let found = parse(&["NTLM TlRMTVNTUAAC==, Negotiate YII=,Basic realm=\"\""]);
        assert_eq!(found[0].token68.as_deref(), Some("TlRMTVNTUAAC=="));
        assert_eq!(found[1].token68.as_deref(), Some("YII="));
        assert_eq!(found[2].parameter("realm"), Some(""));
    }

    #[test]
    fn odd_spellings() {
        let found = parse(&["Digest realm = \"r\" , qop=\"auth,auth-int\",nonce=abc=, stale=TRUE"]);
        assert_eq!(found[0].parameter("qop"), Some("auth,auth-int"));
        assert_eq!(found[0].parameter("nonce"), Some("abc="));
        assert_eq!(found[0].parameter("stale"), Some("TRUE"));
        assert_eq!(schemes(&[",, Basic realm=\"x", "NTLM"]), ["basic", "ntlm"]);
        assert_eq!(schemes(&["", "=", "\"", ", ,", "(x)"]), [""; 0]);
    }

    /// Whatever comes, it ends, and in bounds.
    #[test]
    fn garbage() {
        let alphabet = b" ,=\"\\aB/+\xff\tNTLM";
        let mut state: u32 = 7;
        for length in 0..2000 {
            let value: Vec<u8> = (0..length % 60)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    alphabet[(state >> 16) as usize % alphabet.len()]
                })
                .collect();
            assert!(Challenge::parse([&value[..]].into_iter()).len() <= MOST);
        }
        let many = "A,".repeat(10_000);
        assert_eq!(parse(&[&many]).len(), MOST);
    }
}
