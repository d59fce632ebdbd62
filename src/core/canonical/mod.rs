//! Canonical JSON (RFC 8785): every value has one spelling, whatever route it took.
//!
//! Two texts that mean the same (other key order, white space, escapes or number forms, or a trip
//! through JSONB) have the same canonical form, so a checksum over it compares values. Numbers are
//! doubles, keys are sorted by UTF-16 code units, of equal keys the last one counts.
//!
//! What one of the databases cannot hold is a [`Refusal`]: nothing is repaired or left out.

mod checksum;
mod compact;
mod members;
mod refusal;
mod scan;
#[cfg(test)]
pub(in crate::core) mod tests;

use std::{borrow::Cow, cmp::Ordering, fmt::Write, ops::Range};

pub use checksum::{Algorithm, checksum, verify};
pub use compact::compact;
pub use members::{Members, members};
pub use refusal::{MAX_DECIMALS, MAX_DEPTH, Reason, Refusal, pointer_segment};
use scan::Scanner;

/// The canonical form of a JSON text.
///
/// # Errors
/// When the text is not JSON, is nested deeper than [`MAX_DEPTH`], or holds what cannot be stored.
pub fn canonical(json: &str) -> Result<String, Refusal> {
    let out = String::with_capacity(json.len());
    let mut writer = Writer { scan: Scanner::new(json), out, depth: 0 };
    writer.value()?;
    writer.scan.end()?;
    Ok(writer.out)
}

/// The text of a JSON string, or `None` when `json` is another kind of value.
///
/// # Errors
/// When the string is not well formed, or holds what cannot be stored.
pub fn text(json: &str) -> Result<Option<Cow<'_, str>>, Refusal> {
    let mut scan = Scanner::new(json);
    if scan.token() != Some(b'"') {
        return Ok(None);
    }
    let text = scan.string()?;
    scan.end()?;
    Ok(Some(text))
}

/// Appends `text` as a JSON string, escaping only what must be.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | ..b' ')) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = special.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\t') => out.push_str("\\t"),
            Some('\n') => out.push_str("\\n"),
            Some('\u{c}') => out.push_str("\\f"),
            Some('\r') => out.push_str("\\r"),
            control => {
                let code = control.map_or(0, u32::from);
                // Writing to a String cannot fail.
                write!(out, "\\u{code:04x}").unwrap_or_default();
            }
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// An object's member: its key, and where its `"key":value` stands in the output.
type Member<'a> = (Cow<'a, str>, Range<usize>);

struct Writer<'a> {
    scan: Scanner<'a>,
    out: String,
    depth: usize,
}

impl Writer<'_> {
    fn value(&mut self) -> Result<(), Refusal> {
        match self.scan.token() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => {
                let text = self.scan.string()?;
                quote(&text, &mut self.out);
                Ok(())
            }
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            _ => self.number(),
        }
    }

    fn nested(&mut self, inner: fn(&mut Self) -> Result<(), Refusal>) -> Result<(), Refusal> {
        if self.depth == MAX_DEPTH {
            return Err(Reason::TooDeep.into());
        }
        self.depth += 1;
        inner(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn literal(&mut self, word: &str) -> Result<(), Refusal> {
        self.scan.word(word)?;
        self.out.push_str(word);
        Ok(())
    }

    fn number(&mut self) -> Result<(), Refusal> {
        let number = self.scan.number()?;
        if is_plain_integer(number) {
            self.out.push_str(number);
            return Ok(());
        }
        match number.parse::<f64>() {
            Ok(double) if double.is_finite() => {
                self.out.push_str(ryu_js::Buffer::new().format_finite(double));
                Ok(())
            }
            _ => Err(Reason::NumberTooLarge.into()),
        }
    }

    fn array(&mut self) -> Result<(), Refusal> {
        self.scan.punctuation(b'[')?;
        self.out.push('[');
        let mut index = 0;
        while !self.scan.take(b']') {
            if index > 0 {
                self.scan.punctuation(b',')?;
                self.out.push(',');
            }
            self.value().map_err(|refusal| refusal.under(&index.to_string()))?;
            index += 1;
        }
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self) -> Result<(), Refusal> {
        self.scan.punctuation(b'{')?;
        let start = self.out.len();
        self.out.push('{');
        let mut members: Vec<Member<'_>> = Vec::with_capacity(8);
        while !self.scan.take(b'}') {
            if !members.is_empty() {
                self.scan.punctuation(b',')?;
                self.out.push(',');
            }
            let from = self.out.len();
            let key = self.scan.string()?;
            self.scan.punctuation(b':')?;
            quote(&key, &mut self.out);
            self.out.push(':');
            self.value().map_err(|refusal| refusal.under(&key))?;
            members.push((key, from..self.out.len()));
        }
        self.out.push('}');
        if !members.is_sorted_by(|a, b| in_order(&a.0, &b.0).is_lt()) {
            self.reorder(start, members);
        }
        Ok(())
    }

    /// Writes the object that begins at `start` once more, sorted and without repeated keys.
    fn reorder(&mut self, start: usize, mut members: Vec<Member<'_>>) {
        let unordered = self.out.split_off(start);
        // A stable sort: of equal keys, the last one of the text stays the last one.
        members.sort_by(|a, b| in_order(&a.0, &b.0));
        self.out.push('{');
        let last_of_each = members.chunk_by(|a, b| a.0 == b.0).filter_map(<[_]>::last);
        for (place, (_, range)) in last_of_each.enumerate() {
            if place > 0 {
                self.out.push(',');
            }
            let member = unordered.get(range.start - start..range.end - start);
            self.out.push_str(member.unwrap_or_default());
        }
        self.out.push('}');
    }
}

/// The order of UTF-16 code units, which differs from that of bytes only above U+D7FF.
fn in_order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

/// Whether a number's text is its canonical form already: up to 15 digits are exact in a double.
fn is_plain_integer(number: &str) -> bool {
    number.len() <= 15
        && number != "-0"
        && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}
