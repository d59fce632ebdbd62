//! JSON without the white space between its tokens, and nothing else changed.

use std::borrow::Cow;

/// `json` on one line: no white space between tokens, strings and numbers as they were written.
///
/// The text must be valid JSON; of any other, the result means nothing.
#[must_use]
pub fn compact(json: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut kept = 0;
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b' ' | b'\t' | b'\n' | b'\r' if !in_string => {
                out.push_str(json.get(kept..at).unwrap_or_default());
                kept = at + 1;
            }
            _ => {}
        }
    }
    if kept == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(json.get(kept..).unwrap_or_default());
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_between_tokens_goes() {
        let spaced = " {\r\n\t\"a b\" : [ 1.50 , \"x \\\" y\\\\\" , true ] }\n";
        assert_eq!(compact(spaced), r#"{"a b":[1.50,"x \" y\\",true]}"#);
    }

    #[test]
    fn a_compact_text_is_not_copied() {
        assert!(matches!(compact(r#"{"a b":"c d"}"#), Cow::Borrowed(_)));
    }
}
