//! `tuncat doctor`.

use crate::cli::ProxyOptions;
use crate::cli::common::parse_duration;
use clap::{ArgAction, Args};
use std::time::Duration;

/// Tell what a proxy permits, and why something fails
///
/// Every way of tunnelling is tried once through the (last) proxy, and what it answers is explained: ways, ports, credentials, TLS, who
/// reads along, what is held back. It ends with the best command line, or with what to ask the proxy's administrator for.
///
/// Few requests are made, nothing but handshakes goes to anybody else than TARGET, no payload to anybody but tuncat itself, and credentials
/// that are turned down are not sent again.
#[derive(Debug, Args)]
#[command(after_long_help = CODES, mut_arg("connect_timeout", |a| a.default_value("10").help("Seconds for each probe; 0 for no limit")))]
pub struct Doctor {
    /// What tunnels are wanted to: HOST:PORT, [v6]:PORT, or a target inside the proxy
    ///
    /// Without it, a target that tuncat opens on this machine shows whether there can be tunnels at all; where the proxy cannot reach
    /// that, a name that does not exist.
    #[arg(value_name = "TARGET")]
    pub target: Option<String>,

    /// Look at TARGET's certificate, whatever its port; without this on port 443 only
    #[arg(long, requires = "target")]
    pub tls: bool,

    /// See what becomes of ends and resets, in four tunnels for each way that opens
    ///
    /// The other end is a target that tuncat opens on this machine for the proxy to connect to.
    #[arg(long)]
    pub eof: bool,

    /// Leave tunnels alone for up to this time, and see whether they are cut
    ///
    /// Four tunnels for each way that opens, for an eighth, a quarter, a half and all of it, side by side.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub idle: Option<Duration>,

    /// Go to TARGET without the proxy too, and compare certificates
    #[arg(long, requires = "target")]
    pub direct: bool,

    /// Target that sends back what it gets, where the proxy cannot reach this machine: echo: behind 'tuncat serve', or HOST:PORT
    #[arg(long, value_name = "TARGET")]
    pub oracle: Option<String>,

    #[command(flatten)]
    pub proxy: ProxyOptions,

    /// The report as one JSON object on stdout
    #[arg(long, help_heading = "Output")]
    pub json: bool,

    /// Tell on stderr what happens; twice for more
    #[arg(short, long, action = ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
}

const CODES: &str = "\
Exit code: 0 where at least one way works; else that of the error that tells most, as for connect.

The JSON object has proxy, target, tls, identity, auth, ways, ports, interception, buffering, ends, idle, direct, findings, best, ask
and exit_code. Words in it do not change; more may come.

Verdicts on ways:
  open                 a tunnel was opened
  spoken               the proxy was willing and could not reach the target, which was one of tuncat's own
  refused              the proxy's rules say no
  auth_required        it wants credentials, or others
  unsupported          it does not know this version or method
  target_unreachable   it could not reach TARGET
  failed               something else; see why
  not_tried            it would have been in vain, or sent rejected credentials again

Verdicts on ports:
  open                 a tunnel to TARGET was opened
  refused              the proxy's rules say no
  not_refused          no rule said no before the proxy looked the name up
  unknown              the answer does not tell

Held back (buffering): of the request none, until_end, until_bytes (request_bytes tells, about), unknown; of the answer none, held,
until_bytes, unknown.

Ends (--eof): client_first, our end first: kept, reply_lost, reply_cut, stalled, unknown; target_first, the target's end first, while we go on
sending: kept, cut, unknown; target_reset, what we see of a reset by the target, and client_reset, what it sees of ours: reset, clean_end, unknown.

Silence (--idle): alive, cut (after_s seconds), dead (not told, and found so after after_s seconds; alive_s were survived), unknown.

TLS inside tunnels (interception): none, intercepted, likely, unknown.

Codes of findings:
  proxy_unreachable        there is no connection to the proxy, or no answer
  not_http                 what answers does not speak HTTP
  not_a_proxy              it speaks HTTP and opens no tunnels
  speaks_tls               the port speaks TLS, and the URL says http://
  tls_failed               the TLS handshake with the proxy failed
  certificate_not_trusted  the proxy's certificate is not trusted
  auth_required            the proxy wants credentials, and none were given
  auth_failed              the credentials were turned down
  rate_limited             the proxy limits requests (429)
  connect_refused          the proxy's rules refuse the target
  port_refused             the proxy's rules refuse CONNECT to some ports
  method_unsupported       CONNECT is not supported, POST is
  http2_unsupported        HTTP/2 is not spoken
  post_unsupported         there are no POST tunnels
  post_request_buffered    something holds the content of requests back
  post_answer_buffered     something holds the content of answers back
  target_unreachable       the proxy could not reach the target
  target_not_resolved      the proxy does not know the target's name
  oracle_unreachable       the proxy could not reach tuncat's own target
  tls_intercepted          TLS inside tunnels is intercepted
  tls_intercepted_likely   a certificate looks like that of an interception
  half_close_lost          when our side ends first, the answer is lost
  target_end_cuts          when the target ends first, what we send is lost
  truncation_hidden        a reset by the target looks like a clean end to us
  reset_hidden             a reset by us looks like a clean end to the target
  idle_cut                 tunnels that are silent are cut

Examples:
  tuncat doctor -x http://proxy:3128 host.example:22
  tuncat doctor -x https://proxy -U me --json host.example:443";
