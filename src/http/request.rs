//! A request for a tunnel, as a client sends it on any version.

use crate::base::Secret;
use crate::base::defaults::AGENT;
use crate::http::field::Field;
use crate::http::post::GREETING_FIELD;
use crate::http::websocket;

/// A request to send. Nothing in it can break out of its line: authority and path come from checked
/// values, fields from [`Field::parse`].
#[derive(Clone, Debug)]
pub struct TunnelRequest {
    /// `host:port` of the tunnel's end, for people.
    pub target: String,
    pub method: Method,
    /// Credentials, ready to send.
    pub authorization: Option<Secret>,
    /// They are for a proxy (`Proxy-Authorization`), as those of a CONNECT always are; else for the origin that answers
    /// a POST (`Authorization`).
    pub for_proxy: bool,
    /// The user's own fields. One named like a default field replaces it; an empty one removes it.
    pub fields: Vec<Field>,
}

/// How the tunnel is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// RFC 9110 §9.3.6: the target is the authority.
    Connect,
    /// The tunnel is the content of a request and of its answer.
    Post {
        /// `Host` or `:authority`.
        authority: String,
        /// Path and query.
        path: String,
        /// `http` or `https`; HTTP/2 sends it.
        scheme: &'static str,
    },
    /// RFC 6455 §4.1 and RFC 8441 §4: at a place like that of a POST.
    WebSocket {
        authority: String,
        path: String,
        scheme: &'static str,
        /// `Sec-WebSocket-Key`, which HTTP/2 does not send.
        key: Secret,
    },
}

impl TunnelRequest {
    pub fn is_post(&self) -> bool {
        matches!(self.method, Method::Post { .. })
    }

    pub fn is_websocket(&self) -> bool {
        matches!(self.method, Method::WebSocket { .. })
    }

    /// Of an origin, at a path; CONNECT is of a proxy.
    pub fn is_of_origin(&self) -> bool {
        self.method != Method::Connect
    }

    /// `Host` or `:authority`; a POST goes wherever the user's own Host field says.
    pub fn authority(&self) -> &[u8] {
        match &self.method {
            Method::Connect => self.target.as_bytes(),
            Method::Post { authority, .. } | Method::WebSocket { authority, .. } => {
                match self.typed("Host") {
                    Some(host) if !host.value.is_empty() => &host.value,
                    _ => authority.as_bytes(),
                }
            }
        }
    }

    /// The octets of the request's head on HTTP/1.1.
    pub fn to_http1(&self) -> Vec<u8> {
        let line = match &self.method {
            Method::Connect => format!("CONNECT {} HTTP/1.1\r\n", self.target),
            Method::Post { path, .. } => format!("POST {path} HTTP/1.1\r\n"),
            Method::WebSocket { path, .. } => format!("GET {path} HTTP/1.1\r\n"),
        };
        let mut out = line.into_bytes();
        // A user's Host goes out among the other fields of a CONNECT, as it was typed.
        let host = self.is_of_origin() || self.typed("Host").is_none();
        let host = host.then_some(("Host", self.authority()));
        let coding = ("Transfer-Encoding", &b"chunked"[..]);
        let coding = self.is_post().then_some(coding);
        let key = match &self.method {
            Method::WebSocket { key, .. } => key.expose(),
            _ => "",
        };
        let upgrade = [
            ("Upgrade", &b"websocket"[..]),
            ("Connection", b"Upgrade"),
            ("Sec-WebSocket-Key", key.as_bytes()),
        ];
        let upgrade = upgrade.into_iter().filter(|_| self.is_websocket());
        let fields = host
            .into_iter()
            .chain(self.fields_to_send())
            .chain(coding)
            .chain(upgrade);
        for (name, value) in fields {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    /// All fields that every version sends.
    pub fn fields_to_send(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let (post, websocket) = (self.is_post(), self.is_websocket());
        let of_origin = self.is_of_origin();
        let authorization = self.authorization.as_ref().map(|a| a.expose().as_bytes());
        let name = match self.for_proxy {
            true => "Proxy-Authorization",
            false => "Authorization",
        };
        let of_post = [
            ("Content-Type", &b"application/octet-stream"[..]),
            // draft-ietf-httpbis-incremental: nobody on the way should wait for the end.
            ("Incremental", b"?1"),
            (GREETING_FIELD, b"?1"),
        ];
        let of_websocket = [
            ("Sec-WebSocket-Version", websocket::VERSION.as_bytes()),
            ("Sec-WebSocket-Protocol", websocket::SUBPROTOCOL.as_bytes()),
        ];
        let defaults = [
            ("User-Agent", Some(AGENT.as_bytes())),
            (name, authorization),
        ];
        let defaults = defaults
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .chain(of_post.into_iter().filter(move |_| post))
            .chain(of_websocket.into_iter().filter(move |_| websocket))
            .filter(|(name, _)| self.typed(name).is_none());
        let elsewhere = move |f: &&Field| of_origin && f.name.eq_ignore_ascii_case("Host");
        let typed = self
            .fields
            .iter()
            .filter(move |f| !f.value.is_empty() && !elsewhere(f));
        defaults.chain(typed.map(|f| (f.name.as_str(), f.value.as_slice())))
    }

    /// The user's own field takes the place of all credentials.
    pub fn has_own_credentials(&self) -> bool {
        let names = ["Authorization", "Proxy-Authorization"];
        names.into_iter().any(|name| self.typed(name).is_some())
    }

    fn typed(&self, name: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find(|f| f.name.eq_ignore_ascii_case(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, fields: &[&str]) -> String {
        let request = TunnelRequest {
            target: "[::1]:22".into(),
            for_proxy: method == Method::Connect,
            method,
            authorization: Some(Secret::new("Basic eDp5")),
            fields: fields.iter().map(|f| Field::parse(f).unwrap()).collect(),
        };
        String::from_utf8(request.to_http1()).unwrap()
    }

    #[test]
    fn a_connect_and_its_defaults() {
        assert_eq!(
            request(Method::Connect, &["X-A: b"]),
            format!(
                "CONNECT [::1]:22 HTTP/1.1\r\nHost: [::1]:22\r\nUser-Agent: {AGENT}\r\n\
                 Proxy-Authorization: Basic eDp5\r\nX-A: b\r\n\r\n"
            )
        );
        assert_eq!(
            request(
                Method::Connect,
                &["user-agent:", "Host: x", "Proxy-authorization:"]
            ),
            "CONNECT [::1]:22 HTTP/1.1\r\nHost: x\r\n\r\n"
        );
    }

    #[test]
    fn a_post_and_its_defaults() {
        let post = Method::Post {
            authority: "proxy.test".into(),
            path: "/t".into(),
            scheme: "http",
        };
        assert_eq!(
            request(post.clone(), &[]),
            format!(
                "POST /t HTTP/1.1\r\nHost: proxy.test\r\nUser-Agent: {AGENT}\r\n\
                 Authorization: Basic eDp5\r\nContent-Type: application/octet-stream\r\n\
                 Incremental: ?1\r\nTuncat-Greeting: ?1\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
        );
        let less = [
            "Host: other.test",
            "User-Agent:",
            "Authorization:",
            "Content-Type:",
            "Incremental:",
            "Tuncat-Greeting:",
        ];
        assert_eq!(
            request(post, &less),
            "POST /t HTTP/1.1\r\nHost: other.test\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
    }
}
