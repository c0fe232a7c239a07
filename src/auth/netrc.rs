//! Credentials in a `.netrc` file, as ftp and curl read it.

use crate::base::{Credentials, Secret};

/// Those for `host`: of its `machine` entry, or of `default`. With a `user`, only those of that one.
pub fn find(text: &str, host: &str, user: Option<&str>) -> Option<Credentials> {
    let mut entries = entries(text).into_iter();
    entries.find_map(|entry| {
        let host_fits = entry.machine.is_none_or(|m| m.eq_ignore_ascii_case(host));
        let login = entry.login.or_else(|| user.map(str::to_owned))?;
        let user_fits = user.is_none_or(|user| user == login);
        (host_fits && user_fits).then(|| Credentials {
            user: login,
            password: entry.password.map(Secret::new),
        })
    })
}

#[derive(Default)]
struct Entry {
    /// None for `default`.
    machine: Option<String>,
    login: Option<String>,
    password: Option<String>,
}

fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut macro_definition = false;
    for line in text.lines() {
        // A macro ends with an empty line.
        if macro_definition {
            macro_definition = !line.trim().is_empty();
            continue;
        }
        let mut tokens = tokens(line).into_iter();
        while let Some(word) = tokens.next() {
            match (word.as_str(), entries.last_mut()) {
                ("machine", _) => entries.push(Entry {
                    machine: Some(tokens.next().unwrap_or_default()),
                    ..Entry::default()
                }),
                ("default", _) => entries.push(Entry::default()),
                ("login", Some(entry)) => entry.login = tokens.next(),
                ("password", Some(entry)) => entry.password = tokens.next(),
                ("account", _) => drop(tokens.next()),
                ("macdef", _) => {
                    macro_definition = true;
                    break;
                }
                _ => {}
            }
        }
    }
    entries
}

/// Words of a line; in double quotes with blanks and `\"`, `\\`, `\n`, `\r`, `\t`.
fn tokens(line: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            c if c.is_whitespace() => {}
            '#' => break,
            '"' => {
                let mut word = String::new();
                while let Some(c) = characters.next() {
                    match c {
                        '"' => break,
                        '\\' => word.push(match characters.next() {
                            Some('n') => '\n',
                            Some('r') => '\r',
                            Some('t') => '\t',
                            Some(other) => other,
                            None => break,
                        }),
                        c => word.push(c),
                    }
                }
                tokens.push(word);
            }
            first => {
                let mut word = String::from(first);
                while let Some(c) = characters.next_if(|c| !c.is_whitespace()) {
                    word.push(c);
                }
                tokens.push(word);
            }
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\nmachine proxy.test login me password secret\n\
        machine Other.test\n  login \"a b\"\n  password \"q\\\"x #\"\n\
        macdef init\nmachine fake.test login no password no\n\n\
        machine proxy.test login two password second\n\
        machine empty.test login only\n\
        default login anonymous password user@site\n";

    #[test]
    fn entries_of_every_kind() {
        let of = |host: &str, user: Option<&str>| {
            find(FILE, host, user).map(|c| {
                let password = c.password.map(|p| p.expose().to_owned());
                (c.user, password)
            })
        };
        let known = |user: &str, password: &str| Some((user.to_owned(), Some(password.to_owned())));
        assert_eq!(of("proxy.test", None), known("me", "secret"));
        assert_eq!(of("PROXY.test", Some("two")), known("two", "second"));
        assert_eq!(of("other.test", None), known("a b", "q\"x #"));
        assert_eq!(of("fake.test", None), known("anonymous", "user@site"));
        assert_eq!(of("empty.test", None), Some(("only".into(), None)));
        assert_eq!(of("proxy.test", Some("nobody")), None);
        assert_eq!(find("", "h", None), None);
        assert_eq!(find("login a password b machine", "h", None), None);
    }
}
