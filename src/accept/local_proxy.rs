//! What a client of a local proxy wants: SOCKS 4, 4a and 5 (RFC 1928), CONNECT, and requests for `http` URLs, all on one
//! port: the first octet tells.

use crate::base::defaults::HEAD_BYTES;
use crate::base::host::split_port;
use crate::base::{Error, Host, Kind, Target};
use crate::carrier::h1::server::{self, NoRequest};
use crate::http::asked::{Framing, Method};
use crate::http::connect::target_of;
use crate::http::head::RequestHead;
use crate::http::{Fields, ProxyError, Refusal};
use crate::wire::{BoxWire, Deadline, Socket};
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Octets of a user's or a target's name in SOCKS 4.
const LONGEST_NAME: usize = 255;

/// A client that waits for an answer.
pub struct Client {
    wire: BoxWire,
    pub target: Target,
    speaks: Speaks,
}

enum Speaks {
    Socks4,
    Socks5,
    Connect,
    /// A request in absolute form (RFC 9112 §3.2.2).
    Http(Request),
}

/// A request for an `http` URL.
pub struct Request {
    pub head: RequestHead,
    /// Path and query: what the origin is asked for.
    pub path: String,
}

impl Request {
    /// A question about the same URL.
    pub fn without_content(&self) -> Request {
        const OF_CONTENT: [&str; 4] = ["content-length", "transfer-encoding", "expect", "trailer"];
        let mut head = self.head.clone();
        head.method = "HEAD".into();
        let of_content = |name: &str| OF_CONTENT.iter().any(|n| n.eq_ignore_ascii_case(name));
        head.fields.0.retain(|field| !of_content(&field.name));
        Request {
            head,
            path: self.path.clone(),
        }
    }
}

impl Client {
    /// Reads what it wants; nothing where it went away or wanted what cannot be, which it has been told.
    pub async fn read(socket: Socket, deadline: Deadline) -> Option<Client> {
        let mut wire: BoxWire = Box::new(socket);
        let mut first = [0];
        let read = deadline.run(wire.read_exact(&mut first)).await;
        read.ok()?.ok()?;
        let asked = match first[0] {
            4 => deadline.run(socks4(&mut wire)).await.ok()?.ok()?,
            5 => deadline.run(socks5(&mut wire)).await.ok()?.ok()?,
            _ => return http(wire, first[0], deadline).await,
        };
        let (target, speaks) = asked?;
        Some(Client {
            wire,
            target,
            speaks,
        })
    }

    /// The request, of a client that wants no tunnel.
    pub fn request(&self) -> Option<&Request> {
        match &self.speaks {
            Speaks::Http(request) => Some(request),
            _ => None,
        }
    }

    /// The tunnel is open; what the client sends from here on is for it.
    pub async fn opened(self) -> io::Result<BoxWire> {
        let mut wire = self.wire;
        let answer: &[u8] = match self.speaks {
            Speaks::Socks4 => &[0, 90, 0, 0, 0, 0, 0, 0],
            Speaks::Socks5 => &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0],
            Speaks::Connect => {
                return server::accept(
                    wire,
                    Method::Connect,
                    Framing::Length(0),
                    &Fields::default(),
                )
                .await;
            }
            // The answer is the far side's.
            Speaks::Http(_) => &[],
        };
        wire.write_all(answer).await?;
        wire.flush().await?;
        Ok(wire)
    }

    /// There is no tunnel, and why.
    pub async fn refused(self, error: &Error) -> io::Result<()> {
        let mut wire = self.wire;
        let answer = match self.speaks {
            Speaks::Socks4 => vec![0, 91, 0, 0, 0, 0, 0, 0],
            Speaks::Socks5 => vec![5, reply5(error), 0, 1, 0, 0, 0, 0, 0, 0],
            Speaks::Connect | Speaks::Http(_) => {
                return server::refuse(wire, &refusal(error)).await;
            }
        };
        wire.write_all(&answer).await?;
        wire.shutdown().await
    }
}

type Asked = Option<(Target, Speaks)>;

async fn socks4(wire: &mut BoxWire) -> io::Result<Asked> {
    let mut head = [0; 7];
    wire.read_exact(&mut head).await?;
    let [command, high, low, a, b, c, d] = head;
    let port = u16::from_be_bytes([high, low]);
    name4(wire).await?;
    let host = match [a, b, c] == [0, 0, 0] && d != 0 {
        true => Host::parse(&name4(wire).await?).ok(),
        false => Some(Host::Ip(Ipv4Addr::new(a, b, c, d).into())),
    };
    match host {
        Some(host) if command == 1 && port != 0 => {
            Ok(Some((Target::Tcp { host, port }, Speaks::Socks4)))
        }
        _ => {
            wire.write_all(&[0, 91, 0, 0, 0, 0, 0, 0]).await?;
            wire.shutdown().await?;
            Ok(None)
        }
    }
}

/// Up to a zero octet.
async fn name4(wire: &mut BoxWire) -> io::Result<String> {
    let mut name = Vec::new();
    loop {
        match wire.read_u8().await? {
            0 => return String::from_utf8(name).map_err(io::Error::other),
            _ if name.len() == LONGEST_NAME => return Err(io::ErrorKind::InvalidData.into()),
            octet => name.push(octet),
        }
    }
}

async fn socks5(wire: &mut BoxWire) -> io::Result<Asked> {
    let count = usize::from(wire.read_u8().await?);
    let mut methods = vec![0; count];
    wire.read_exact(&mut methods).await?;
    if !methods.contains(&0) {
        wire.write_all(&[5, 0xff]).await?;
        wire.shutdown().await?;
        return Ok(None);
    }
    wire.write_all(&[5, 0]).await?;
    wire.flush().await?;
    let mut head = [0; 4];
    wire.read_exact(&mut head).await?;
    let [version, command, _, kind] = head;
    let host = match kind {
        1 => {
            let mut octets = [0; 4];
            wire.read_exact(&mut octets).await?;
            Some(Host::Ip(Ipv4Addr::from(octets).into()))
        }
        4 => {
            let mut octets = [0; 16];
            wire.read_exact(&mut octets).await?;
            Some(Host::Ip(Ipv6Addr::from(octets).into()))
        }
        3 => {
            let mut name = vec![0; usize::from(wire.read_u8().await?)];
            wire.read_exact(&mut name).await?;
            let name = String::from_utf8(name).ok();
            name.and_then(|name| Host::parse(&name).ok())
        }
        _ => None,
    };
    let known = matches!(kind, 1 | 3 | 4);
    let port = if known { wire.read_u16().await? } else { 0 };
    // RFC 1928 §6: command, address type, general.
    let reply = match (version, command, host) {
        (5, 1, Some(host)) if port != 0 => {
            return Ok(Some((Target::Tcp { host, port }, Speaks::Socks5)));
        }
        (5, 2 | 3, _) => 7,
        (5, 1, None) if !known => 8,
        _ => 1,
    };
    wire.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    wire.shutdown().await?;
    Ok(None)
}

async fn http(wire: BoxWire, first: u8, deadline: Deadline) -> Option<Client> {
    let read = server::read_request(wire, vec![first], HEAD_BYTES, deadline, pending()).await;
    let (head, wire) = match read {
        Ok(read) => read,
        Err((NoRequest::Refuse(refusal), wire)) => {
            let _ = server::refuse(wire, &refusal).await;
            return None;
        }
        Err((NoRequest::Gone, _)) => return None,
    };
    let asked = match head.method == "CONNECT" {
        true => target_of(&head).map(|target| (target, Speaks::Connect)),
        false => of_url(head),
    };
    match asked {
        Ok((target, speaks)) => Some(Client {
            wire,
            target,
            speaks,
        }),
        Err(refusal) => {
            let _ = server::refuse(wire, &refusal).await;
            None
        }
    }
}

/// A request in absolute form. Others are for a web server, which this is none: a page in a browser could have made
/// it send them.
fn of_url(head: RequestHead) -> Result<(Target, Speaks), Refusal> {
    let bad = |details: &str| Refusal::new(ProxyError::HttpRequestError, details);
    let (scheme, rest) = (head.target.split_once("://"))
        .ok_or_else(|| bad("this is a proxy; it takes CONNECT and http URLs"))?;
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(bad("only http URLs can be asked for; others go by CONNECT"));
    }
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let authority = authority.rsplit_once('@').map_or(authority, |(_, a)| a);
    let target = split_port(authority).or_else(|_| split_port(&format!("{authority}:80")));
    let (host, port) = target.map_err(|why| bad(&why))?;
    let path = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("/{path}"),
    };
    Ok((
        Target::Tcp { host, port },
        Speaks::Http(Request { head, path }),
    ))
}

/// RFC 1928 §6.
fn reply5(error: &Error) -> u8 {
    let token = error.answered().and_then(|a| a.token.as_deref());
    match (error.kind(), token) {
        (Kind::Refused | Kind::ProxyAuth, _) => 2,
        (_, Some("connection_refused")) => 5,
        (Kind::TargetNotResolved | Kind::TargetUnreachable | Kind::Timeout, _) => 4,
        _ => 1,
    }
}

/// For a client of ours: what the proxies further on want of us is not its business, so never 407.
fn refusal(error: &Error) -> Refusal {
    let told = match error.kind() {
        Kind::TargetNotResolved | Kind::ProxyNotResolved => ProxyError::DnsError,
        Kind::TargetUnreachable => ProxyError::DestinationUnavailable,
        Kind::Timeout => ProxyError::ConnectionTimeout,
        Kind::Refused => ProxyError::HttpRequestDenied,
        Kind::CannotConnect => ProxyError::ConnectionRefused,
        Kind::Usage => ProxyError::ProxyConfigurationError,
        _ => ProxyError::ProxyInternalError,
    };
    let refusal = Refusal::new(told, error.to_string());
    match refusal.status {
        // It is our way that failed, not we.
        500 => refusal.status(502),
        _ => refusal,
    }
}
