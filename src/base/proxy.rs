//! One hop: a proxy as its URL names it.

use crate::base::defaults::{HTTP_PROXY_PORT, HTTPS_PROXY_PORT};
use crate::base::host::{Host, parse_port};
use crate::base::secret::Credentials;
use crate::base::target::Target;
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
    /// Over QUIC, HTTP/3.
    H3,
    /// SOCKS 4: names are resolved here.
    Socks4,
    /// SOCKS 4a: the proxy resolves them.
    Socks4a,
    /// SOCKS 5 (RFC 1928): names are resolved here.
    Socks5,
    /// The same, and the proxy resolves them.
    Socks5h,
}

impl Scheme {
    const ALL: [(Scheme, &str); 8] = [
        (Scheme::H3, "h3"),
        (Scheme::Http, "http"),
        (Scheme::Https, "https"),
        (Scheme::H2c, "h2c"),
        (Scheme::Socks4, "socks4"),
        (Scheme::Socks4a, "socks4a"),
        (Scheme::Socks5, "socks5"),
        (Scheme::Socks5h, "socks5h"),
    ];

    pub fn is_socks(self) -> bool {
        use Scheme::{Socks4, Socks4a, Socks5, Socks5h};
        matches!(self, Socks4 | Socks4a | Socks5 | Socks5h)
    }

    fn parse(text: &str) -> Result<Scheme, String> {
        let known = Scheme::ALL
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(text));
        match known {
            Some((scheme, _)) => Ok(*scheme),
            // As curl reads it.
            None if text.eq_ignore_ascii_case("socks") => Ok(Scheme::Socks4),
            None => Err(
                "the scheme of a proxy URL is http, https, h2c, h3, socks4, socks4a, socks5 or socks5h"
                    .into(),
            ),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Scheme::ALL.iter().find(|(scheme, _)| scheme == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
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
    /// 443 for `https` and 1080 for all others; user and password may be percent-encoded; a path, query
    /// or fragment means nothing.
    ///
    /// The error never repeats the URL, which may hold a password.
    pub fn parse(url: &str) -> Result<Proxy, String> {
        let (scheme, rest) = match url.split_once("://") {
            None => (Scheme::Http, url),
            Some((scheme, rest)) => (Scheme::parse(scheme)?, rest),
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
            Scheme::Https | Scheme::H3 => HTTPS_PROXY_PORT,
            _ => HTTP_PROXY_PORT,
        });
        Ok(Proxy {
            scheme,
            host,
            port,
            credentials,
        })
    }

    /// What the hop before it is asked for.
    pub fn target(&self) -> Target {
        Target::Tcp {
            host: self.host.clone(),
            port: self.port,
        }
    }

    /// As the authority of a request to the proxy itself: without the port that every server of its
    /// scheme has (RFC 9110 §4.2).
    pub fn authority(&self) -> String {
        let usual = match self.scheme {
            Scheme::Https | Scheme::H3 => 443,
            _ => 80,
        };
        match self.port == usual {
            true => self.host.to_string(),
            false => format!("{}:{}", self.host, self.port),
        }
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
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
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
            ("socks5h://h", "socks5h://h:1080"),
            ("SOCKS4A://h:1", "socks4a://h:1"),
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
            "socks6://h:1",
            "http://u:p@",
            "http://a b:1",
        ] {
            assert!(Proxy::parse(url).is_err(), "{url}");
        }
    }
}
