//! TLS settings, from flags and the environment.

use crate::base::{Error, Host, Result};
use crate::cli::{InnerTlsOptions, TlsOptions};
use crate::tls::ClientTls;
use std::path::PathBuf;

/// TLS with the target.
#[derive(Clone, Debug)]
pub struct InnerTls {
    pub tls: ClientTls,
    /// Instead of the target's host.
    pub name: Option<Host>,
    pub alpn: Vec<Vec<u8>>,
}

/// With proxies.
pub fn with_proxies(options: &TlsOptions) -> ClientTls {
    ClientTls {
        pins: options.pin.clone(),
        insecure: options.insecure,
        roots: options.cacert.clone(),
        roots_from: options.tls_roots,
        identity: identity(&options.cert, &options.key),
        key_log: key_log().is_some(),
    }
}

/// Inside tunnels, where that is wanted.
pub fn inner(options: &InnerTlsOptions, proxies: &TlsOptions) -> Result<Option<InnerTls>> {
    if !options.inner_tls {
        return Ok(None);
    }
    let too_long = |p: &&String| p.is_empty() || p.len() > 255;
    if let Some(name) = options.inner_alpn.iter().find(too_long) {
        return Err(Error::usage(format!(
            "--inner-alpn: {name:?} is no protocol's name"
        )));
    }
    Ok(Some(InnerTls {
        tls: ClientTls {
            pins: options.inner_pin.clone(),
            insecure: options.inner_insecure,
            roots: options.inner_cacert.clone(),
            roots_from: proxies.tls_roots,
            identity: identity(&options.inner_cert, &options.inner_key),
            key_log: key_log().is_some(),
        },
        name: options.inner_sni.clone(),
        alpn: options
            .inner_alpn
            .iter()
            .map(|p| p.clone().into())
            .collect(),
    }))
}

/// The file for the secrets of sessions, which nobody should have set without knowing.
pub fn key_log() -> Option<PathBuf> {
    let file = std::env::var_os("SSLKEYLOGFILE")?;
    (!file.is_empty()).then(|| file.into())
}

/// Both may be in one file.
fn identity(cert: &Option<PathBuf>, key: &Option<PathBuf>) -> Option<(PathBuf, PathBuf)> {
    let cert = cert.clone()?;
    let key = key.clone().unwrap_or_else(|| cert.clone());
    Some((cert, key))
}
