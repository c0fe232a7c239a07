//! `tuncat connect`.

use crate::cli::common::parse_duration;
use crate::cli::{InnerTlsOptions, Output, ProxyOptions};
use clap::Args;
use std::time::Duration;

/// Carry stdin and stdout through one tunnel
///
/// stdout carries the tunnel's bytes and nothing else. At the end of stdin the sending half is closed and reading goes on until the
/// far side ends.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Connect {
    /// HOST:PORT, [v6]:PORT, HOST PORT, unix:PATH, or a target inside the proxy: echo:, discard:, source:BYTES
    #[arg(value_name = "TARGET")]
    pub target: String,

    /// Port, where TARGET is a host alone (as ssh's %h %p)
    #[arg(value_name = "PORT")]
    pub port: Option<String>,

    #[command(flatten)]
    pub proxy: ProxyOptions,

    #[command(flatten)]
    pub inner: InnerTlsOptions,

    /// End after this much silence both ways; off by default
    #[arg(short = 'i', long, value_name = "TIME", value_parser = parse_duration)]
    pub idle_timeout: Option<Duration>,

    /// At the end of stdin send the FIN at once, whatever the proxy does with it
    #[arg(short = 'N', long)]
    pub fin_now: bool,

    /// How long the far side must be quiet before the FIN is sent through a proxy that may answer it by closing both ways
    ///
    /// Proxies known to keep the other direction open (tuncat, Apache) get it at once.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "fin_now",
          default_value = "1")]
    pub fin_delay: Duration,

    /// Only open the tunnel and close it: the exit code tells whether that works
    #[arg(short = 'z', long)]
    pub zero_io: bool,

    /// Give the tunnel's socket to the process at the other end of stdout, and leave
    ///
    /// For ssh with ProxyUseFdpass=yes: no tuncat stays behind, and ssh speaks to the proxy's socket itself. Only where the tunnel is the bytes
    /// on that socket: through proxies in the clear with h1, or without a proxy.
    #[arg(long, conflicts_with_all = ["idle_timeout", "fin_now", "fin_delay", "zero_io", "inner_tls"])]
    pub fdpass: bool,

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
  ssh -o ProxyCommand='tuncat connect -x http://proxy:3128 %h %p' user@host
  ssh -o ProxyUseFdpass=yes -o ProxyCommand='tuncat connect --fdpass -x http://proxy:3128 %h %p' user@host
  echo hello | tuncat connect -x embedded: echo:
  tuncat connect -z -x https://proxy:443 -U me example.com:22";
