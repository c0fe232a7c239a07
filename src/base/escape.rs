//! Peer bytes made fit for a terminal and a log: nothing that moves a cursor or hides text.

/// At most `limit` characters of `bytes`, with everything but printable text escaped and quotes
/// escaped too. An ellipsis says that something was cut.
pub fn escape(bytes: &[u8], limit: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if count == limit {
                return out + "…";
            }
            count += 1;
            match c {
                '"' | '\\' => out.extend(['\\', c]),
                ' '..='~' => out.push(c),
                // Letters and digits of any script; not format characters, which can reorder text.
                c if c.is_alphanumeric() => out.push(c),
                c => out.extend(c.escape_default()),
            }
        }
        for byte in chunk.invalid() {
            if count == limit {
                return out + "…";
            }
            count += 1;
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn no_control_character_survives() {
        assert_eq!(
            escape(b"a\x1b[2J\r\n\xff\"", 100),
            r#"a\u{1b}[2J\r\n\xff\""#
        );
        assert_eq!(escape("é\u{202e}x".as_bytes(), 100), "é\\u{202e}x");
        assert_eq!(escape(b"abcdef", 3), "abc…");
    }
}
