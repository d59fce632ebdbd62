//! What a flag is called and may be, for the contract alone. Which value goes with which flag cannot
//! be said there, as the flag stands in the path.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ArrayBuilder, ObjectBuilder, RefOr, Schema, Type, schema::AnyOfBuilder},
};

use super::change::names;

/// Words that some flag may be.
const WORDS: [&str; 7] =
    ["auto", "websocket", "realtime", "dual", "none", "websocket_only", "realtime_only"];
/// Words that may be in a list.
const LISTED: [&str; 2] = ["websocket", "realtime"];
/// The greatest number that some flag may be.
const GREATEST: i64 = 300_000;

/// A name of a flag: its own, its key, or the variable of the original system.
#[derive(Debug)]
pub struct FlagName;

/// A value of some flag.
#[derive(Debug)]
pub struct FlagValue;

impl ToSchema for FlagName {}
impl ToSchema for FlagValue {}

impl PartialSchema for FlagName {
    fn schema() -> RefOr<Schema> {
        let mut all: Vec<_> = names().collect();
        all.dedup();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("By its name, its key, or the variable of the original system."))
            .enum_values(Some(all))
            .into()
    }
}

impl PartialSchema for FlagValue {
    fn schema() -> RefOr<Schema> {
        let of = |kind| ObjectBuilder::new().schema_type(kind);
        let words = of(Type::String).enum_values(Some(WORDS));
        let listed = of(Type::String).enum_values(Some(LISTED));
        AnyOfBuilder::new()
            .description(Some("`GET /v1/flags` tells what each may be."))
            .item(of(Type::Boolean))
            .item(of(Type::Integer).minimum(Some(0)).maximum(Some(GREATEST)))
            .item(words)
            .item(ArrayBuilder::new().items(listed))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::settings::KEYS;

    #[test]
    fn values_are_what_flags_allow() {
        let (mut words, mut listed, mut greatest) = (BTreeSet::new(), BTreeSet::new(), 0);
        for key in KEYS.iter().filter(|key| key.can_be_overridden()) {
            let allowed = key.allowed();
            let quoted = allowed.split('"').skip(1).step_by(2).map(str::to_owned);
            if allowed.starts_with('"') {
                words.extend(quoted);
            } else if allowed.starts_with("a list of") {
                listed.extend(quoted);
            } else if let Some((_, most)) = allowed.rsplit_once(" to ") {
                greatest = greatest.max(most.parse::<i64>().unwrap());
            } else {
                assert_eq!(allowed, "true or false", "{}", key.path);
            }
        }
        let set = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!((words, listed, greatest), (set(&WORDS), set(&LISTED), GREATEST));
    }
}
