//! `-L` specifications.

use crate::accept::Address;
use crate::base::Target;

/// A local end and where its connections go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    pub local: Address,
    pub target: Target,
}

impl Forward {
    /// `[BIND:]PORT:TARGET` or `unix:PATH:TARGET` (a path alone works too, as with ssh).
    pub fn parse(text: &str) -> Result<Forward, String> {
        let (local, target) = match text.strip_prefix("unix:") {
            Some(rest) => unix(rest)?,
            None if text.starts_with('/') => unix(text)?,
            None => tcp(text)?,
        };
        if target.is_empty() {
            return Err("no target; write [BIND:]PORT:HOST:HOSTPORT".into());
        }
        let target = match target.starts_with('/') {
            true => Target::Unix(target.into()),
            false => Target::parse(target)?,
        };
        Ok(Forward { local, target })
    }
}

fn unix(text: &str) -> Result<(Address, &str), String> {
    let form = "write unix:PATH:HOST:HOSTPORT";
    match text.split_once(':') {
        Some(("", _)) | None => Err(form.into()),
        Some((path, target)) => Ok((Address::Unix(path.into()), target)),
    }
}

fn tcp(text: &str) -> Result<(Address, &str), String> {
    let form = || String::from("write [BIND:]PORT:HOST:HOSTPORT");
    let first_end = match text.starts_with('[') {
        true => text.find(']').map(|at| at + 1).ok_or_else(form)?,
        false => text.find(':').ok_or_else(form)?,
    };
    let first = &text[..first_end];
    let rest = text[first_end..].strip_prefix(':').ok_or_else(form)?;
    let number = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if number(first) {
        return Ok((Address::from_parts("127.0.0.1", first)?, rest));
    }
    match rest.split_once(':') {
        Some((port, target)) if number(port) => Ok((Address::from_parts(first, port)?, target)),
        _ => Err(form()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        for (text, local, target) in [
            ("8080:h:80", "127.0.0.1:8080", "h:80"),
            ("0:[::1]:80", "127.0.0.1:0", "[::1]:80"),
            ("127.0.0.2:8080:h:80", "127.0.0.2:8080", "h:80"),
            ("[::1]:8080:h:80", "[::1]:8080", "h:80"),
            ("*:8080:h:80", "[::]:8080", "h:80"),
            (":8080:h:80", "[::]:8080", "h:80"),
            ("localhost:8080:h:80", "127.0.0.1:8080", "h:80"),
            ("unix:/a/b:h:80", "unix:/a/b", "h:80"),
            ("/a/b:h:80", "unix:/a/b", "h:80"),
            ("8080:unix:/a", "127.0.0.1:8080", "unix:/a"),
            ("8080:/a", "127.0.0.1:8080", "unix:/a"),
            ("/a:/b", "unix:/a", "unix:/b"),
            ("8080:echo:", "127.0.0.1:8080", "echo:"),
        ] {
            let forward = Forward::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(forward.local.to_string(), local, "{text}");
            assert_eq!(forward.target.to_string(), target, "{text}");
        }
        for bad in [
            "",
            "8080",
            "8080:",
            "8080:h",
            "h:80",
            "x:8080:h:80",
            "[::1:80:h:80",
            "unix:",
            "unix:/a",
            "99999:h:80",
            "8080:h:0",
            "unix::h:80",
        ] {
            assert!(Forward::parse(bad).is_err(), "{bad}");
        }
    }
}
