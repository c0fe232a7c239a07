//! Public-key pins: `sha256//BASE64` of a certificate's SubjectPublicKeyInfo, as curl writes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use std::fmt;
use std::str::FromStr;

/// The SHA-256 of a SubjectPublicKeyInfo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The pin of a certificate's key.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Pin, rustls::Error> {
        let parsed = rustls::server::ParsedCertificate::try_from(certificate)?;
        let key = parsed.subject_public_key_info();
        let hash = digest(&SHA256, key.as_ref());
        let mut pin = [0; 32];
        pin.copy_from_slice(hash.as_ref());
        Ok(Pin(pin))
    }
}

impl FromStr for Pin {
    type Err = String;

    fn from_str(text: &str) -> Result<Pin, String> {
        let encoded = text
            .strip_prefix("sha256//")
            .ok_or("a pin is written sha256//BASE64")?;
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| "the pin is not base64")?;
        let pin = bytes
            .try_into()
            .map_err(|_| "the pin is not 32 bytes long")?;
        Ok(Pin(pin))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256//{}", STANDARD.encode(self.0))
    }
}
