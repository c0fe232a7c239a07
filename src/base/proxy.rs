//! One hop: a proxy as its URL names it.

use crate::base::defaults::{HTTP_PROXY_PORT, HTTPS_PROXY_PORT};
use crate::base::host::{Host, parse_port};
use crate::base::secret::Credentials;
use std::fmt;

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
    /// In the clear, HTTP/2 with prior knowledge (RFC 9113 §3.3).
    H2c,
}

/// A proxy. `Display` never shows credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    pub scheme: Scheme,
    pub host: Host,
    pub port: u16,
    pub credentials: Option<Credentials>,
}

impl Proxy {
    /// `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT]` as curl reads it: no scheme is `http`, no port is
    /// 1080 for `http` and 443 for `https`; user and password may be percent-encoded; a path, query
    /// or fragment means nothing.
    ///
    /// The error never repeats the URL, which may hold a password.
    pub fn parse(url: &str) -> Result<Proxy, String> {
        let (scheme, rest) = match url.split_once("://") {
            None => (Scheme::Http, url),
            Some((s, rest)) if s.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            Some((s, rest)) if s.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some((s, rest)) if s.eq_ignore_ascii_case("h2c") => (Scheme::H2c, rest),
            Some((s, _)) => return Err(unsupported_scheme(s)),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let authority = &rest[..end];
        let (userinfo, address) = match authority.rsplit_once('@') {
            Some((userinfo, address)) => (Some(userinfo), address),
            None => (None, authority),
        };
        let credentials = userinfo.map(parse_userinfo).transpose()?;
        let (host, port) = split_optional_port(address)?;
        let port = port.unwrap_or(match scheme {
            Scheme::Http | Scheme::H2c => HTTP_PROXY_PORT,
            Scheme::Https => HTTPS_PROXY_PORT,
        });
        Ok(Proxy {
            scheme,
            host,
            port,
            credentials,
        })
    }

    /// As the authority of a request to the proxy itself: without the port that every server of its
    /// scheme has (RFC 9110 §4.2).
    pub fn authority(&self) -> String {
        let usual = match self.scheme {
            Scheme::Http | Scheme::H2c => 80,
            Scheme::Https => 443,
        };
        match self.port == usual {
            true => self.host.to_string(),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

fn unsupported_scheme(scheme: &str) -> String {
    let known = ["h3", "socks4", "socks4a", "socks5", "socks5h"];
    match known.iter().find(|k| k.eq_ignore_ascii_case(scheme)) {
        Some(known) => {
            format!("{known}:// proxies are not supported yet; use http://, https:// or h2c://")
        }
        None => "the scheme of a proxy URL is http://, https:// or h2c://".into(),
    }
}

fn parse_userinfo(text: &str) -> Result<Credentials, String> {
    // Split first: an encoded colon belongs to the user or the password.
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    let decode = |part: &str| {
        let bytes = percent_encoding::percent_decode_str(part);
        match bytes.decode_utf8() {
            Ok(text) => Ok(text.into_owned()),
            Err(_) => Err(String::from("user or password is not UTF-8")),
        }
    };
    Ok(Credentials {
        user: decode(user)?,
        password: password
            .map(decode)
            .transpose()?
            .map(crate::base::Secret::new),
    })
}

fn split_optional_port(address: &str) -> Result<(Host, Option<u16>), String> {
    let after_bracket = address.rfind(']').map_or(0, |at| at + 1);
    match address[after_bracket..].rfind(':') {
        Some(at) => {
            let at = after_bracket + at;
            let host = Host::parse(&address[..at])?;
            Ok((host, Some(parse_port(&address[at + 1..])?)))
        }
        None => Ok((Host::parse(address)?, None)),
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::H2c => "h2c",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_curl_reads_them() {
        for (url, shown) in [
            ("http://proxy.test:3128", "http://proxy.test:3128"),
            ("HTTP://proxy.test:3128/", "http://proxy.test:3128"),
            ("proxy.test", "http://proxy.test:1080"),
            ("proxy.test:8080", "http://proxy.test:8080"),
            ("https://proxy.test", "https://proxy.test:443"),
            ("http://[::1]", "http://[::1]:1080"),
            ("http://[::1]:1", "http://[::1]:1"),
            ("http://u:p@h:1", "http://h:1"),
            ("http://h:1/path?query#part", "http://h:1"),
        ] {
            assert_eq!(Proxy::parse(url).unwrap().to_string(), shown, "{url}");
        }
    }

    #[test]
    fn credentials_are_decoded_after_the_split() {
        let proxy = Proxy::parse("http://us%3Aer:p%40ss:w@h:1").unwrap();
        let credentials = proxy.credentials.unwrap();
        assert_eq!(credentials.user, "us:er");
        assert_eq!(credentials.password.unwrap().expose(), "p@ss:w");
        assert!(
            Proxy::parse("http://u@h:1")
                .unwrap()
                .credentials
                .unwrap()
                .password
                .is_none()
        );
    }

    #[test]
    fn rejected() {
        for url in [
            "",
            "http://",
            "http://h:0",
            "http://h:x",
            "ftp://h",
            "socks5://h:1",
            "http://u:p@",
            "http://a b:1",
        ] {
            assert!(Proxy::parse(url).is_err(), "{url}");
        }
    }
}
