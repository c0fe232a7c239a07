//! `tuncat serve`.

use crate::accept::Address;
use crate::base::Target;
use crate::base::defaults::SERVE_ADDRESS;
use crate::cli::Output;
use crate::cli::common::parse_duration;
use crate::policy::Rule;
use crate::policy::rule::parse_net;
use clap::Args;
use ipnet::IpNet;
use std::path::PathBuf;
use std::time::Duration;

/// Run a small terminating proxy
///
/// Answers CONNECT and POST, on HTTP/1.1 and HTTP/2. A POST names its target by the path /.well-known/masque/tcp/{host}/{port}/, else by
/// its authority. On a loopback address it serves this machine and reaches public and loopback addresses; on any other it
/// asks for users or client addresses and reaches port 443 of public addresses. --allow rules replace these defaults, --deny rules
/// win over them.
#[derive(Debug, Args)]
#[command(after_long_help = RULES)]
pub struct Serve {
    /// Where to listen: ADDRESS:PORT, PORT, *:PORT or unix:PATH; repeatable
    #[arg(short = 'l', long, value_name = "ADDRESS", default_value = SERVE_ADDRESS)]
    pub listen: Vec<Address>,

    /// Speak TLS with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,

    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// Speak TLS with a new certificate of our own; its pin, for --pin, is printed
    #[arg(long, conflicts_with_all = ["cert", "key"])]
    pub self_signed: bool,

    /// Serve only clients with a certificate of an authority in this PEM file; repeatable
    #[arg(long, value_name = "FILE")]
    pub client_ca: Vec<PathBuf>,

    /// A user who may use the proxy (Basic authentication); repeatable
    #[arg(long, value_name = "USER:PASSWORD")]
    pub auth: Vec<String>,

    /// File with one user:password a line
    #[arg(long, value_name = "FILE")]
    pub auth_file: Option<PathBuf>,

    /// Client addresses to serve
    #[arg(long, value_name = "ADDRESS[/LENGTH]", value_parser = parse_net)]
    pub allow_clients: Vec<IpNet>,

    /// A target that may be reached; repeatable
    #[arg(long, value_name = "RULE")]
    pub allow: Vec<Rule>,

    /// A target that may not be reached; repeatable
    #[arg(long, value_name = "RULE")]
    pub deny: Vec<Rule>,

    /// Where every POST tunnel ends, whatever the request says; the rules hold for it too
    #[arg(long, value_name = "TARGET", value_parser = Target::parse)]
    pub forward: Option<Target>,

    /// Offer the targets echo:, discard:, source:BYTES and bench: also on addresses other than loopback
    #[arg(long)]
    pub allow_builtin: bool,

    /// How long live tunnels may go on after SIGTERM
    #[arg(long, value_name = "TIME", value_parser = parse_duration,
          default_value = "30")]
    pub drain: Duration,

    #[command(flatten)]
    pub output: Output,
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

Examples:
  tuncat serve
  tuncat serve --forward localhost:22
  tuncat serve -l '*:8443' --self-signed --auth-file users --allow '*:22,443'";
