//! `tuncat listen`.

use crate::cli::common::parse_duration;
use crate::cli::{Output, ProxyOptions};
use clap::Args;
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
    #[arg(short = 'L', long = "local", value_name = "SPEC", required = true)]
    pub local: Vec<String>,

    #[command(flatten)]
    pub proxy: ProxyOptions,

    /// End a tunnel after this much silence both ways; off by default
    #[arg(short = 'i', long, value_name = "TIME", value_parser = parse_duration)]
    pub idle_timeout: Option<Duration>,

    /// How long live tunnels may go on after SIGTERM or SIGINT
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0")]
    pub drain: Duration,

    #[command(flatten)]
    pub output: Output,
}

const EXAMPLES: &str = "\
Examples:
  tuncat listen -x http://proxy:3128 -L 2222:host.example:22
  tuncat listen -x https://proxy -L 8080:a.example:80 -L unix:/tmp/b.sock:b.example:5432";
