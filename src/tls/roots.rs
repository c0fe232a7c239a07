//! Which authorities vouch for a chain.

use crate::tls::provider;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};
use std::sync::Arc;

/// A set of authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Mozilla's, which this program brings.
    Public,
    /// Those that this machine trusts.
    System,
}

impl Roots {
    fn store(self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        match self {
            Roots::Public => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Roots::System => {
                let system = rustls_native_certs::load_native_certs();
                store.add_parsable_certificates(system.certs);
            }
        }
        store
    }

    /// A path leads from the chain, whose first certificate is the server's, to one of these. Whether the
    /// name fits is not asked.
    pub fn vouch_for(self, chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> bool {
        let store = self.store();
        let Some((server, others)) = chain.split_first() else {
            return false;
        };
        if store.is_empty() {
            return false;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider());
        let Ok(verifier) = verifier.build() else {
            return false;
        };
        match verifier.verify_server_cert(server, others, name, &[], UnixTime::now()) {
            Ok(_) => true,
            // The name comes after the path.
            Err(Error::InvalidCertificate(why)) => matches!(
                why,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
            ),
            Err(_) => false,
        }
    }
}
