//! SOCKS 4, 4a and 5 (RFC 1928, RFC 1929): a proxy that is told an address and then carries raw octets.
//!
//! Written here rather than taken from a crate: it has to read not one octet more than the proxy's reply, on a
//! [`crate::wire::Wire`], and to tell every reply in words.

use crate::base::{Blame, Credentials, Error, Host, Kind, Signature, Stage};
use crate::carrier::{HalfClose, Opened};
use crate::wire::BoxWire;
use std::io;
use std::net::IpAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Octets of a name, a user or a password: their lengths are one octet.
const LONGEST: usize = 255;

/// The address to connect to.
pub struct Asked<'a> {
    pub host: &'a Host,
    pub port: u16,
    pub user: Option<&'a Credentials>,
}

/// With SOCKS 5: a name is the proxy's to resolve.
pub async fn open5(mut wire: BoxWire, asked: &Asked<'_>) -> Result<Opened, Error> {
    let request = request5(asked)?;
    let methods: &[u8] = match asked.user {
        Some(_) => &[5, 2, 0, 2],
        None => &[5, 1, 0],
    };
    send(&mut wire, methods).await?;
    let [version, method] = receive(&mut wire).await?;
    if version != 5 {
        return Err(not_socks(&[version, method]));
    }
    match (method, asked.user) {
        (0, _) => {}
        (2, Some(user)) => log_in(&mut wire, user).await?,
        (0xff, None) => return Err(auth("it takes nobody without a user").hint(WHO)),
        (0xff, Some(_)) => return Err(auth("it takes neither user and password nor nobody")),
        _ => {
            return Err(auth(format!(
                "it chose a method that was not offered ({method})"
            )));
        }
    }
    send(&mut wire, &request).await?;
    let [version, reply, _reserved, kind] = receive(&mut wire).await?;
    if version != 5 {
        return Err(not_socks(&[version, reply]));
    }
    if reply != 0 {
        return Err(refused5(reply, asked));
    }
    // The address it is bound to, which nobody needs; what follows is the tunnel's.
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(receive::<1>(&mut wire).await?[0]),
        _ => return Err(not_socks(&[version, reply, 0, kind])),
    };
    let mut address = vec![0; length + 2];
    wire.read_exact(&mut address).await.map_err(broken)?;
    Ok(opened(wire))
}

/// With SOCKS 4, or 4a where the host is a name.
pub async fn open4(mut wire: BoxWire, asked: &Asked<'_>) -> Result<Opened, Error> {
    send(&mut wire, &request4(asked)?).await?;
    let [version, reply, ..] = receive::<8>(&mut wire).await?;
    match (version, reply) {
        (0, 90) => Ok(opened(wire)),
        (0, 91) => Err(refused(format!(
            "rejected or failed to reach {}",
            target(asked)
        ))),
        (0, 92 | 93) => Err(auth("it wants an identd on this machine, or another user")),
        _ => Err(not_socks(&[version, reply])),
    }
}

fn opened(wire: BoxWire) -> Opened {
    Opened {
        wire,
        // microsocks ends both ways with the first end.
        half_close: HalfClose::Unknown,
        status: 0,
        signature: Signature::default(),
    }
}

/// RFC 1928 §4.
fn request5(asked: &Asked<'_>) -> Result<Vec<u8>, Error> {
    let mut request = vec![5, 1, 0];
    match asked.host {
        Host::Ip(IpAddr::V4(ip)) => {
            request.push(1);
            request.extend(ip.octets());
        }
        Host::Ip(IpAddr::V6(ip)) => {
            request.push(4);
            request.extend(ip.octets());
        }
        Host::Name(name) => {
            request.push(3);
            request.extend(counted("the target's name", name)?);
        }
    }
    request.extend(asked.port.to_be_bytes());
    Ok(request)
}

fn request4(asked: &Asked<'_>) -> Result<Vec<u8>, Error> {
    let user = asked.user.map_or("", |u| &u.user);
    let mut request = vec![4, 1];
    request.extend(asked.port.to_be_bytes());
    let name = match asked.host {
        Host::Ip(IpAddr::V4(ip)) => {
            request.extend(ip.octets());
            None
        }
        Host::Ip(IpAddr::V6(_)) => {
            let cause = format!("SOCKS 4 has no IPv6 addresses: {}", target(asked));
            return Err(Error::usage(cause).hint("use socks5:// if the proxy speaks it"));
        }
        Host::Name(name) => {
            request.extend([0, 0, 0, 1]);
            Some(name)
        }
    };
    request.extend(user.bytes().chain([0]));
    if let Some(name) = name {
        request.extend(name.bytes().chain([0]));
    }
    Ok(request)
}

/// RFC 1929.
async fn log_in(wire: &mut BoxWire, user: &Credentials) -> Result<(), Error> {
    let password = user.password.as_ref().map_or("", |p| p.expose());
    let mut message = zeroize::Zeroizing::new(vec![1]);
    message.extend(counted("the user's name", &user.user)?);
    message.extend(counted("the password", password)?);
    send(wire, &message).await?;
    let [_, status] = receive(wire).await?;
    match status {
        0 => Ok(()),
        _ => {
            Err(auth("user name or password is not accepted").hint("check user name and password"))
        }
    }
}

fn counted(what: &str, text: &str) -> Result<Vec<u8>, Error> {
    match u8::try_from(text.len()) {
        Ok(length) => Ok([&[length], text.as_bytes()].concat()),
        Err(_) => Err(Error::usage(format!(
            "{what} is longer than the {LONGEST} octets that SOCKS has for it"
        ))),
    }
}

async fn send(wire: &mut BoxWire, octets: &[u8]) -> Result<(), Error> {
    wire.write_all(octets).await.map_err(broken)?;
    wire.flush().await.map_err(broken)
}

async fn receive<const N: usize>(wire: &mut BoxWire) -> Result<[u8; N], Error> {
    let mut octets = [0; N];
    wire.read_exact(&mut octets).await.map_err(broken)?;
    Ok(octets)
}

const WHO: &str = "give a user with -U USER and a password (see --proxy-pass-file)";

fn target(asked: &Asked<'_>) -> String {
    format!("{}:{}", asked.host, asked.port)
}

fn new(kind: Kind, blame: Blame, cause: impl Into<String>) -> Error {
    Error::new(kind, Stage::Socks, blame, cause)
}

fn refused(cause: String) -> Error {
    new(Kind::SocksRefused, Blame::Proxy, cause)
}

fn auth(cause: impl Into<String>) -> Error {
    new(Kind::ProxyAuth, Blame::User, cause)
}

/// RFC 1928 §6.
fn refused5(reply: u8, asked: &Asked<'_>) -> Error {
    let target = target(asked);
    let unreachable = |why: &str| {
        new(
            Kind::SocksRefused,
            Blame::Target,
            format!("the proxy could not reach {target}: {why}"),
        )
        .hint("check name and port, and that it is up")
    };
    match reply {
        1 => refused(format!("general failure for {target}"))
            .hint("perhaps the proxy does not know the name, or may not connect there"),
        2 => refused(format!("its rules do not allow {target}"))
            .hint("ask the proxy's owner, or try another port"),
        3 => unreachable("network unreachable"),
        4 => unreachable("host unreachable"),
        5 => unreachable("connection refused"),
        6 => unreachable("TTL expired"),
        7 => refused("it does not know CONNECT".into()),
        8 => refused(format!("it does not take this kind of address: {target}"))
            .hint("socks5h:// has the proxy resolve names, socks5:// this machine"),
        other => refused(format!("reply {other} for {target}")),
    }
}

fn not_socks(octets: &[u8]) -> Error {
    let hint = match octets {
        [b'H', b'T', ..] => "this port speaks HTTP: write http:// for the proxy",
        [0x15, 3, ..] => "this port speaks TLS: write https:// for the proxy",
        [b'S', b'S', ..] => "this is an SSH server, not a proxy",
        _ => "check the proxy's address and port, and its version (socks4a:// or socks5h://)",
    };
    let cause = format!("the answer is not SOCKS: {octets:02x?}");
    new(Kind::NotHttp, Blame::Proxy, cause).hint(hint)
}

fn broken(error: io::Error) -> Error {
    let cause = match error.kind() {
        io::ErrorKind::UnexpectedEof => "closed the connection before answering".into(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "reset the connection before answering".into()
        }
        _ => format!("the connection broke before an answer: {error}"),
    };
    new(Kind::CannotConnect, Blame::Proxy, cause)
        .hint("check that this is a SOCKS proxy, and which version it speaks")
}
