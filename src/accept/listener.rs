//! Where connections come in: TCP addresses and unix sockets.

use crate::base::host::parse_port;
use crate::wire::Socket;
use listenfd::ListenFd;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::str::FromStr;
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream};

/// Connections that the kernel queues before we take them.
const BACKLOG: u32 = 4096;

/// Ports that are tried until one is free for TCP and for UDP.
const ATTEMPTS: usize = 16;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
    /// Whatever the service manager listens on for us (`sd_listen_fds(3)`).
    Systemd,
}

impl Address {
    /// From a host part as in `ssh -L` and a port: an address, `localhost`, and `*` or nothing for
    /// every interface. Port 0 lets the kernel choose.
    pub fn from_parts(host: &str, port: &str) -> Result<Address, String> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let ip: IpAddr = match bare.unwrap_or(host) {
            "" | "*" => Ipv6Addr::UNSPECIFIED.into(),
            "localhost" => Ipv4Addr::LOCALHOST.into(),
            ip => ip
                .parse()
                .map_err(|_| format!("'{host}' is not an address of this machine"))?,
        };
        let port = match port {
            "0" => 0,
            port => parse_port(port)?,
        };
        Ok(Address::Tcp(SocketAddr::new(ip, port)))
    }
}

impl FromStr for Address {
    type Err = String;

    /// `ADDRESS:PORT`, `PORT` (on loopback), `*:PORT`, `unix:PATH` or `systemd:`.
    fn from_str(text: &str) -> Result<Address, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("unix: needs a path".into()),
                path => Ok(Address::Unix(path.into())),
            };
        }
        if text == "systemd:" {
            return Ok(Address::Systemd);
        }
        match text.rsplit_once(':') {
            Some((host, _)) if host.contains(':') && !host.starts_with('[') => {
                Err("an IPv6 address needs brackets: [ADDRESS]:PORT".into())
            }
            Some((host, port)) => Address::from_parts(host, port),
            None => Address::from_parts("127.0.0.1", text),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Systemd => f.write_str("systemd:"),
        }
    }
}

/// A bound listener. A unix socket's file goes when the listener goes.
pub struct Listener {
    kind: Kind,
    address: Address,
}

enum Kind {
    Tcp(TcpListener),
    /// With the identity of its file.
    Unix(UnixListener, Option<(u64, u64)>),
    /// Its file is somebody else's.
    InheritedUnix(UnixListener),
}

impl Listener {
    pub async fn bind(address: &Address) -> io::Result<Listener> {
        Listener::bind_with(address, false).await
    }

    /// With `shared`, other sockets of this user may listen on the same TCP port (`SO_REUSEPORT`): the kernel spreads
    /// connections among them.
    pub async fn bind_with(address: &Address, shared: bool) -> io::Result<Listener> {
        match address {
            Address::Systemd => Err(io::Error::other("systemd: is several listeners")),
            Address::Tcp(address) => {
                let listener = match bind_tcp(*address, shared) {
                    Err(e) if no_ipv6(&e) && address.ip() == Ipv6Addr::UNSPECIFIED => {
                        bind_tcp((Ipv4Addr::UNSPECIFIED, address.port()).into(), shared)
                    }
                    bound => bound,
                }?;
                Ok(Listener {
                    address: Address::Tcp(listener.local_addr()?),
                    kind: Kind::Tcp(listener),
                })
            }
            Address::Unix(path) => {
                remove_stale(path).await?;
                let listener = UnixListener::bind(path)?;
                Ok(Listener {
                    kind: Kind::Unix(listener, inode(path)),
                    address: address.clone(),
                })
            }
        }
    }

    /// With UDP on the port of the same number, if that can be had; where the kernel chooses the port, it is one that is free
    /// for both.
    pub async fn bind_with_udp(
        address: &Address,
        shared: bool,
    ) -> io::Result<(Listener, io::Result<UdpSocket>)> {
        let chosen = matches!(address, Address::Tcp(address) if address.port() == 0);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let listener = Listener::bind_with(address, shared).await?;
            match listener.udp() {
                Err(e) if e.kind() == io::ErrorKind::AddrInUse && chosen && attempts < ATTEMPTS => {
                }
                udp => return Ok((listener, udp)),
            }
        }
    }

    /// UDP on the port of the same number.
    pub fn udp(&self) -> io::Result<UdpSocket> {
        match &self.address {
            Address::Tcp(address) => UdpSocket::bind(address),
            Address::Unix(_) | Address::Systemd => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The sockets that the service manager opened for this process, of which there is at least one.
    pub fn inherited() -> io::Result<Vec<Listener>> {
        let mut sockets = ListenFd::from_env();
        let mut listeners = Vec::new();
        for n in 0..sockets.len() {
            if let Ok(Some(tcp)) = sockets.take_tcp_listener(n) {
                tcp.set_nonblocking(true)?;
                let tcp = TcpListener::from_std(tcp)?;
                listeners.push(Listener {
                    address: Address::Tcp(tcp.local_addr()?),
                    kind: Kind::Tcp(tcp),
                });
            } else if let Some(unix) = sockets.take_unix_listener(n)? {
                unix.set_nonblocking(true)?;
                let unix = UnixListener::from_std(unix)?;
                let path = unix.local_addr()?.as_pathname().map(PathBuf::from);
                listeners.push(Listener {
                    address: Address::Unix(path.unwrap_or_else(|| "(unnamed)".into())),
                    kind: Kind::InheritedUnix(unix),
                });
            }
        }
        match listeners.is_empty() {
            true => Err(io::Error::other(
                "the service manager gave no sockets (LISTEN_FDS)",
            )),
            false => Ok(listeners),
        }
    }

    /// Where it listens, with the port that the kernel chose.
    pub fn address(&self) -> &Address {
        &self.address
    }

    pub async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match &self.kind {
            Kind::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Socket::from(stream), Some(peer)))
            }
            Kind::Unix(listener, _) | Kind::InheritedUnix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::from(stream), None))
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let (Address::Unix(path), Kind::Unix(_, file)) = (&self.address, &self.kind)
            // Unless somebody has put another one there.
            && inode(path) == *file
        {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn bind_tcp(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    if shared {
        socket.set_reuseport(true)?;
    }
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        // `*` is both families, whatever the system's default.
        socket2::SockRef::from(&socket).set_only_v6(false)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The system has no IPv6 at all.
fn no_ipv6(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn inode(path: &PathBuf) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Removes a socket file that nobody listens on any more; anything else at the path is left, and
/// binding will fail.
async fn remove_stale(path: &PathBuf) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match UnixStream::connect(path).await {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        _ => Ok(()),
    }
}
