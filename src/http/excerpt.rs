//! The part of an error page that a person would read.

use crate::base::escape::escape;

/// Characters of an excerpt.
const LIMIT: usize = 200;

/// One line out of the body of a refusal, escaped; nothing where the body says nothing. Of HTML
/// only the text is kept.
pub fn excerpt(body: &[u8], html: bool) -> Option<String> {
    let text = if html {
        text_of_html(body)
    } else {
        body.to_vec()
    };
    let words: Vec<&[u8]> = text
        .split(|b| b.is_ascii_whitespace())
        .filter(|w| !w.is_empty())
        .collect();
    let line = escape(&words.join(&b' '), LIMIT);
    (!line.is_empty()).then_some(line)
}

/// What is left of HTML without tags, comments and the contents of `script`, `style` and `title`
/// (error pages repeat their title in the body).
fn text_of_html(html: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = html;
    while let Some(open) = rest.iter().position(|&b| b == b'<') {
        out.extend_from_slice(&rest[..open]);
        out.push(b' ');
        rest = &rest[open..];
        let skip = |closing: &[u8]| find(rest, closing).map(|at| at + closing.len());
        let end = if starts_with(rest, b"<!--") {
            skip(b"-->")
        } else if starts_with(rest, b"<style") {
            skip(b"</style>")
        } else if starts_with(rest, b"<script") {
            skip(b"</script>")
        } else if starts_with(rest, b"<title") {
            skip(b"</title>")
        } else {
            skip(b">")
        };
        match end {
            Some(end) => rest = &rest[end..],
            None => return out,
        }
    }
    out.extend_from_slice(rest);
    unescape(out)
}

fn starts_with(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len())
        .is_some_and(|t| t.eq_ignore_ascii_case(prefix))
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len())
        .position(|w| w.eq_ignore_ascii_case(needle))
}

fn unescape(text: Vec<u8>) -> Vec<u8> {
    if !text.contains(&b'&') {
        return text;
    }
    let mut text = String::from_utf8_lossy(&text).into_owned();
    for (entity, c) in [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, c);
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn what_a_person_reads() {
        let page = b"<html><head><title>T</title><style>p { x }</style></head><!-- c -->\
                     <body>\n<h1>Access Denied</h1><p>by &quot;rule&quot;</p>";
        assert_eq!(excerpt(page, true).unwrap(), r#"Access Denied by \"rule\""#);
        assert_eq!(excerpt(b"a\r\n\tb", false).unwrap(), "a b");
        assert_eq!(excerpt(b" \r\n", false), None);
        assert_eq!(excerpt(b"<p", true), None);
    }
}
