//! What a certificate says of itself.

use crate::base::escape::escape;
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// Characters of a name.
const LIMIT: usize = 200;

/// Words in the issuers of products that inspect TLS, in lower case.
const INSPECTORS: [&str; 27] = [
    "avast",
    "barracuda",
    "bitdefender",
    "blue coat",
    "bluecoat",
    "burp",
    "charles proxy",
    "check point",
    "cisco umbrella",
    "cloudflare managed",
    "eset ssl filter",
    "fiddlerroot",
    "forcepoint",
    "fortigate",
    "fortinet",
    "kaspersky",
    "mcafee web gateway",
    "menlo security",
    "mitmproxy",
    "netskope",
    "palo alto",
    "portswigger",
    "skyhigh",
    "sonicwall",
    "sophos",
    "watchguard",
    "zscaler",
];

/// The issuer is that of a product known to inspect TLS.
pub fn is_inspector(issuer: &str) -> bool {
    let issuer = issuer.to_ascii_lowercase();
    INSPECTORS.iter().any(|word| issuer.contains(word))
}

/// Subject and issuer, escaped; question marks where it cannot be read.
pub fn names(certificate: &CertificateDer<'_>) -> (String, String) {
    let Ok(parsed) = Certificate::from_der(certificate) else {
        return ("?".into(), "?".into());
    };
    let certificate = parsed.tbs_certificate();
    let shown = |name: String| escape(name.as_bytes(), LIMIT);
    (
        shown(certificate.subject().to_string()),
        shown(certificate.issuer().to_string()),
    )
}
