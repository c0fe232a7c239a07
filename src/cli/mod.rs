//! The command line as it is typed; nothing here is resolved or looked up.

pub mod bench;
mod common;
mod connect;
mod doctor;
mod generate;
mod listen;
mod serve;
mod tls;

pub use bench::Bench;
pub use common::{Output, ProxyOptions, Via};
pub use connect::Connect;
pub use doctor::Doctor;
pub use generate::{Generate, What};
pub use listen::Listen;
pub use serve::{Protocol, Sender, Serve, UpstreamOptions};
pub use tls::{InnerTlsOptions, TlsOptions};

use clap::{Parser, Subcommand};

/// A netcat for HTTP tunnels: carries raw TCP inside HTTP CONNECT or POST, through the proxies
/// people really have.
#[derive(Debug, Parser)]
#[command(
    name = "tuncat",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_long_help = EXIT_CODES
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
// What each one does is said where its options are: a comment here would take the place of that.
pub enum Command {
    Connect(Connect),
    Listen(Listen),
    Serve(Box<Serve>),
    Bench(Box<Bench>),
    Doctor(Doctor),
    Generate(Generate),
}

const EXIT_CODES: &str = "\
Exit codes (curl's numbers where the meaning is the same):
  0    every byte delivered and a clean end both ways
  1    internal error
  2    usage or configuration
  5    the proxy's name has no address
  6    the target's name has no address, here or at the proxy
  7    cannot connect to the proxy, or it closed before answering
  18   the stream was truncated
  23   cannot write to stdout
  26   cannot read from stdin
  28   timeout
  35   TLS handshake failed
  56   the stream was reset
  60   the certificate is not trusted
  67   proxy authentication failed (407)
  97   the SOCKS proxy did not connect
  101  refused by the proxy (403, 3xx and every status not named here)
  102  method or carrier not supported by the proxy (400, 405, 426, 501; 404 and others to POST)
  103  the proxy could not reach the target (502, 503, 504)
  104  rate limited (429)
  105  the answer is not HTTP
  106  bytes came that are not those that were sent (bench)
  128+n ended by signal n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::defaults::{CONNECT_TIMEOUT, DRAIN, FIN_DELAY};
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    /// clap wants the defaults as text; the program has them as durations.
    #[test]
    fn defaults_are_those_of_the_program() {
        let cli = Cli::parse_from(["tuncat", "connect", "h:1"]);
        let Command::Connect(connect) = cli.command else {
            panic!()
        };
        assert_eq!(connect.proxy.connect_timeout, CONNECT_TIMEOUT);
        assert_eq!(connect.fin_delay, FIN_DELAY);
        let cli = Cli::parse_from(["tuncat", "serve"]);
        let Command::Serve(serve) = cli.command else {
            panic!()
        };
        assert_eq!(serve.drain, DRAIN);
    }
}
