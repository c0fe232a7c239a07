//! `tuncat listen`.

use crate::accept::Address;
use crate::base::defaults::CONNECTIONS;
use crate::cli::common::parse_duration;
use crate::cli::{InnerTlsOptions, Output, ProxyOptions, Sender};
use crate::dial::ProxyVersion;
use crate::policy::rule::parse_net;
use clap::Args;
use ipnet::IpNet;
use std::time::Duration;

/// Carry connections to local ports through tunnels
///
/// Each accepted connection opens one tunnel. SIGTERM and SIGINT end it; with --drain live tunnels may go on for a while, until a second
/// signal comes.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Listen {
    /// Local end and target: [BIND:]PORT:HOST:HOSTPORT, as with ssh -L; repeatable
    ///
    /// Each side may be a unix socket: unix:PATH. Without BIND only this machine can connect; '*' is every interface. Port 0
    /// lets the kernel choose; the address is printed.
    #[arg(
        short = 'L',
        long = "local",
        value_name = "SPEC",
        required_unless_present = "dynamic"
    )]
    pub local: Vec<String>,

    /// Local proxy: [BIND:]PORT, for clients that say themselves where they want to go; repeatable
    ///
    /// One port takes SOCKS 4, 4a and 5, CONNECT, and requests for http URLs. Clients need no password; the proxies further on get ours. Only this
    /// machine can connect, unless BIND is another address and --allow-clients says whose.
    #[arg(short = 'D', long, value_name = "[BIND:]PORT")]
    pub dynamic: Vec<Address>,

    /// Client addresses that -D serves, instead of this machine's
    #[arg(long, value_name = "ADDRESS[/LENGTH]", value_parser = parse_net, requires = "dynamic")]
    pub allow_clients: Vec<IpNet>,

    #[command(flatten)]
    pub proxy: ProxyOptions,

    #[command(flatten)]
    pub inner: InnerTlsOptions,

    /// Begin each tunnel with a PROXY header that tells the target who the client is: v1 or v2
    #[arg(long, value_name = "VERSION", conflicts_with = "dynamic")]
    pub proxy_protocol: Option<ProxyVersion>,

    /// Load balancers that begin each connection with a PROXY header, version 1 or 2: ADDRESS[/LENGTH] or 'unix'; repeatable
    #[arg(long, value_name = "SENDER", conflicts_with = "dynamic")]
    pub proxy_protocol_from: Vec<Sender>,

    /// Sessions with an HTTP/2 proxy that are opened at start, before any client, and kept open
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub warm: usize,

    /// Sessions with an HTTP/2 proxy at the same time, at most
    ///
    /// Tunnels share a session up to the number that the proxy takes; then another one is opened, or at this limit they wait.
    #[arg(long, value_name = "N", default_value_t = CONNECTIONS,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub connections: usize,

    /// End a tunnel after this much silence both ways; off by default
    #[arg(short = 'i', long, value_name = "TIME", value_parser = parse_duration)]
    pub idle_timeout: Option<Duration>,

    /// How long live tunnels may go on after SIGTERM or SIGINT
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0")]
    pub drain: Duration,

    /// Tell which way would be taken and why, and do nothing
    ///
    /// On stdout; with --json as one object a target. Only names that this machine would resolve are resolved.
    #[arg(long)]
    pub explain: bool,

    #[command(flatten)]
    pub output: Output,
}

const EXAMPLES: &str = "\
Examples:
  tuncat listen -x http://proxy:3128 -L 2222:host.example:22
  tuncat listen -x http://proxy:3128 -U me -D 1080
  tuncat listen -x https://proxy --warm 1 -L 8080:a.example:80 -L unix:/tmp/b.sock:b.example:5432";
