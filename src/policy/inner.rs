//! Rules about requests inside tunnels: `[METHODS ][HOST][/PATH]`, where `*` in a path stands for anything.

use std::str::FromStr;

/// Which requests may be made. Deny rules win; allow rules, where there are any, name all that is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InnerRules {
    pub allow: Vec<InnerRule>,
    pub deny: Vec<InnerRule>,
}

/// What one rule covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerRule {
    /// None is all of them.
    methods: Vec<String>,
    /// In lower case; `*` for all, `*.NAME` for those below.
    host: String,
    path: String,
}

impl FromStr for InnerRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (methods, place) = match text.rsplit_once(' ') {
            Some((methods, place)) => (methods.trim(), place),
            None => ("", text),
        };
        let token =
            |m: &str| !m.is_empty() && m.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
        let methods: Vec<String> = match methods {
            "" => Vec::new(),
            list => list.split(',').map(str::to_owned).collect(),
        };
        if let Some(bad) = methods.iter().find(|m| !token(m)) {
            return Err(format!("'{bad}' is no method such as GET"));
        }
        let (host, path) = match place.find('/') {
            Some(at) => place.split_at(at),
            None => (place, "*"),
        };
        if place.is_empty() {
            return Err("write [METHODS ][HOST][/PATH], such as 'GET example.com/public/*'".into());
        }
        if host.contains(':') && !host.starts_with('[') {
            return Err("a rule about requests has no port".into());
        }
        Ok(InnerRule {
            methods,
            host: match host {
                "" => "*".into(),
                host => host.to_ascii_lowercase(),
            },
            path: path.into(),
        })
    }
}

impl InnerRule {
    fn covers(&self, method: &str, host: &str, path: &str) -> bool {
        let methods = &self.methods;
        (methods.is_empty() || methods.iter().any(|m| m == method))
            && match self.host.strip_prefix('*') {
                Some("") => true,
                Some(below) => host.len() > below.len() && host.ends_with(below),
                None => host == self.host,
            }
            && matches(self.path.as_bytes(), path.as_bytes())
    }
}

impl InnerRules {
    /// `host` without a port, `path` without a query, as they were sent. A target may take a path for another than it
    /// looks: what any reading of it is denied for is denied, and all have to be allowed.
    pub fn allows(&self, method: &str, host: &str, path: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let readings = readings(path);
        let covered = |rules: &[InnerRule], path: &String| {
            rules.iter().any(|rule| rule.covers(method, &host, path))
        };
        if readings.iter().any(|path| covered(&self.deny, path)) {
            return false;
        }
        self.allow.is_empty() || readings.iter().all(|path| covered(&self.allow, path))
    }
}

/// The path as it stands, and as it is read with escapes decoded once and twice, dot segments and double slashes taken
/// out, backslashes for slashes, and without parameters.
fn readings(path: &str) -> Vec<String> {
    let mut all = vec![path.to_owned()];
    let mut add = |reading: String| {
        if !all.contains(&reading) {
            all.push(reading);
        }
    };
    let mut text = path.to_owned();
    for _ in 0..3 {
        for slashes in [text.clone(), text.replace('\\', "/")] {
            add(slashes.clone());
            add(plain(&slashes));
            let parameters = slashes
                .split('/')
                .map(|s| s.split(';').next().unwrap_or(""));
            add(plain(&parameters.collect::<Vec<_>>().join("/")));
        }
        let decoded = percent_encoding::percent_decode_str(&text);
        text = decoded.decode_utf8_lossy().into_owned();
    }
    all
}

/// Without `.`, `..` and empty segments (RFC 3986 §5.2.4).
fn plain(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let last = path.rsplit('/').next().unwrap_or("");
    let open = matches!(last, "" | "." | "..") && !kept.is_empty();
    format!("/{}{}", kept.join("/"), if open { "/" } else { "" })
}

/// `*` is any number of octets, slashes too.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how far it reaches so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b) if *b == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, reach)) => {
                    star = Some((at, reach + 1));
                    p = at + 1;
                    t = reach + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allow: &[&str], deny: &[&str]) -> InnerRules {
        let parse = |rules: &[&str]| rules.iter().map(|r| r.parse().unwrap()).collect();
        InnerRules {
            allow: parse(allow),
            deny: parse(deny),
        }
    }

    #[test]
    fn methods_hosts_and_paths() {
        let r = rules(&["GET,HEAD *.example.com/a/*", "b.test"], &["/a/secret*"]);
        for (method, host, path, allowed) in [
            ("GET", "x.example.com", "/a/b", true),
            ("GET", "X.Example.COM.", "/a/", true),
            ("GET", "example.com", "/a/b", false),
            ("GET", "badexample.com", "/a/b", false),
            ("POST", "x.example.com", "/a/b", false),
            ("GET", "x.example.com", "/b", false),
            ("DELETE", "b.test", "/anything", true),
            ("GET", "b.test", "/a/secret", false),
            ("GET", "b.test", "/a/secretary/x", false),
        ] {
            assert_eq!(
                r.allows(method, host, path),
                allowed,
                "{method} {host}{path}"
            );
        }
    }

    #[test]
    fn a_denied_path_in_disguise() {
        let r = rules(&[], &["/admin*"]);
        for path in [
            "/admin",
            "//admin",
            "/./admin",
            "/x/../admin",
            "/%61dmin",
            "/%2561dmin",
            "/x/%2e%2e/admin",
            "/x/..%2fadmin",
            "\\admin",
            "/x\\..\\admin",
            "/x/..;/admin",
            "/;a/admin",
            "/%2fadmin",
            "/x/.%2e/admin",
        ] {
            assert!(!r.allows("GET", "h", path), "{path}");
        }
        for path in ["/", "/adm", "/x/admin", "/admi%6", "/%", "/x/..", "*"] {
            assert!(r.allows("GET", "h", path), "{path}");
        }
    }

    #[test]
    fn an_allowed_path_is_left_by_no_detour() {
        let r = rules(&["/public/*"], &[]);
        for path in [
            "/public/../secret",
            "/public/%2e%2e/secret",
            "/public/..%5csecret",
            "/public/..;/s",
        ] {
            assert!(!r.allows("GET", "h", path), "{path}");
        }
        for path in ["/public/a", "/public/a%20b", "/public/a;v=1"] {
            assert!(r.allows("GET", "h", path), "{path}");
        }
    }

    #[test]
    fn rules_that_are_none() {
        for bad in ["", "get /", "GET", "GET ", "example.com:80/x", "G T /"] {
            // A host may be called GET.
            let ok = bad == "GET";
            assert_eq!(bad.parse::<InnerRule>().is_ok(), ok, "{bad:?}");
        }
    }

    #[test]
    fn stars() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("/a*b*c", "/axxbyyc", true),
            ("/a*b*c", "/axxbyy", false),
            ("/a*", "/a", true),
            ("/a", "/ab", false),
            ("**x", "yx", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
