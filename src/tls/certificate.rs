//! What a certificate says of itself.

use crate::base::escape::escape;
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

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

/// All by which its holder may be known: `CN=…` of the subject, `dns:…`, `email:…` and `uri:…` of its alternative names
/// (RFC 5280 §4.2.1.6), and `sha256:…` of the whole certificate. Nothing but the last where it cannot be read.
pub fn identities(certificate: &CertificateDer<'_>) -> Vec<String> {
    let mut all = Vec::new();
    if let Ok(parsed) = Certificate::from_der(certificate) {
        let certificate = parsed.tbs_certificate();
        if let Ok(Some(name)) = certificate.subject().common_name() {
            all.push(format!("CN={}", name.value()));
        }
        if let Ok(Some((_, names))) = certificate.get_extension::<SubjectAltName>() {
            all.extend(names.0.iter().filter_map(|name| match name {
                GeneralName::DnsName(name) => Some(format!("dns:{name}")),
                GeneralName::Rfc822Name(name) => Some(format!("email:{name}")),
                GeneralName::UniformResourceIdentifier(name) => Some(format!("uri:{name}")),
                _ => None,
            }));
        }
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, certificate);
    let digest: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    all.push(format!("sha256:{digest}"));
    all
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
