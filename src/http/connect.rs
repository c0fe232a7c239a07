//! The rules of CONNECT (RFC 9110 §9.3.6, RFC 9112 §3.2.3, RFC 9113 §8.5).

use crate::base::Target;
use crate::http::field::Fields;
use crate::http::head::RequestHead;
use crate::http::proxy_status::ProxyError;
use crate::http::refusal::Refusal;

/// Fields that would change where the request ends, which is not for the user to say.
pub fn is_framing(name: &str) -> bool {
    [
        "content-length",
        "transfer-encoding",
        "trailer",
        "te",
        "upgrade",
        "connection",
        "keep-alive",
        "proxy-connection",
    ]
    .iter()
    .any(|f| name.eq_ignore_ascii_case(f))
}

/// The target of a CONNECT that a terminator received, or the refusal it earns.
pub fn target_of(request: &RequestHead) -> Result<Target, Refusal> {
    let bad = |details: &str| Refusal::new(ProxyError::HttpRequestError, details);
    let target = Target::from_authority(&request.target).map_err(|why| bad(&why))?;
    check_host(request)?;
    check_no_content(&request.fields)?;
    Ok(target)
}

/// The same for HTTP/2 (RFC 9113 §8.5), where `authority` is the pseudo-header field.
pub fn target_of_http2(authority: Option<&str>, fields: &Fields) -> Result<Target, Refusal> {
    let bad = |details: &str| Refusal::new(ProxyError::HttpRequestError, details);
    let authority = authority.ok_or_else(|| bad("no :authority"))?;
    let target = Target::from_authority(authority).map_err(|why| bad(&why))?;
    // The DATA that follows is the tunnel's, whatever its length.
    if fields.get("content-length").is_some() {
        return Err(bad("a CONNECT request has no content"));
    }
    Ok(target)
}

/// RFC 9112 §3.2: exactly one Host, equal to the authority. Some clients leave the port out.
fn check_host(request: &RequestHead) -> Result<(), Refusal> {
    let bad = |details: &str| Err(Refusal::new(ProxyError::HttpRequestError, details));
    let mut hosts = request.fields.all("host");
    let (first, second) = (hosts.next(), hosts.next());
    match (first, second) {
        (None, _) if request.minor == 0 => Ok(()),
        (None, _) => bad("no Host field"),
        (Some(_), Some(_)) => bad("more than one Host field"),
        (Some(host), None) => {
            if names_authority(host, &request.target) {
                return Ok(());
            }
            bad("the Host field differs from the request target")
        }
    }
}

/// A Host field that says what the authority says, perhaps without the port.
pub fn names_authority(host: &[u8], authority: &str) -> bool {
    let colon = authority.rfind(':').unwrap_or(authority.len());
    [authority, &authority[..colon]]
        .iter()
        .any(|name| host.eq_ignore_ascii_case(name.as_bytes()))
}

/// RFC 9110 §9.3.6: CONNECT has no content; a claim of some is an attempt at smuggling or a mistake.
fn check_no_content(fields: &Fields) -> Result<(), Refusal> {
    let bad = |details: &str| Err(Refusal::new(ProxyError::HttpRequestError, details));
    if fields.all("transfer-encoding").next().is_some() {
        return bad("a CONNECT request has no Transfer-Encoding");
    }
    if fields.all("content-length").any(|v| v != b"0") {
        return bad("a CONNECT request has no content");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::{HeadBuffer, Role};

    fn parse(text: &str) -> Result<Target, u16> {
        let mut buffer = HeadBuffer::new(Role::Server);
        buffer.push(text.as_bytes()).unwrap();
        target_of(&buffer.into_request().unwrap().0).map_err(|r| r.status)
    }

    #[test]
    fn hosts() {
        assert!(parse("CONNECT h:1 HTTP/1.1\r\nHost: H:1\r\n\r\n").is_ok());
        assert!(parse("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n").is_ok());
        assert!(parse("CONNECT h:1 HTTP/1.0\r\n\r\n").is_ok());
        for bad in [
            "",
            "Host: i:1\r\n",
            "Host: h:2\r\n",
            "Host: h:1\r\nHost: h:1\r\n",
            "Host:\r\n",
        ] {
            let text = format!("CONNECT h:1 HTTP/1.1\r\n{bad}\r\n");
            assert_eq!(parse(&text), Err(400), "{bad:?}");
        }
    }

    #[test]
    fn no_content() {
        let with = |f: &str| parse(&format!("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n{f}\r\n\r\n"));
        assert!(with("Content-Length: 0").is_ok());
        assert_eq!(with("Content-Length: 1"), Err(400));
        assert_eq!(with("Content-Length: +0"), Err(400));
        assert_eq!(with("Transfer-Encoding: chunked"), Err(400));
    }
}
