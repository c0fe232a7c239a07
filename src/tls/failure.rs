//! What a failed handshake means for the user.

use crate::base::{Blame, Error, Kind, Stage};
use rustls::{AlertDescription, CertificateError};
use std::io;

/// The error for a client's handshake that failed with `error`.
pub fn of_handshake(error: &io::Error) -> Error {
    let tls = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>());
    let Some(tls) = tls else {
        let cause = match error.kind() {
            io::ErrorKind::UnexpectedEof => "the connection was closed during the handshake".into(),
            _ => error.to_string(),
        };
        return Error::new(Kind::TlsHandshake, Stage::Tls, Blame::Proxy, cause)
            .hint("check that this port speaks TLS (https://), not clear HTTP (http://)");
    };
    match tls {
        rustls::Error::InvalidCertificate(why) => of_certificate(why),
        rustls::Error::InvalidMessage(_) => Error::new(
            Kind::TlsHandshake,
            Stage::Tls,
            Blame::Proxy,
            "the answer is not TLS",
        )
        .hint("if this port speaks clear HTTP, write http:// instead of https://"),
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => Error::new(
            Kind::TlsHandshake,
            Stage::Tls,
            Blame::Proxy,
            tls.to_string(),
        )
        .hint("over TLS the proxy offers none of the protocols that --via allows"),
        _ => Error::new(
            Kind::TlsHandshake,
            Stage::Tls,
            Blame::Proxy,
            tls.to_string(),
        ),
    }
}

fn of_certificate(why: &CertificateError) -> Error {
    let (cause, hint) = match why {
        CertificateError::ApplicationVerificationFailure => (
            "the key of the certificate is none of the pinned ones".into(),
            "compare with the pin that the proxy's owner gives",
        ),
        CertificateError::UnknownIssuer => (
            "the certificate is signed by an authority that is not trusted here".into(),
            "give the authority's certificate with --cacert, or the key with --pin",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "the certificate has expired".into(),
            "check this machine's clock, or tell the proxy's owner",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("{why}"),
            "use the name that the certificate is for, or --pin",
        ),
        _ => (
            format!("the certificate is not valid: {why}"),
            "see --cacert and --pin",
        ),
    };
    Error::new(Kind::CertificateNotTrusted, Stage::Tls, Blame::Proxy, cause).hint(hint)
}
