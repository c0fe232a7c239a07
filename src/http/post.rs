//! The rules of POST tunnels: the tunnel is the content of a request and of its answer, both sent as
//! they come.

use crate::base::Target;
use crate::base::host::parse_port;
use crate::http::field::Fields;
use crate::http::proxy_status::ProxyError;
use crate::http::refusal::Refusal;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::fmt;
use std::str::FromStr;

/// Where a terminator has its POST tunnels (draft-ietf-httpbis-connect-tcp).
const WELL_KNOWN: &str = "/.well-known/masque/tcp/{target_host}/{target_port}/";

/// Field by which a client asks for [`GREETING`], and a terminator says that it comes.
///
/// What buffers an answer lets its head through and keeps its content: without a greeting that looks
/// like a target with nothing to say.
pub const GREETING_FIELD: &str = "Tuncat-Greeting";
/// The first octets of an answer's content, before those of the target.
pub const GREETING: &[u8] = b"tuncat\n";

/// Everything but the unreserved characters (RFC 6570 §3.2.2).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A path with places for the target, or without: then the authority names the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Host,
    Port,
}

impl Default for Template {
    fn default() -> Self {
        let parsed = WELL_KNOWN.parse();
        parsed.unwrap_or(Template { parts: Vec::new() })
    }
}

impl FromStr for Template {
    type Err = String;

    /// `/PATH`, with `{host}` and `{port}` (or `{target_host}`, `{target_port}`) both or neither.
    fn from_str(text: &str) -> Result<Template, String> {
        if !text.starts_with('/') {
            return Err("a path begins with /".into());
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let close = rest[open..].find('}').ok_or("'{' without '}'")?;
            parts.push(literal(&rest[..open])?);
            parts.push(match &rest[open + 1..open + close] {
                "host" | "target_host" => Part::Host,
                "port" | "target_port" => Part::Port,
                other => return Err(format!("{{{other}}} is not one of {{host}} and {{port}}")),
            });
            rest = &rest[open + close + 1..];
        }
        parts.push(literal(rest)?);
        let template = Template { parts };
        if template.parts.contains(&Part::Host) != template.parts.contains(&Part::Port) {
            return Err("{host} and {port} go together".into());
        }
        Ok(template)
    }
}

fn literal(text: &str) -> Result<Part, String> {
    let allowed = |b: u8| b.is_ascii_graphic() && !b"#\"<>\\^`{|}".contains(&b);
    match text.bytes().all(allowed) {
        true => Ok(Part::Literal(text.into())),
        false => Err("a path has only URL characters; write others as %XX".into()),
    }
}

impl Template {
    /// Whether the path says where the tunnel ends.
    pub fn names_the_target(&self) -> bool {
        self.parts.contains(&Part::Host)
    }

    /// The path for `target`.
    pub fn expand(&self, target: &Target) -> String {
        let authority = target.authority();
        let (host, port) = authority.rsplit_once(':').unwrap_or((&authority, ""));
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut path = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => path.push_str(text),
                Part::Host => path.extend(utf8_percent_encode(host, RESERVED)),
                Part::Port => path.push_str(port),
            }
        }
        path
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Literal(text) => f.write_str(text),
            Part::Host => f.write_str("{host}"),
            Part::Port => f.write_str("{port}"),
        })
    }
}

/// The target of a POST that a terminator received: the one it has for all, else what the path says,
/// else the authority.
pub fn target_of(
    forward: Option<&Target>,
    path: &str,
    authority: Option<&str>,
    fields: &Fields,
) -> Result<Target, Refusal> {
    let bad = |details: String| Refusal::new(ProxyError::HttpRequestError, details);
    // A page in a browser could make it send a POST to any address, and with CONNECT it cannot.
    let by_a_page = ["origin", "sec-fetch-site", "referer"];
    if by_a_page.iter().any(|name| fields.get(name).is_some()) {
        let details = "requests of web pages open no tunnels";
        return Err(Refusal::new(ProxyError::HttpRequestDenied, details));
    }
    if let Some(target) = forward {
        return Ok(target.clone());
    }
    if let Some(target) = in_path(path) {
        return target.map_err(bad);
    }
    let authority = authority.ok_or_else(|| bad("no authority".into()))?;
    Target::from_authority(authority).map_err(|why| {
        bad(format!(
            "the target is named by the path {WELL_KNOWN} or by the authority: {why}"
        ))
    })
}

/// What [`WELL_KNOWN`] says, if `path` is one like that.
fn in_path(path: &str) -> Option<Result<Target, String>> {
    let (prefix, _) = WELL_KNOWN.split_once('{')?;
    let rest = path.strip_prefix(prefix)?;
    let rest = rest.split('?').next().unwrap_or(rest);
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let form = || format!("the path is not {WELL_KNOWN}");
    Some(rest.split_once('/').ok_or_else(form).and_then(target))
}

fn target((host, port): (&str, &str)) -> Result<Target, String> {
    let host = percent_decode_str(host).decode_utf8();
    let host = host.map_err(|_| String::from("the host is not UTF-8"))?;
    let port = parse_port(port)?;
    match host.contains(':') {
        true => Target::from_authority(&format!("[{host}]:{port}")),
        false => Target::from_authority(&format!("{host}:{port}")),
    }
}

/// Whether the client wants [`GREETING`].
pub fn wants_greeting(fields: &Fields) -> bool {
    fields.get(GREETING_FIELD) == Some(b"?1")
}

/// Fields of the answer that opens a POST tunnel.
pub fn answer_fields(greeting: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    let greeting = greeting.then_some((GREETING_FIELD, "?1"));
    [
        ("Content-Type", "application/octet-stream"),
        ("Cache-Control", "no-store"),
        ("Incremental", "?1"),
        // nginx takes this for proxy_buffering off.
        ("X-Accel-Buffering", "no"),
    ]
    .into_iter()
    .chain(greeting)
}

/// Why a successful answer to POST is no tunnel: something else than a terminator may have answered, or
/// changed what it said.
pub fn not_a_tunnel(status: u16, fields: &Fields) -> Option<String> {
    if matches!(status, 204..=206) {
        return Some(format!("a {status} has no tunnel in it"));
    }
    // Any other coding would arrive as bytes of the tunnel (RFC 9112 §6.3).
    let codings: Vec<&[u8]> = fields.all("transfer-encoding").collect();
    let chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    if !matches!(codings[..], [] | [_]) || !codings.iter().all(|c| chunked(c)) {
        return Some("its Transfer-Encoding is not chunked alone".into());
    }
    if let Some(length) = fields.text("content-length") {
        return Some(format!(
            "it is a finished document of {} bytes, not a tunnel",
            crate::base::escape::escape(length.as_bytes(), 20)
        ));
    }
    if fields.get("content-encoding").is_some() {
        return Some("its content is coded, which nobody asked for".into());
    }
    let kind = fields.text("content-type")?.to_ascii_lowercase();
    if kind.starts_with("text/html") {
        return Some("it is an HTML page, not a tunnel".into());
    }
    let documents = ["text/xml", "application/json", "application/xml"];
    let document = documents.iter().any(|prefix| kind.starts_with(prefix));
    document.then(|| "it is a document, not a tunnel".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, authority: &str) -> Result<String, u16> {
        let target = target_of(None, path, Some(authority), &Fields::default());
        target.map(|t| t.to_string()).map_err(|r| r.status)
    }

    #[test]
    fn every_target_survives_the_path() {
        for text in [
            "example.com:22",
            "10.0.0.1:65535",
            "[2001:db8::1]:443",
            "unix:/run/a b%.sock",
            "echo:",
            "source:123",
        ] {
            let target = Target::parse(text).unwrap();
            let path = Template::default().expand(&target);
            assert!(path.starts_with("/.well-known/masque/tcp/"), "{path}");
            assert_eq!(of(&path, "proxy.test:1").unwrap(), text);
        }
        let v6 = Target::parse("[::1]:7").unwrap();
        let path = Template::default().expand(&v6);
        assert_eq!(path, "/.well-known/masque/tcp/%3A%3A1/7/");
    }

    #[test]
    fn where_the_target_is_looked_for() {
        let path = "/.well-known/masque/tcp/a.test/1/";
        assert_eq!(of(path, "b.test:2").unwrap(), "a.test:1");
        assert_eq!(
            of("/.well-known/masque/tcp/::1/1", "b.test:2").unwrap(),
            "[::1]:1"
        );
        assert_eq!(of("/else", "b.test:2").unwrap(), "b.test:2");
        let forward = Target::parse("c.test:3").unwrap();
        let target = target_of(Some(&forward), path, None, &Fields::default());
        assert_eq!(target.unwrap(), forward);
        for (path, authority) in [
            ("/", "proxy.test"),
            ("/.well-known/masque/tcp/a.test/", "b.test:2"),
            ("/.well-known/masque/tcp/a.test/0/", "b.test:2"),
            ("/.well-known/masque/tcp/a.test/1/2/", "b.test:2"),
            ("/.well-known/masque/tcp/a%0D%0Ab/1/", "b.test:2"),
            ("/.well-known/masque/tcp/u@a.test/1/", "b.test:2"),
            ("/.well-known/masque/tcp/%FF/1/", "b.test:2"),
            ("/.well-known/masque/tcp//1/", "b.test:2"),
        ] {
            assert_eq!(of(path, authority), Err(400), "{path} {authority}");
        }
    }

    #[test]
    fn web_pages_open_no_tunnels() {
        for name in ["Origin", "Sec-Fetch-Site", "Referer"] {
            let field = crate::http::Field::parse(&format!("{name}: null")).unwrap();
            let target = target_of(None, "/", Some("h:1"), &Fields(vec![field]));
            assert_eq!(target.map_err(|r| r.status), Err(403), "{name}");
        }
    }

    #[test]
    fn answers_that_are_no_tunnels() {
        for (status, lines, tunnel) in [
            (200, &[][..], true),
            (299, &["Transfer-Encoding: CHUNKED"], true),
            (204, &[], false),
            (200, &["Content-Length: 0"], false),
            (200, &["Content-Type: Text/HTML"], false),
            (200, &["Transfer-Encoding: gzip"], false),
            (200, &["Transfer-Encoding: gzip, chunked"], false),
            (
                200,
                &["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
                false,
            ),
        ] {
            let parse = |line: &&str| crate::http::Field::parse(line).unwrap();
            let fields = Fields(lines.iter().map(parse).collect());
            let why = not_a_tunnel(status, &fields);
            assert_eq!(why.is_none(), tunnel, "{status} {lines:?}: {why:?}");
        }
    }

    #[test]
    fn templates() {
        let target = Target::parse("[::1]:7").unwrap();
        for (text, path, names) in [
            ("/x", "/x", false),
            ("/x?h={host}&p={port}", "/x?h=%3A%3A1&p=7", true),
            ("/{target_port}/{target_host}", "/7/%3A%3A1", true),
        ] {
            let template: Template = text.parse().unwrap();
            assert_eq!(template.expand(&target), path);
            assert_eq!(template.names_the_target(), names);
        }
        for bad in [
            "",
            "x",
            "/{host}",
            "/{port}",
            "/{host}{x}",
            "/{host",
            "/ ",
            "/é",
            "/a#b",
            "/\r\n",
        ] {
            assert!(bad.parse::<Template>().is_err(), "{bad:?}");
        }
    }
}
