//! Whom a client trusts.

use crate::tls::verifier::Verifier;
use crate::tls::{Pin, identity, provider};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, KeyLogFile, RootCertStore,
    SignatureScheme,
};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// How a server's certificate is judged. The first that is given counts: pins, `insecure`, then
/// the roots.
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    /// Only these keys; in return neither a root nor a name is asked for.
    pub pins: Vec<Pin>,
    /// Anybody.
    pub insecure: bool,
    /// PEM files with roots, instead of all others.
    pub roots: Vec<PathBuf>,
    pub roots_from: RootsFrom,
    /// Who we are, for servers that ask: PEM files with the chain and the key, which may be one.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Secrets of every session go to the file that `SSLKEYLOGFILE` names.
    pub key_log: bool,
}

/// Which authorities are trusted where none is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RootsFrom {
    /// Those of this machine; Mozilla's where it has none.
    #[default]
    Native,
    /// Mozilla's, which this program brings.
    Webpki,
    Both,
}

impl FromStr for RootsFrom {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "native" => Ok(RootsFrom::Native),
            "webpki" => Ok(RootsFrom::Webpki),
            "both" => Ok(RootsFrom::Both),
            _ => Err("there are native, webpki and both".into()),
        }
    }
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
            let roots = Arc::new(self.roots()?);
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone());
            Arc::new(Verifier(verifier.build().map_err(|e| e.to_string())?))
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let (chain, key) = identity::load(certificate, key)?;
                config.with_client_auth_cert(chain, key).map_err(|e| {
                    format!(
                        "{}: certificate and key do not fit: {e}",
                        certificate.display()
                    )
                })?
            }
        };
        if self.key_log {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(Arc::new(config))
    }

    /// The certificates of the roots, for a client that is not ours.
    pub fn trusted(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        if !self.roots.is_empty() {
            return identity::certificates_of(&self.roots);
        }
        Ok(rustls_native_certs::load_native_certs().certs)
    }

    /// The roots named, or the system's, or Mozilla's where the system has none.
    fn roots(&self) -> Result<RootCertStore, String> {
        let mut store = identity::authorities_of(&self.roots)?;
        if self.roots.is_empty() && self.roots_from != RootsFrom::Webpki {
            let system = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(system.certs);
        }
        let both = self.roots.is_empty() && self.roots_from == RootsFrom::Both;
        if store.is_empty() || both {
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
