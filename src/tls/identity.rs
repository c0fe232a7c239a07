//! The certificate and key of a terminator.

use crate::tls::{Pin, provider};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::sync::Arc;

/// Who a server is.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// From PEM files: the chain with the server's own certificate first, and its key.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, String> {
        let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .map_err(|e| format!("{}: {e}", certificate.display()))?;
        if chain.is_empty() {
            return Err(format!("{}: no certificate in it", certificate.display()));
        }
        let key =
            PrivateKeyDer::from_pem_file(key).map_err(|e| format!("{}: {e}", key.display()))?;
        Ok(Identity { chain, key })
    }

    /// A new key with a certificate of its own, for whoever pins it. Names are those of loopback.
    pub fn self_signed() -> Result<Self, String> {
        let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
        let made = rcgen::generate_simple_self_signed(names)
            .map_err(|e| format!("cannot make a certificate: {e}"))?;
        Ok(Identity {
            chain: vec![made.cert.der().clone()],
            key: PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into(),
        })
    }

    /// What a client passes to `--pin`.
    pub fn pin(&self) -> Result<Pin, String> {
        Pin::of(&self.chain[0]).map_err(|e| format!("cannot read the certificate: {e}"))
    }

    /// TLS 1.2 and 1.3, HTTP/2 or HTTP/1.1 by ALPN. A client without ALPN is served; one that offers only
    /// other protocols is turned away (RFC 7301 §3.2).
    pub fn server_config(self) -> Result<Arc<ServerConfig>, String> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_no_client_auth()
            .with_single_cert(self.chain, self.key)
            .map_err(|e| format!("certificate and key do not fit: {e}"))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}
