//! Options about TLS, with proxies and inside tunnels.

use crate::base::Host;
use crate::tls::{Pin, RootsFrom};
use clap::Args;
use std::path::PathBuf;

/// With https proxies. Where a chain has several, all of this holds for each of them.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "TLS with the proxy")]
pub struct TlsOptions {
    /// Trust any certificate of an https proxy
    #[arg(short = 'k', long)]
    pub insecure: bool,

    /// Trust the certificate authorities in this PEM file, instead of the system's
    #[arg(long, value_name = "FILE")]
    pub cacert: Vec<PathBuf>,

    /// Trust the proxy that holds this public key, and no other
    ///
    /// The pin replaces the check of certificate chain and name. 'tuncat serve --self-signed' prints its pin.
    #[arg(long, value_name = "sha256//BASE64", conflicts_with = "insecure")]
    pub pin: Vec<Pin>,

    /// Our certificate chain, for proxies that ask for one (PEM); with the key in it, or in --key
    #[arg(short = 'E', long, value_name = "FILE")]
    pub cert: Option<PathBuf>,

    /// The key of --cert (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,

    /// Name to ask for, and to find in the certificate, instead of the proxy's host
    #[arg(long, value_name = "NAME", value_parser = Host::parse)]
    pub sni: Option<Host>,

    /// Authorities to trust where none is named: native, webpki or both
    ///
    /// native are the system's, or Mozilla's where it has none; webpki are Mozilla's, which come with tuncat. If SSLKEYLOGFILE is set, the
    /// secrets of every session are written to that file, for tools that decrypt captures.
    #[arg(
        long,
        value_name = "WHICH",
        default_value = "native",
        hide_default_value = true
    )]
    pub tls_roots: RootsFrom,
}

/// With the target, inside the tunnel.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "TLS with the target")]
pub struct InnerTlsOptions {
    /// Speak TLS with the target, inside the tunnel
    #[arg(long)]
    pub inner_tls: bool,

    /// Trust any certificate of the target
    #[arg(long, requires = "inner_tls")]
    pub inner_insecure: bool,

    /// Trust the certificate authorities in this PEM file for the target
    #[arg(long, value_name = "FILE", requires = "inner_tls")]
    pub inner_cacert: Vec<PathBuf>,

    /// Trust the target that holds this public key, and no other
    #[arg(
        long,
        value_name = "sha256//BASE64",
        requires = "inner_tls",
        conflicts_with = "inner_insecure"
    )]
    pub inner_pin: Vec<Pin>,

    /// Our certificate chain, for targets that ask for one (PEM); with the key in it, or in --inner-key
    #[arg(long, value_name = "FILE", requires = "inner_tls")]
    pub inner_cert: Option<PathBuf>,

    /// The key of --inner-cert (PEM)
    #[arg(long, value_name = "FILE", requires = "inner_cert")]
    pub inner_key: Option<PathBuf>,

    /// Name to ask for, and to find in the certificate, instead of the target's host
    #[arg(long, value_name = "NAME", requires = "inner_tls", value_parser = Host::parse)]
    pub inner_sni: Option<Host>,

    /// Protocols to offer the target (ALPN), such as h2,http/1.1
    #[arg(
        long,
        value_name = "LIST",
        requires = "inner_tls",
        value_delimiter = ','
    )]
    pub inner_alpn: Vec<String>,
}
