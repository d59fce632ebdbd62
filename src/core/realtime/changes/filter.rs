//! The text of a filter, taken apart: `column=[not.]op.value`, joined by commas that mean "and".
//!
//! Columns and values are only text here; what they mean is for [`condition`](super::condition).

/// Most parts of a filter; the real server has no limit.
const MAX_TERMS: usize = 100;

/// What is asked of a column's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    In,
    Like,
    Ilike,
    Is,
    Match,
    Imatch,
    IsDistinct,
}

impl Op {
    const ALL: [Self; 13] = [
        Self::Eq,
        Self::Neq,
        Self::Lt,
        Self::Lte,
        Self::Gt,
        Self::Gte,
        Self::In,
        Self::Like,
        Self::Ilike,
        Self::Is,
        Self::Match,
        Self::Imatch,
        Self::IsDistinct,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Neq => "neq",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::In => "in",
            Self::Like => "like",
            Self::Ilike => "ilike",
            Self::Is => "is",
            Self::Match => "match",
            Self::Imatch => "imatch",
            Self::IsDistinct => "isdistinct",
        }
    }
}

/// One part of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) column: String,
    pub(super) op: Op,
    /// Without the quotes around it; of `in`, a list in braces.
    pub(super) value: String,
    pub(super) negate: bool,
}

/// The parts of a filter: none when it is blank.
///
/// # Errors
/// What is wrong, in the real server's words.
pub(super) fn parse(filter: &str) -> Result<Vec<Term>, String> {
    match filter.trim() {
        "" => Ok(Vec::new()),
        filter => {
            let segments = segments(filter);
            if segments.len() > MAX_TERMS {
                return Err(format!("filter must not contain more than {MAX_TERMS} conditions"));
            }
            segments.into_iter().map(term).collect()
        }
    }
}

/// Splits at commas that are in no parentheses and no quotes. A quote opens only where a value or
/// an element of a list begins.
fn segments(filter: &str) -> Vec<&str> {
    let (mut found, mut start, mut depth, mut quoted, mut escaped) =
        (vec![], 0, 0_u32, false, false);
    let mut previous = '\0';
    for (at, char) in filter.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if quoted => quoted = false,
            _ if quoted => {}
            '"' if matches!(previous, '.' | '(' | ',') => quoted = true,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(filter.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
        previous = if char == ',' && depth == 0 && !quoted { '\0' } else { char };
    }
    found.push(filter.get(start..).unwrap_or_default());
    found
}

fn term(segment: &str) -> Result<Term, String> {
    let segment = segment.trim();
    if segment.is_empty() {
        return Err("filter must not contain empty segments (check for extra commas)".to_owned());
    }
    let (column, rest) = segment.split_once('=').ok_or_else(|| format!("{:?}", [segment]))?;
    let (negate, rest) = match rest.strip_prefix("not.") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (op, value) = rest.split_once('.').ok_or_else(|| format!("{:?}", [rest]))?;
    let op = Op::ALL
        .into_iter()
        .find(|known| known.as_str() == op)
        .ok_or_else(|| format!("{:?}", [op, value]))?;
    let value = match op {
        Op::In => {
            let list = value.strip_prefix('(').and_then(|value| value.strip_suffix(')'));
            let list = list.ok_or("`in` filter value must be wrapped by parentheses")?;
            format!("{{{list}}}")
        }
        _ => unquoted(value).unwrap_or_else(|| value.to_owned()),
    };
    Ok(Term { column: column.to_owned(), op, value, negate })
}

/// What a value in quotes means; `None` when it is not one.
fn unquoted(value: &str) -> Option<String> {
    let mut rest = value.strip_prefix('"')?.chars();
    let mut out = String::new();
    loop {
        match rest.next()? {
            '"' => return rest.as_str().is_empty().then_some(out),
            '\\' => out.push(rest.next()?),
            char => out.push(char),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(filter: &str) -> Result<Vec<(String, &'static str, String, bool)>, String> {
        let terms = parse(filter)?.into_iter();
        Ok(terms
            .map(|Term { column, op, value, negate }| (column, op.as_str(), value, negate))
            .collect())
    }

    #[test]
    fn filters_are_taken_apart_as_the_real_server_does() {
        for (filter, terms) in [
            ("", vec![]),
            ("  ", vec![]),
            ("id=eq.5", vec![("id", "eq", "5", false)]),
            (" id=eq. 5 ", vec![("id", "eq", " 5", false)]),
            ("a=not.eq.5", vec![("a", "eq", "5", true)]),
            ("a=eq.not.5", vec![("a", "eq", "not.5", false)]),
            ("a=eq.x=y.z", vec![("a", "eq", "x=y.z", false)]),
            ("a=eq.", vec![("a", "eq", "", false)]),
            ("a=gt.0,b=lt.9", vec![("a", "gt", "0", false), ("b", "lt", "9", false)]),
            ("a=in.(1,2),b=is.null", vec![("a", "in", "{1,2}", false), ("b", "is", "null", false)]),
            (r#"a=in.("x,y",z)"#, vec![("a", "in", r#"{"x,y",z}"#, false)]),
            (
                r#"a=in.(x,"y)",z),b=eq.1"#,
                vec![("a", "in", r#"{x,"y)",z}"#, false), ("b", "eq", "1", false)],
            ),
            (r#"a=eq."x,y",b=eq.1"#, vec![("a", "eq", "x,y", false), ("b", "eq", "1", false)]),
            (r#"a=eq."x\",y""#, vec![("a", "eq", "x\",y", false)]),
            (r#"a=eq."x\\""#, vec![("a", "eq", r"x\", false)]),
            // A quote that does not begin a value is itself.
            (r#"a=eq.5",b=eq.1"#, vec![("a", "eq", "5\"", false), ("b", "eq", "1", false)]),
            (r#"a=eq."x"y"#, vec![("a", "eq", r#""x"y"#, false)]),
            (r#"a=eq."x"#, vec![("a", "eq", r#""x"#, false)]),
            ("a=like.%\u{e9}%", vec![("a", "like", "%\u{e9}%", false)]),
        ] {
            let terms = terms.into_iter().map(|(a, b, c, d)| (a.to_owned(), b, c.to_owned(), d));
            assert_eq!(parsed(filter), Ok(terms.collect()), "{filter}");
        }
    }

    #[test]
    fn faults_are_worded_as_the_real_server_does() {
        const EMPTY: &str = "filter must not contain empty segments (check for extra commas)";
        for (filter, fault) in [
            ("undefined", r#"["undefined"]"#),
            ("subject=foo.hey", r#"["foo", "hey"]"#),
            ("subject=not.foo.hey", r#"["foo", "hey"]"#),
            ("subject=eq", r#"["eq"]"#),
            ("a=EQ.1", r#"["EQ", "1"]"#),
            ("a=eq.1,", EMPTY),
            (",a=eq.1", EMPTY),
            ("a=eq.1, ,b=eq.1", EMPTY),
            ("a=in.1,2", "`in` filter value must be wrapped by parentheses"),
            ("a=in.(", "`in` filter value must be wrapped by parentheses"),
        ] {
            assert_eq!(parsed(filter), Err(fault.to_owned()), "{filter}");
        }
    }
}
