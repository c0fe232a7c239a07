//! What an examination finds.

use crate::base::error::Held;
use crate::base::{Setup, Signature};
use crate::carrier::Carrier;
use crate::doctor::findings::Finding;
use crate::tls::Pin;

/// All that is known at the end. Probes that were not run leave their part empty.
#[derive(Debug, Default)]
pub struct Report {
    /// The (last) proxy, without credentials.
    pub proxy: String,
    pub target: Option<String>,
    /// Of an https proxy.
    pub tls: Option<TlsSeen>,
    pub identity: Identity,
    pub auth: Auth,
    pub ways: Vec<WaySeen>,
    pub ports: Vec<PortSeen>,
    pub interception: Interception,
    pub buffering: Vec<Buffering>,
    pub ends: Vec<Ends>,
    pub idle: Option<Vec<Idle>>,
    /// Of `--direct`: whether the target can be reached without the proxy, and how that ended.
    pub direct: Option<Direct>,
    pub findings: Vec<Finding>,
    pub best: Option<Best>,
    /// What somebody who owns the proxy would have to change, one sentence each.
    pub ask: Vec<String>,
    pub exit_code: i32,
}

/// A TLS handshake as it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSeen {
    pub version: String,
    /// What was agreed on of `h2` and `http/1.1`.
    pub alpn: Option<String>,
    pub subject: String,
    pub issuer: String,
    /// By the trust that was configured: roots, pins or none.
    pub trusted: bool,
    pub problem: Option<String>,
    /// Of the key, as `--pin` takes it.
    pub pin: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub signature: Signature,
    pub product: Option<&'static str>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    pub required: bool,
    pub challenges: Vec<String>,
    pub sent: bool,
    /// Nothing where no answer tells.
    pub accepted: Option<bool>,
}

/// One carrier, tried.
#[derive(Clone, Debug)]
pub struct WaySeen {
    pub carrier: Carrier,
    pub target: String,
    pub verdict: Verdict,
    pub status: Option<u16>,
    /// The proxy's own token for the error.
    pub token: Option<String>,
    /// Of a tunnel that opened.
    pub setup: Option<Setup>,
    /// What seems to be held back on the way, where that is why nothing opened.
    pub held: Option<Held>,
    pub why: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A tunnel opened.
    Open,
    /// The proxy went as far as to look for the target: tunnels are allowed.
    Spoken,
    Refused,
    AuthRequired,
    /// The proxy does not know this version or method.
    Unsupported,
    TargetUnreachable,
    Failed,
    NotTried,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Open => "open",
            Verdict::Spoken => "spoken",
            Verdict::Refused => "refused",
            Verdict::AuthRequired => "auth_required",
            Verdict::Unsupported => "unsupported",
            Verdict::TargetUnreachable => "target_unreachable",
            Verdict::Failed => "failed",
            Verdict::NotTried => "not_tried",
        }
    }
}

/// A port that CONNECT was tried with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSeen {
    pub port: u16,
    pub verdict: PortVerdict,
    pub status: Option<u16>,
    pub why: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortVerdict {
    Open,
    Refused,
    /// No rule refused it before the name was looked up.
    NotRefused,
    Unknown,
}

impl PortVerdict {
    pub fn name(self) -> &'static str {
        match self {
            PortVerdict::Open => "open",
            PortVerdict::Refused => "refused",
            PortVerdict::NotRefused => "not_refused",
            PortVerdict::Unknown => "unknown",
        }
    }
}

/// Whether somebody reads TLS inside tunnels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interception {
    /// `none`, `intercepted`, `likely` or `unknown`.
    pub verdict: &'static str,
    pub issuer: Option<String>,
    /// Of the key that the target showed.
    pub pin: Option<Pin>,
    pub why: String,
}

impl Default for Interception {
    fn default() -> Self {
        Interception {
            verdict: "unknown",
            issuer: None,
            pin: None,
            why: "not looked at".into(),
        }
    }
}

/// What is held back of a POST and of its answer. A word of `none`, `until_end`, `until_bytes` and
/// `unknown` for the request; of `none`, `held`, `until_bytes` and `unknown` for the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffering {
    pub carrier: Carrier,
    pub request: &'static str,
    /// Octets that have to come before the request goes on, about.
    pub request_bytes: Option<u64>,
    pub answer: &'static str,
    pub answer_bytes: Option<u64>,
    pub why: Option<String>,
}

/// What becomes of ends and resets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ends {
    pub carrier: Carrier,
    /// Our end first: `kept`, `reply_lost`, `reply_cut`, `stalled` or `unknown`.
    pub client_first: &'static str,
    /// The target's end first: `kept`, `cut` or `unknown`.
    pub target_first: &'static str,
    /// What we see of the target's reset: `reset`, `clean_end` or `unknown`.
    pub target_reset: &'static str,
    /// What the target sees of ours: `reset`, `clean_end` or `unknown`.
    pub client_reset: &'static str,
    pub why: Option<String>,
}

/// A tunnel that was left alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Idle {
    pub carrier: Carrier,
    /// `alive`, `cut`, `dead` or `unknown`.
    pub verdict: &'static str,
    /// Seconds: of silence survived, until the cut, or after which it was found dead.
    pub after_s: Option<f64>,
    /// Seconds of silence that another tunnel survived.
    pub alive_s: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Direct {
    pub reachable: bool,
    pub why: String,
}

/// What to type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Best {
    pub carrier: Carrier,
    pub command: String,
    pub ssh_config: String,
}
