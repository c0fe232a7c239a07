//! What a failed handshake means for the user.

use crate::base::{Blame, Error, Kind, Stage};
use crate::tls::certificate;
use crate::tls::verifier::Untrusted;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};
use std::io;
use std::time::{Duration, UNIX_EPOCH};

/// Whom the handshake was with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum With {
    Proxy,
    /// The target, inside a tunnel.
    Target,
}

impl With {
    fn blame(self) -> Blame {
        match self {
            With::Proxy => Blame::Proxy,
            With::Target => Blame::Target,
        }
    }

    /// The option's name for this side.
    fn option(self, name: &str) -> String {
        match self {
            With::Proxy => format!("--{name}"),
            With::Target => format!("--inner-{name}"),
        }
    }
}

/// The error for a client's handshake that failed with `error`.
pub fn of_handshake(error: &io::Error, with: With) -> Error {
    let failed = |cause: String| Error::new(Kind::TlsHandshake, Stage::Tls, with.blame(), cause);
    let not_tls = match with {
        With::Proxy => "if this port speaks clear HTTP, write http:// instead of https://",
        With::Target => "does this port speak TLS? leave out --inner-tls if it does not",
    };
    match library_error(error) {
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                failed("the connection was closed during the handshake".into())
            }
            _ => failed(error.to_string()),
        }
        .hint(match with {
            With::Proxy => "check that this port speaks TLS (https://), not clear HTTP (http://)",
            With::Target => not_tls,
        }),
        Some(rustls::Error::InvalidCertificate(why)) => of_certificate(why, with),
        Some(rustls::Error::InvalidMessage(_)) => {
            failed("the answer is not TLS".into()).hint(not_tls)
        }
        Some(rustls::Error::AlertReceived(alert)) => of_alert(*alert, with),
        Some(tls) => failed(tls.to_string()),
    }
}

/// A server of TLS 1.3 judges our certificate only after our side of the handshake is done: its alert comes with
/// the first read behind it.
pub fn late_alert(error: &io::Error) -> Option<AlertDescription> {
    match library_error(error)? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

fn library_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

/// The error for an alert.
pub fn of_alert(alert: AlertDescription, with: With) -> Error {
    use AlertDescription as A;
    let cert = with.option("cert");
    let (cause, hint) = match alert {
        A::CertificateRequired => (
            "it wants a certificate of ours".into(),
            Some(format!("give it with {cert} and {}", with.option("key"))),
        ),
        A::BadCertificate
        | A::UnsupportedCertificate
        | A::CertificateUnknown
        | A::UnknownCA
        | A::AccessDenied
        | A::CertificateRevoked
        | A::CertificateExpired => (
            format!("it does not accept our certificate ({})", words(alert)),
            Some(format!(
                "check {cert}: who signed it, for whom, and until when"
            )),
        ),
        A::HandshakeFailure => (
            "it found no way to agree on keys and ciphers, or wants a certificate of ours".into(),
            Some(format!("see {cert}; TLS 1.2 and 1.3 are spoken here")),
        ),
        A::ProtocolVersion => (
            "it speaks no version of TLS that is safe (1.2 or 1.3)".into(),
            None,
        ),
        A::UnrecognisedName => (
            "it has no certificate for that name".into(),
            Some(format!("see {}", with.option("sni"))),
        ),
        A::NoApplicationProtocol => (
            "it takes none of the protocols that were offered (ALPN)".into(),
            Some(match with {
                With::Proxy => {
                    "over TLS the proxy offers none of the protocols that --via allows".into()
                }
                With::Target => "see --inner-alpn".into(),
            }),
        ),
        other => (format!("it ended the handshake: {}", words(other)), None),
    };
    Error::new(Kind::TlsHandshake, Stage::Tls, with.blame(), cause).hint_if(hint)
}

/// `UnknownCA` as `unknown CA`.
fn words(name: impl std::fmt::Debug) -> String {
    let name = format!("{name:?}");
    let mut out = String::new();
    let mut before = ' ';
    for c in name.chars() {
        let begins = c.is_ascii_uppercase() && before.is_ascii_lowercase();
        if begins {
            out.push(' ');
        }
        out.push(c);
        before = c;
    }
    let mut words = out.split(' ').map(|word| match word.len() > 2 {
        true => word.to_ascii_lowercase(),
        false => word.to_owned(),
    });
    let first = words.next().unwrap_or_default();
    words.fold(first, |all, word| all + " " + &word)
}

pub fn of_certificate(why: &CertificateError, with: With) -> Error {
    let untrusted = match why {
        CertificateError::Other(other) => other.0.downcast_ref::<Untrusted>(),
        _ => None,
    };
    let why = untrusted.map_or(why, |u| &u.why);
    let (pin, cacert) = (with.option("pin"), with.option("cacert"));
    let (cause, hint) = match why {
        CertificateError::ApplicationVerificationFailure => (
            "the key of the certificate is none of the pinned ones".into(),
            "compare with the pin that its owner gives".into(),
        ),
        CertificateError::UnknownIssuer => (
            "the certificate is signed by an authority that is not trusted here".into(),
            format!("give the authority's certificate with {cacert}, or the key with {pin}"),
        ),
        CertificateError::Expired => (
            "the certificate has expired".into(),
            "check this machine's clock, or tell its owner".into(),
        ),
        CertificateError::ExpiredContext { not_after, .. } => (
            format!("the certificate has expired on {}", date(*not_after)),
            "check this machine's clock, or tell its owner".into(),
        ),
        CertificateError::NotValidYetContext { not_before, .. } => (
            format!("the certificate is valid only from {}", date(*not_before)),
            "check this machine's clock".into(),
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("{why}"),
            format!(
                "use the name that the certificate is for, {}, or {pin}",
                with.option("sni")
            ),
        ),
        CertificateError::Revoked => (
            "the certificate was revoked".into(),
            "tell its owner".into(),
        ),
        CertificateError::Other(other) => (
            format!("the certificate is not valid: {}", words(&other.0)),
            format!("see {cacert} and {pin}"),
        ),
        _ => (
            format!("the certificate is not valid: {why}"),
            format!("see {cacert} and {pin}"),
        ),
    };
    let (cause, hint) = match untrusted {
        None => (cause, hint),
        Some(Untrusted {
            subject, issuer, ..
        }) => {
            let whose = match subject == issuer {
                true => format!("{subject}, by itself"),
                false => format!("{subject}, by {issuer}"),
            };
            let hint = match certificate::is_inspector(issuer) {
                true => format!(
                    "a middlebox appears to inspect TLS here; its authority's certificate goes to {cacert}"
                ),
                false => hint,
            };
            (format!("{cause} (of {whose})"), hint)
        }
    };
    Error::new(Kind::CertificateNotTrusted, Stage::Tls, with.blame(), cause).hint(hint)
}

fn date(time: UnixTime) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(time.as_secs()))
}
