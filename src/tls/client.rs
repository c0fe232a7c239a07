//! Whom a client trusts.

use crate::tls::{Pin, provider};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use std::path::PathBuf;
use std::sync::Arc;

/// How a server's certificate is judged. The first that is given counts: pins, `insecure`, then
/// the roots.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    /// Only these keys; in return neither a root nor a name is asked for.
    pub pins: Vec<Pin>,
    /// Anybody.
    pub insecure: bool,
    /// PEM files with roots, instead of the system's.
    pub roots: Vec<PathBuf>,
}

impl ClientTls {
    /// Reads the roots and builds the configuration: TLS 1.2 and 1.3.
    pub fn config(&self) -> Result<Arc<ClientConfig>, String> {
        let provider = provider();
        let verifier: Arc<dyn ServerCertVerifier> = if self.insecure || !self.pins.is_empty() {
            Arc::new(KeyOnly {
                pins: self.pins.clone(),
                provider: provider.clone(),
            })
        } else {
            WebPkiServerVerifier::builder_with_provider(Arc::new(self.roots()?), provider.clone())
                .build()
                .map_err(|e| e.to_string())?
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    /// The roots named, or the system's, or Mozilla's where the system has none.
    fn roots(&self) -> Result<RootCertStore, String> {
        let mut store = RootCertStore::empty();
        for path in &self.roots {
            let shown = path.display();
            let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect)
                .map_err(|e| format!("{shown}: {e}"))?;
            if certificates.is_empty() {
                return Err(format!("{shown}: no certificate in it"));
            }
            for certificate in certificates {
                store
                    .add(certificate)
                    .map_err(|e| format!("{shown}: {e}"))?;
            }
        }
        if self.roots.is_empty() {
            let system = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(system.certs);
        }
        if store.is_empty() {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Ok(store)
    }
}

/// Checks that the server holds the key of its certificate and, where there are pins, that it is
/// one of them; never a chain or a name.
#[derive(Debug)]
struct KeyOnly {
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for KeyOnly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.pins.is_empty() || self.pins.contains(&Pin::of(end_entity)?) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::InvalidCertificate(
            CertificateError::ApplicationVerificationFailure,
        ))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
