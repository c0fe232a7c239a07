//! Header fields: as they were received, and as they may be sent.

/// One field. The value may hold any octet but CR, LF and NUL (RFC 9110 §5.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub value: Vec<u8>,
}

impl Field {
    /// From `Name: value`, `Name:` (an empty value) as typed; leading and trailing white space of
    /// the value goes.
    ///
    /// Anything that could end the line early is refused, never escaped (RFC 9112 §11.1).
    pub fn parse(text: &str) -> Result<Field, String> {
        let (name, value) = text
            .split_once(':')
            .ok_or("a header field is written 'Name: value'")?;
        if !is_token(name.as_bytes()) {
            return Err("the field's name is empty or has a character that no name has".into());
        }
        let value = value.trim_matches([' ', '\t']);
        if value.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f) {
            return Err("the field's value has a control character".into());
        }
        Ok(Field {
            name: name.into(),
            value: value.into(),
        })
    }
}

/// The fields of one message, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<Field>);

impl Fields {
    /// Every value of the field called `name`, in order; names are compared without case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.0
            .iter()
            .filter(move |f| f.name.eq_ignore_ascii_case(name))
            .map(|f| f.value.as_slice())
    }

    /// The first value of `name`.
    pub fn get<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The first value of `name` where it is UTF-8.
    pub fn text<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        std::str::from_utf8(self.get(name)?).ok()
    }
}

/// RFC 9110 §5.6.2.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_fields() {
        let field = Field::parse("X-Test:  a b ").unwrap();
        assert_eq!(
            (field.name.as_str(), field.value.as_slice()),
            ("X-Test", &b"a b"[..])
        );
        for bad in [
            "",
            "x",
            ": v",
            "a b: v",
            "a: b\r\nc: d",
            "a: b\0",
            "a\n: b",
            "a : b",
            "é: x",
        ] {
            assert!(Field::parse(bad).is_err(), "{bad:?}");
        }
    }
}
