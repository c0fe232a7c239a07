//! Who answered, as it says itself.

use crate::base::Signature;
use crate::base::escape::escape;
use crate::http::Fields;

/// Characters of one field.
const LIMIT: usize = 200;

/// The fields of an answer that name its sender.
pub fn of(fields: &Fields) -> Signature {
    let text = |name: &str| {
        let values = all(fields, name);
        (!values.is_empty()).then(|| values.join(", "))
    };
    Signature {
        server: text("server"),
        via: text("via"),
        agent: text("proxy-agent"),
        proxy_status: text("proxy-status"),
    }
}

/// Every value of a field, fit to be shown.
pub fn all(fields: &Fields, name: &str) -> Vec<String> {
    // Quotes are part of the grammar of these fields, and do no harm.
    let shown = |value: &[u8]| escape(value, LIMIT).replace("\\\"", "\"");
    fields.all(name).map(shown).collect()
}
