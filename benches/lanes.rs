//! The ways that are measured side by side, each to a target of its own.

use crate::peer::Peer;
use crate::support::peers::{Squid, Tinyproxy};
use crate::support::proc::find;
use crate::support::run::clear_proxy_environment;
use crate::support::tuncat::TUNCAT;
use crate::support::{Listen, Serve};
use rustix::process::Pid;
use std::any::Any;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// One way to a target.
pub struct Lane {
    pub name: String,
    pub way: Way,
    pub peer: Peer,
    /// The processes that carry it.
    pub pids: Vec<Pid>,
    _kept: Box<dyn Any>,
}

#[derive(Clone)]
pub enum Way {
    /// To a port that leads to the target by itself.
    Port(u16),
    /// By CONNECT to the proxy at a port.
    Proxy(u16),
    /// Through the stdio of a `tuncat connect` with these arguments.
    Stdio(Vec<String>),
}

/// All lanes whose programs are here; `stdio` asks for those with a process for each stream.
pub fn lanes(stdio: bool) -> Vec<Lane> {
    let mut lanes = vec![direct(), serve()];
    lanes.extend(Hop::ALL.iter().map(listen));
    if stdio {
        lanes.extend(Hop::ALL.iter().map(connect));
    }
    if installed("squid") {
        lanes.push(squid());
    }
    if installed("tinyproxy") {
        lanes.push(tinyproxy());
    }
    lanes
}

fn installed(program: &str) -> bool {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&places).chain([Path::new("/usr/sbin").to_owned()]);
    places.any(|folder| folder.join(program).is_file())
}

fn direct() -> Lane {
    let peer = Peer::start();
    Lane {
        name: "direct TCP".into(),
        way: Way::Port(peer.port),
        peer,
        pids: Vec::new(),
        _kept: Box::new(()),
    }
}

fn serve() -> Lane {
    let mut serve = Serve::start();
    Lane {
        name: "serve".into(),
        way: Way::Proxy(serve.port),
        peer: Peer::start(),
        pids: vec![serve.process().pid()],
        _kept: Box::new(serve),
    }
}

/// What is spoken between our client and `serve`.
pub struct Hop {
    /// For tables.
    pub name: &'static str,
    pub tls: bool,
    /// As `--via` takes it.
    pub via: &'static str,
}

impl Hop {
    pub const ALL: [Hop; 8] = [
        Hop::new("h1", false, "h1"),
        Hop::new("h1 over TLS", true, "h1"),
        Hop::new("h2", false, "h2"),
        Hop::new("h2 over TLS", true, "h2"),
        Hop::new("h1-post", false, "h1-post"),
        Hop::new("h1-post over TLS", true, "h1-post"),
        Hop::new("h2-post", false, "h2-post"),
        Hop::new("h2-post over TLS", true, "h2-post"),
    ];

    const fn new(name: &'static str, tls: bool, via: &'static str) -> Hop {
        Hop { name, tls, via }
    }

    /// `serve`, and the arguments that lead through it.
    pub fn serve(&self) -> (Serve, Vec<String>) {
        let mut serve = Serve::with(if self.tls { &["--self-signed"] } else { &[] });
        let args = ["-x", &serve.url, "--via", self.via];
        let mut args = args.map(str::to_owned).to_vec();
        if self.tls {
            args.extend(["--pin".to_owned(), serve.pin()]);
        }
        (serve, args)
    }
}

fn listen(hop: &Hop) -> Lane {
    let peer = Peer::start();
    let (mut serve, args) = hop.serve();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut listen = Listen::start(&args, &[&format!("0:127.0.0.1:{}", peer.port)]);
    Lane {
        name: format!("listen, serve: {}", hop.name),
        way: Way::Port(listen.ports[0]),
        peer,
        pids: vec![serve.process().pid(), listen.process().pid()],
        _kept: Box::new((serve, listen)),
    }
}

fn connect(hop: &Hop) -> Lane {
    let peer = Peer::start();
    let (mut serve, mut args) = hop.serve();
    args.push(format!("127.0.0.1:{}", peer.port));
    Lane {
        name: format!("connect, serve: {}", hop.name),
        way: Way::Stdio(args),
        peer,
        pids: vec![serve.process().pid()],
        _kept: Box::new(serve),
    }
}

fn squid() -> Lane {
    let squid = Squid::start();
    Lane {
        name: "squid".into(),
        way: Way::Proxy(squid.port),
        peer: Peer::start(),
        pids: vec![squid.pid()],
        _kept: Box::new(squid),
    }
}

fn tinyproxy() -> Lane {
    let tinyproxy = Tinyproxy::start();
    Lane {
        name: "tinyproxy".into(),
        way: Way::Proxy(tinyproxy.port),
        peer: Peer::start(),
        pids: vec![tinyproxy.pid()],
        _kept: Box::new(tinyproxy),
    }
}

/// An open stream to a lane's target.
pub enum Stream {
    Tcp(TcpStream),
    Child(Ends),
}

impl Way {
    /// Opens a stream to the target at `port`.
    pub fn open(&self, port: u16) -> io::Result<Stream> {
        match self {
            Way::Port(own) => Ok(Stream::Tcp(tcp(*own)?)),
            Way::Proxy(proxy) => {
                let mut stream = tcp(*proxy)?;
                let at = format!("127.0.0.1:{port}");
                let request = format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n\r\n");
                stream.write_all(request.as_bytes())?;
                read_head(&mut stream)?;
                Ok(Stream::Tcp(stream))
            }
            Way::Stdio(args) => {
                let mut command = Command::new(TUNCAT);
                command.arg("connect").args(args);
                Ok(Stream::Child(spawn(command)))
            }
        }
    }
}

fn tcp(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The proxy's answer, which comes alone: the target says nothing before it is asked.
fn read_head(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => head.extend_from_slice(&piece[..n]),
        }
    }
    let code = head.split(|b| *b == b' ').nth(1);
    assert_eq!(
        code,
        Some(&b"200"[..]),
        "{}",
        String::from_utf8_lossy(&head)
    );
    Ok(())
}

impl Stream {
    /// The process that this stream alone has.
    pub fn pid(&self) -> Option<Pid> {
        match self {
            Stream::Tcp(_) => None,
            Stream::Child(child) => Some(Pid::from_child(&child.0)),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Child(child) => child.0.stdout.as_mut().expect("stdout").read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(data),
            Stream::Child(child) => child.0.stdin.as_mut().expect("stdin").write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A child that ends with the value.
pub struct Ends(pub Child);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A child with pipes for stdin and stdout, and no proxy in its environment.
pub fn spawn(mut command: Command) -> Ends {
    clear_proxy_environment(&mut command);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    Ends(command.spawn().expect("start"))
}

/// Where a program is that does nothing.
pub fn nothing() -> std::path::PathBuf {
    find("true", "coreutils")
}
