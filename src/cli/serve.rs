//! `tuncat serve`.

use crate::accept::Address;
use crate::accept::inner::Other;
use crate::accept::record::Format;
use crate::base::Target;
use crate::base::defaults::{HEAD_BYTES, SERVE_ADDRESS, STREAMS};
use crate::cli::common::parse_duration;
use crate::cli::{Output, ProxyOptions, Via};
use crate::dial::{Congestion, ProxyVersion};
use crate::http::Field;
use crate::policy::rule::parse_net;
use crate::policy::{InnerRule, Rule};
use clap::{Args, Parser};
use ipnet::IpNet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Run a small terminating proxy
///
/// Answers CONNECT, POST and WebSocket, on HTTP/1.1 and HTTP/2, and with TLS also on HTTP/3 (UDP). A POST names its target by
/// the path /.well-known/masque/tcp/{host}/{port}/, else by its authority. On a loopback address it serves this machine and reaches public and loopback addresses; on any other it
/// asks for users or client addresses and reaches port 443 of public addresses. --allow rules replace these defaults, --deny rules
/// win over them. SIGHUP reads certificates, users and rules again, SIGTERM lets live tunnels end, a second one does not wait.
#[derive(Debug, Args)]
#[command(after_long_help = RULES)]
pub struct Serve {
    /// Where to listen: ADDRESS:PORT, PORT, *:PORT, unix:PATH or systemd:; repeatable
    ///
    /// 'systemd:' is every socket that the service manager opened for this process (LISTEN_FDS).
    #[arg(short = 'l', long, value_name = "ADDRESS", default_value = SERVE_ADDRESS)]
    pub listen: Vec<Address>,

    /// Let other processes of this user listen on the same ports (SO_REUSEPORT)
    #[arg(long)]
    pub reuse_port: bool,

    /// Threads with a listener of their own each (SO_REUSEPORT), instead of one for all threads
    ///
    /// A connection stays on the thread that accepted it.
    #[arg(long, value_name = "N", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    pub workers: Option<usize>,

    /// Load balancers that begin each connection with a PROXY header, version 1 or 2: ADDRESS[/LENGTH] or 'unix'; repeatable
    ///
    /// They must send it. Clients are then known by the addresses in it.
    #[arg(long, value_name = "SENDER")]
    pub proxy_protocol_from: Vec<Sender>,

    /// Find out whether all options and files can be used, and do nothing
    #[arg(long)]
    pub check: bool,

    /// Carriers to answer, such as h2,h3 or post; all if not given
    ///
    /// h1, h2, h3, h1-post, h2-post, h3-post, h1-ws, h2-ws, post and ws, as with 'tuncat connect'. Others are answered with 405; versions of
    /// HTTP without any are not offered in TLS, and without h3 or h3-post there is no UDP port.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub via: Vec<Via>,

    /// Speak TLS with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "TLS")]
    pub cert: Option<PathBuf>,

    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    pub key: Option<PathBuf>,

    /// Speak TLS with a new certificate of our own; its pin, for --pin, is printed
    #[arg(long, conflicts_with_all = ["cert", "key"], help_heading = "TLS")]
    pub self_signed: bool,

    /// Serve only clients with a certificate of an authority in this PEM file; repeatable
    ///
    /// A client is then the user that the certificate's common name says, or that [certificates] of --rules says.
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub client_ca: Vec<PathBuf>,

    /// A user who may use the proxy (Basic authentication); repeatable
    #[arg(long, value_name = "USER:PASSWORD", help_heading = "Who may use it")]
    pub auth: Vec<String>,

    /// File with one user a line: user:password, or as htpasswd writes it
    ///
    /// bcrypt, SHA-256 and SHA-512 crypt, Apache's MD5 and SHA-1.
    #[arg(long, value_name = "FILE", help_heading = "Who may use it")]
    pub auth_file: Option<PathBuf>,

    /// Client addresses to serve
    #[arg(long, value_name = "ADDRESS[/LENGTH]", value_parser = parse_net, help_heading = "Who may use it")]
    pub allow_clients: Vec<IpNet>,

    /// A target that may be reached; repeatable
    #[arg(long, value_name = "RULE", help_heading = "Targets")]
    pub allow: Vec<Rule>,

    /// A target that may not be reached; repeatable
    #[arg(long, value_name = "RULE", help_heading = "Targets")]
    pub deny: Vec<Rule>,

    /// File with rules (TOML), also for single users; see below
    #[arg(long, value_name = "FILE", help_heading = "Targets")]
    pub rules: Option<PathBuf>,

    /// Where every POST tunnel ends, whatever the request says; the rules hold for it too
    #[arg(long, value_name = "TARGET", value_parser = Target::parse, help_heading = "Targets")]
    pub forward: Option<Target>,

    /// Offer the targets echo:, discard:, source:BYTES, http: and bench: also on addresses other than loopback
    #[arg(long, help_heading = "Targets")]
    pub allow_builtin: bool,

    /// Run commands for clients: the targets exec:COMMAND
    ///
    /// Whoever may use the proxy may run anything on this machine as the user who started it.
    #[arg(long, help_heading = "Targets")]
    pub allow_exec: bool,

    /// Begin each connection to a target with a PROXY header that says who the client is: v1 or v2
    #[arg(
        long,
        value_name = "VERSION",
        conflicts_with = "upstream",
        help_heading = "Targets"
    )]
    pub proxy_protocol: Option<ProxyVersion>,

    /// Reach targets through another proxy: all that follows is options of 'connect', such as -x URL
    ///
    /// It must be the last option. Names are resolved by the proxies further on, so that rules about addresses hold for targets that are
    /// addresses, and rules about names for names.
    #[arg(long, value_name = "OPTIONS", num_args = 1.., allow_hyphen_values = true, help_heading = "Targets")]
    pub upstream: Vec<OsString>,

    /// Connections at the same time; more wait until one ends
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        help_heading = "Limits"
    )]
    pub max_connections: usize,

    /// Tunnels at the same time [0: no limit]
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100_000,
        help_heading = "Limits"
    )]
    pub max_tunnels: usize,

    /// Tunnels of one client at the same time [0: no limit]
    ///
    /// A client is a user; where nobody said who it is, an address (of IPv6 the first 64 bits).
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        help_heading = "Limits"
    )]
    pub max_tunnels_per_client: usize,

    /// Requests for tunnels of one client address in a second [0: no limit]
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        help_heading = "Limits"
    )]
    pub max_rate: u32,

    /// What tells QUIC (h3) that the path is full: cubic (loss) or bbr (rate and delay)
    #[arg(
        long,
        value_name = "NAME",
        default_value = "cubic",
        help_heading = "Limits"
    )]
    pub congestion: Congestion,

    /// Tunnels of one HTTP/2 session, or of one connection of HTTP/3, at the same time
    #[arg(long, value_name = "N", default_value_t = STREAMS, help_heading = "Limits",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_streams: u32,

    /// Bytes of a request's head
    #[arg(long, value_name = "BYTES", default_value_t = HEAD_BYTES as u32, help_heading = "Limits",
          value_parser = clap::value_parser!(u32).range(512..=1_048_576))]
    pub max_header: u32,

    /// From the beginning of a connection to the end of its request's head, in total
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "10", help_heading = "Limits")]
    pub header_timeout: Duration,

    /// From the beginning of a connection to the first request with credentials that are right
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "30", help_heading = "Limits")]
    pub auth_timeout: Duration,

    /// End a tunnel after this much silence both ways; off by default
    #[arg(short = 'i', long, value_name = "TIME", value_parser = parse_duration, help_heading = "Limits")]
    pub idle_timeout: Option<Duration>,

    /// End a tunnel when it is so old; off by default
    #[arg(long, value_name = "TIME", value_parser = parse_duration, help_heading = "Limits")]
    pub max_lifetime: Option<Duration>,

    /// How long live tunnels may go on after SIGTERM
    #[arg(long, value_name = "TIME", value_parser = parse_duration,
          default_value = "30", help_heading = "Limits")]
    pub drain: Duration,

    /// After SIGTERM, go on accepting for so long while /readyz says no, so that load balancers notice
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0", help_heading = "Limits")]
    pub drain_delay: Duration,

    /// Read what is inside tunnels as this protocol: http (HTTP/1.1, and HTTP/2 with prior knowledge)
    #[arg(long, value_name = "PROTOCOL", help_heading = "Inside tunnels")]
    pub inner: Option<Protocol>,

    /// A request that may be made: [METHODS ][HOST][/PATH]; repeatable
    ///
    /// Such as '/public/*' or 'GET,HEAD example.com/*'; '*' in a path stands for anything. Without any of these all that --inner-deny leaves.
    #[arg(
        long,
        value_name = "RULE",
        requires = "inner",
        help_heading = "Inside tunnels"
    )]
    pub inner_allow: Vec<InnerRule>,

    /// A request that may not be made; repeatable
    #[arg(
        long,
        value_name = "RULE",
        requires = "inner",
        help_heading = "Inside tunnels"
    )]
    pub inner_deny: Vec<InnerRule>,

    /// Header field to set on requests, 'Name: value', or to take off, 'Name:'; repeatable
    ///
    /// {client}, {user} and {target} in it stand for the client's address, the user, and the tunnel's target.
    #[arg(long, value_name = "FIELD", requires = "inner", value_parser = Field::parse, help_heading = "Inside tunnels")]
    pub inner_header: Vec<Field>,

    /// Upgrades, such as WebSocket: pass or refuse
    #[arg(
        long,
        value_name = "WHAT",
        requires = "inner",
        default_value = "pass",
        help_heading = "Inside tunnels"
    )]
    pub inner_upgrade: Other,

    /// What does not begin like HTTP: pass or refuse
    #[arg(
        long,
        value_name = "WHAT",
        requires = "inner",
        default_value = "refuse",
        help_heading = "Inside tunnels"
    )]
    pub inner_other: Other,

    /// Where /healthz, /readyz, /metrics (Prometheus) and /tunnels are: ADDRESS:PORT or unix:PATH
    ///
    /// /tunnels says who uses the proxy, and only to this machine.
    #[arg(long, value_name = "ADDRESS", help_heading = "Watching it")]
    pub admin: Option<Address>,

    /// File for a line about each tunnel that ended and each request that was refused; '-' is stdout
    ///
    /// SIGHUP opens it anew. A disk that is full costs lines, never a tunnel.
    #[arg(long, value_name = "FILE", help_heading = "Watching it")]
    pub access_log: Option<PathBuf>,

    /// Its lines: text (key=value) or json
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        requires = "access_log",
        help_heading = "Watching it"
    )]
    pub access_log_format: Format,

    #[command(flatten)]
    pub output: Output,
}

/// Who sends PROXY headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    Net(IpNet),
    Unix,
}

impl FromStr for Sender {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "unix" => Ok(Sender::Unix),
            _ => parse_net(text).map(Sender::Net),
        }
    }
}

/// What tunnels may be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http,
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "http" => Ok(Protocol::Http),
            _ => Err("there is http".into()),
        }
    }
}

/// What stands behind `--upstream`.
#[derive(Debug, Parser)]
#[command(
    name = "tuncat serve --upstream",
    no_binary_name = true,
    disable_help_flag = true
)]
pub struct UpstreamOptions {
    #[command(flatten)]
    pub proxy: ProxyOptions,
}

const RULES: &str = "\
Rules:
  example.com            this name, every port
  *.example.com:443      every name below it, port 443
  10.0.0.0/8:22,8000-8999
                         addresses, after resolving
  *:443                  every public target, port 443
  unix:/run/app.sock     a unix socket of this machine
Private, loopback, link-local and other special addresses need a rule for just such addresses: neither a name nor a wider block opens them.

A file for --rules:
  allow = [\"*.example.com:443\"]         as --allow, --deny and --allow-clients, and added to them
  deny = [\"10.9.9.9\"]
  allow-clients = [\"192.0.2.0/24\"]
  [users.ann]                           what this user may reach, instead of what all may; deny rules
  allow = [\"10.0.0.0/8:22\"]             for all hold for her too
  [certificates]                        users by their certificates: CN=, dns:, email:, uri: or sha256:
  \"dns:build.example\" = \"ann\"
  [inner]                               as --inner-allow, --inner-deny and --inner-header
  deny = [\"/admin*\"]

Examples:
  tuncat serve
  tuncat serve --forward localhost:22
  tuncat serve -l '*:8443' --self-signed --auth-file users --allow '*:22,443'
  tuncat serve --admin 127.0.0.1:9090 --access-log tunnels.log --inner http --inner-deny '/admin*'
  tuncat serve --upstream -x https://proxy.example:8443 -U me";
