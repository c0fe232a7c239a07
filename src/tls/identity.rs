//! The certificate and key of a terminator.

use crate::tls::{Pin, provider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Who a server is.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// From PEM files: the chain with the server's own certificate first, and its key.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, String> {
        let (chain, key) = load(certificate, key)?;
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
    /// other protocols is turned away (RFC 7301 §3.2). With `authorities`, PEM files, each client has to show a
    /// certificate of one of them.
    pub fn server_config(self, authorities: &[PathBuf]) -> Result<Arc<ServerConfig>, String> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?;
        let config = match authorities.is_empty() {
            true => config.with_no_client_auth(),
            false => {
                let roots = Arc::new(authorities_of(authorities)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                config.with_client_cert_verifier(verifier.build().map_err(|e| e.to_string())?)
            }
        };
        let mut config = config
            .with_single_cert(self.chain, self.key)
            .map_err(|e| format!("certificate and key do not fit: {e}"))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// A chain, its owner's certificate first, and the key, from PEM files.
pub fn load(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain = certificates(certificate)?;
    let shown = key.display();
    match PrivateKeyDer::from_pem_file(key) {
        Ok(key) => Ok((chain, key)),
        Err(_) if is_encrypted(key) => Err(format!(
            "{shown}: the key is encrypted; 'openssl pkey -in {shown} -out FILE' gives one that is not"
        )),
        Err(e) => Err(format!("{shown}: {e}")),
    }
}

fn is_encrypted(key: &Path) -> bool {
    std::fs::read_to_string(key).is_ok_and(|text| text.contains("ENCRYPTED"))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = file.display();
    let all: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|e| format!("{shown}: {e}"))?;
    match all.is_empty() {
        true => Err(format!("{shown}: no certificate in it")),
        false => Ok(all),
    }
}

/// All certificates in PEM files.
pub fn certificates_of(files: &[PathBuf]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all = files.iter().map(|file| certificates(file));
    Ok(all.collect::<Result<Vec<_>, _>>()?.concat())
}

/// All authorities in PEM files.
pub fn authorities_of(files: &[PathBuf]) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for file in files {
        for certificate in certificates(file)? {
            let added = store.add(certificate);
            added.map_err(|e| format!("{}: {e}", file.display()))?;
        }
    }
    Ok(store)
}
