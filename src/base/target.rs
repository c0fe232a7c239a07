//! Where the bytes of a tunnel should end, and how that is written on the wire.

use crate::base::host::{self, Host};
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The end of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Tcp {
        host: Host,
        port: u16,
    },
    /// A unix socket: of this machine, or of the terminator's.
    Unix(PathBuf),
    /// A command that the terminator runs, its stdin and stdout being the target.
    Exec(String),
    /// Something `serve` answers itself.
    Builtin(Builtin),
}

/// Targets inside a terminator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// Sends back what it gets.
    Echo,
    /// Takes everything, sends nothing.
    Discard,
    /// Sends this many octets of [`crate::base::pattern`], then ends.
    Source(u64),
    /// An HTTP server that answers with what it received.
    Http,
    /// What `bench` measures with: it echoes, checks what it gets, or sends, as asked.
    Bench,
}

/// Built-in targets travel as names below this domain, which never resolves (RFC 6761 §6.4), so no
/// other proxy can take one for a host.
const BUILTIN_DOMAIN: &str = ".tuncat.invalid";
/// And unix sockets of the terminator's machine below this one.
const UNIX_DOMAIN: &str = ".unix.tuncat.invalid";
/// And commands below this one.
const EXEC_DOMAIN: &str = ".exec.tuncat.invalid";
/// Octets of a name (RFC 1035 §2.3.4).
const LONGEST_NAME: usize = 253;
/// Octets of a path in one label of a name, which has up to 63 characters.
const LABEL: usize = 31;

impl Target {
    /// `HOST:PORT`, `[v6]:PORT`, `unix:PATH`, `exec:COMMAND`, `echo:`, `discard:`, `source:BYTES`, `http:` or `bench:`.
    pub fn parse(text: &str) -> Result<Target, String> {
        match text.split_once(':') {
            Some(("unix", "")) => Err("unix: needs a path".into()),
            Some(("unix", path)) if path.starts_with('/') => Ok(Target::Unix(path.into())),
            Some(("unix", _)) => Err("unix: needs an absolute path".into()),
            Some(("exec", "")) => Err("exec: needs a command".into()),
            Some(("exec", command)) if command.contains('\0') => {
                Err("a command cannot contain NUL".into())
            }
            // `exec:80` could also be a host of that name: the command wins.
            Some(("exec", command)) => match labels(command.as_bytes()).len() + EXEC_DOMAIN.len() {
                length if length <= LONGEST_NAME => Ok(Target::Exec(command.into())),
                _ => Err("the command is too long; put it into a file of the terminator's".into()),
            },
            Some(("http", "")) => Ok(Target::Builtin(Builtin::Http)),
            Some(("echo", "")) => Ok(Target::Builtin(Builtin::Echo)),
            Some(("discard", "")) => Ok(Target::Builtin(Builtin::Discard)),
            Some(("bench", "")) => Ok(Target::Builtin(Builtin::Bench)),
            // `source:80` could also be a host of that name: the built-in wins.
            Some(("source", bytes)) => bytes
                .parse()
                .map(|n| Target::Builtin(Builtin::Source(n)))
                .map_err(|_| "source: needs a number of bytes".into()),
            _ => Target::parse_tcp(text),
        }
    }

    fn parse_tcp(text: &str) -> Result<Target, String> {
        let (host, port) = host::split_port(text)?;
        Ok(Target::Tcp { host, port })
    }

    /// The authority-form of CONNECT (RFC 9110 §9.3.6): always with a port.
    ///
    /// A unix path travels in hexadecimal as labels of a name below [`UNIX_DOMAIN`], with port 1; only `serve` understands
    /// that.
    pub fn authority(&self) -> String {
        match self {
            Target::Tcp { host, port } => format!("{host}:{port}"),
            Target::Unix(path) => {
                format!("{}{UNIX_DOMAIN}:1", labels(path.as_os_str().as_bytes()))
            }
            Target::Exec(command) => format!("{}{EXEC_DOMAIN}:1", labels(command.as_bytes())),
            // The ports are those of the classic services of the same name.
            Target::Builtin(Builtin::Echo) => format!("echo{BUILTIN_DOMAIN}:7"),
            Target::Builtin(Builtin::Discard) => format!("discard{BUILTIN_DOMAIN}:9"),
            Target::Builtin(Builtin::Source(n)) => format!("source-{n}{BUILTIN_DOMAIN}:19"),
            Target::Builtin(Builtin::Http) => format!("http{BUILTIN_DOMAIN}:80"),
            // No classic service: the port of iperf3.
            Target::Builtin(Builtin::Bench) => format!("bench{BUILTIN_DOMAIN}:5201"),
        }
    }

    /// What a CONNECT asked for: the reverse of [`Target::authority`], and nothing else.
    pub fn from_authority(text: &str) -> Result<Target, String> {
        let target = Target::parse_tcp(text)?;
        let Target::Tcp {
            host: Host::Name(name),
            port,
        } = &target
        else {
            return Ok(target);
        };
        if let Some(hex) = name.strip_suffix(UNIX_DOMAIN) {
            return match port {
                1 => Ok(Target::Unix(path_of_hex(hex)?)),
                _ => Err("a unix path takes port 1".into()),
            };
        }
        if let Some(hex) = name.strip_suffix(EXEC_DOMAIN) {
            let command = octets_of_hex(hex).and_then(|octets| String::from_utf8(octets).ok());
            return match (command, port) {
                (Some(command), 1) if !command.is_empty() && !command.contains('\0') => {
                    Ok(Target::Exec(command))
                }
                (Some(_), 1) | (None, _) => Err("the command is not hexadecimal UTF-8".into()),
                _ => Err("a command takes port 1".into()),
            };
        }
        match (name.strip_suffix(BUILTIN_DOMAIN), port) {
            (None, _) => Ok(target),
            (Some("echo"), 7) => Ok(Target::Builtin(Builtin::Echo)),
            (Some("discard"), 9) => Ok(Target::Builtin(Builtin::Discard)),
            (Some("http"), 80) => Ok(Target::Builtin(Builtin::Http)),
            (Some("bench"), 5201) => Ok(Target::Builtin(Builtin::Bench)),
            (Some(other), 19) => match other.strip_prefix("source-").map(str::parse) {
                Some(Ok(n)) => Ok(Target::Builtin(Builtin::Source(n))),
                _ => Err("there is no such built-in target".into()),
            },
            (Some(_), _) => Err("there is no such built-in target".into()),
        }
    }
}

/// In hexadecimal, as labels of a name.
fn labels(octets: &[u8]) -> String {
    let label = |part: &[u8]| part.iter().map(|b| format!("{b:02x}")).collect();
    let labels: Vec<String> = octets.chunks(LABEL).map(label).collect();
    labels.join(".")
}

fn octets_of_hex(labels: &str) -> Option<Vec<u8>> {
    let hex = labels.replace('.', "");
    if !hex.len().is_multiple_of(2) || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let octets = (0..hex.len()).step_by(2);
    let octets = octets.map(|at| u8::from_str_radix(&hex[at..at + 2], 16));
    octets.collect::<Result<_, _>>().ok()
}

fn path_of_hex(labels: &str) -> Result<PathBuf, String> {
    let octets = octets_of_hex(labels);
    let octets = octets.ok_or_else(|| String::from("the unix path is not hexadecimal"))?;
    match octets.first() {
        Some(b'/') if !octets.contains(&0) => Ok(OsString::from_vec(octets).into()),
        _ => Err("the unix path is not an absolute path".into()),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp { host, port } => write!(f, "{host}:{port}"),
            Target::Unix(path) => write!(f, "unix:{}", path.display()),
            Target::Exec(command) => write!(f, "exec:{command}"),
            Target::Builtin(Builtin::Http) => f.write_str("http:"),
            Target::Builtin(Builtin::Echo) => f.write_str("echo:"),
            Target::Builtin(Builtin::Discard) => f.write_str("discard:"),
            Target::Builtin(Builtin::Source(n)) => write!(f, "source:{n}"),
            Target::Builtin(Builtin::Bench) => f.write_str("bench:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_survives_the_wire() {
        for text in [
            "example.com:22",
            "[::1]:22",
            "10.0.0.1:65535",
            "unix:/run/a b%.sock",
            "unix:/run/user/1000/a-folder-with-a-long-name/and-another-one-below-it/the-socket-of-an-app.sock",
            "echo:",
            "discard:",
            "source:0",
            "source:18446744073709551615",
            "source:80",
            "bench:",
            "http:",
            "exec:printf 'a\\n' | tr a b; exec cat",
        ] {
            let target = Target::parse(text).unwrap();
            assert_eq!(target.to_string(), text);
            assert_eq!(Target::from_authority(&target.authority()).unwrap(), target);
        }
    }

    #[test]
    fn authorities_that_are_none() {
        for bad in [
            "",
            "h",
            "h:",
            "h:0",
            "h:65536",
            "h:+80",
            "h:80x",
            "h: 80",
            "u@h:80",
            "http://h:80",
            "[1.2.3.4]:80",
            "a b:80",
            "0x7f.1:80",
            "127.1:80",
            "2f746d7.unix.tuncat.invalid:1",
            "2f746d70.unix.tuncat.invalid:80",
            "2f00.unix.tuncat.invalid:1",
            "746d70.unix.tuncat.invalid:1",
            "2g.unix.tuncat.invalid:1",
            ".unix.tuncat.invalid:1",
            "nope.tuncat.invalid:7",
            "echo.tuncat.invalid:8",
            ".exec.tuncat.invalid:1",
            "6c73.exec.tuncat.invalid:2",
            "ff.exec.tuncat.invalid:1",
            "h:80/",
            "h:80 ",
        ] {
            assert!(Target::from_authority(bad).is_err(), "{bad:?}");
        }
    }
}
