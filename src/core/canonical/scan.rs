//! The tokens of a JSON text (RFC 8259), read once from left to right.
//!
//! Knows nothing about nesting. Refuses what is not JSON and what cannot be stored.

use std::borrow::Cow;

use super::refusal::{MAX_DECIMALS, Reason, Refusal};

pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token's first byte, past white space.
    pub(super) fn token(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.peek()
    }

    /// Steps over `byte` if it is the next token.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.token() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn punctuation(&mut self, byte: u8) -> Result<(), Refusal> {
        if self.take(byte) { Ok(()) } else { Err(self.syntax()) }
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), Refusal> {
        if self.token().is_none() { Ok(()) } else { Err(self.syntax()) }
    }

    pub(super) fn word(&mut self, word: &str) -> Result<(), Refusal> {
        if !self.rest().starts_with(word) {
            return Err(self.syntax());
        }
        self.at += word.len();
        Ok(())
    }

    /// A string's text; borrowed when nothing in it is escaped.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Refusal> {
        self.punctuation(b'"')?;
        let mut text = Cow::Borrowed("");
        loop {
            let rest = self.rest();
            let special = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '));
            let plain = rest.get(..special.unwrap_or(rest.len())).unwrap_or_default();
            self.at += plain.len();
            // Adding to an empty borrowed text borrows.
            text += plain;
            match self.bump() {
                Some(b'"') => return Ok(text),
                Some(b'\\') => text.to_mut().push(self.escape()?),
                _ => return Err(self.syntax_before()),
            }
        }
    }

    /// A number's text.
    pub(super) fn number(&mut self) -> Result<&'a str, Refusal> {
        let start = self.at;
        self.step(b"-");
        if !self.step(b"0") {
            self.digits()?;
        }
        let decimals = if self.step(b".") { self.digits()?.len() } else { 0 };
        if self.step(b"eE") {
            let from = self.at;
            self.step(b"+-");
            self.digits()?;
            // An exponent that is no i64 is out of range in any case.
            let exponent = self.since(from).parse().unwrap_or(i64::MAX);
            within_decimals(decimals, exponent)?;
        } else {
            within_decimals(decimals, 0)?;
        }
        Ok(self.since(start))
    }

    fn digits(&mut self) -> Result<&'a str, Refusal> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { Err(self.syntax()) } else { Ok(self.since(start)) }
    }

    fn escape(&mut self) -> Result<char, Refusal> {
        Ok(match self.bump() {
            Some(plain @ (b'"' | b'\\' | b'/')) => char::from(plain),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.syntax_before()),
        })
    }

    fn unicode_escape(&mut self) -> Result<char, Refusal> {
        let first = self.code_unit()?;
        if first == 0 {
            return Err(Reason::Nul.into());
        }
        let is_high = matches!(first, 0xD800..0xDC00);
        let second = if is_high && self.rest().starts_with("\\u") {
            self.at += 2;
            Some(self.code_unit()?)
        } else {
            None
        };
        let mut decoded = char::decode_utf16(std::iter::once(first).chain(second));
        match (decoded.next(), decoded.next()) {
            (Some(Ok(char)), None) => Ok(char),
            _ => Err(Reason::LoneSurrogate.into()),
        }
    }

    fn code_unit(&mut self) -> Result<u16, Refusal> {
        let digits = self.rest().get(..4).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|hex| u16::from_str_radix(hex, 16).ok());
        let unit = unit.ok_or_else(|| self.syntax())?;
        self.at += 4;
        Ok(unit)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    /// Steps over the next byte if it is one of these, without skipping white space.
    fn step(&mut self, any_of: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| any_of.contains(&byte));
        self.at += usize::from(found);
        found
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn syntax(&self) -> Refusal {
        Reason::Syntax(self.at).into()
    }

    fn syntax_before(&self) -> Refusal {
        Reason::Syntax(self.at.saturating_sub(1)).into()
    }
}

fn within_decimals(decimals: usize, exponent: i64) -> Result<(), Refusal> {
    let decimals = i64::try_from(decimals).unwrap_or(i64::MAX);
    if exponent.saturating_abs() > MAX_DECIMALS || decimals.saturating_sub(exponent) > MAX_DECIMALS
    {
        return Err(Reason::NumberTooLong.into());
    }
    Ok(())
}
