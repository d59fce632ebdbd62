//! What a problem looks like on the wire. Members stand in the order of their names.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};
use uuid::Uuid;

use super::Code;
use crate::core::intake::{Faults, Rule};

/// An error (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Body {
    /// The stable name of what went wrong.
    pub(super) code: Code,
    /// What is wrong and what to do, for people.
    pub(super) detail: String,
    /// What is wrong with events, one fault an item.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) errors: Option<Vec<FaultBody>>,
    /// How many more faults there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1)]
    pub(super) errors_omitted: Option<usize>,
    /// The ids under which to post the events again, when the outcome is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) ids: Option<Vec<Uuid>>,
    /// The key of `[limits]` that is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) limit: Option<&'static str>,
    /// What became of posted events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) outcome: Option<Outcome>,
    /// Whether the same request may succeed after `Retry-After` seconds.
    pub(super) retryable: bool,
    /// The scope that would be needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) scope: Option<&'static str>,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599)]
    pub(super) status: u16,
    /// The status in words.
    pub(super) title: &'static str,
    /// What happened all the same, as the answer would have told it.
    #[serde(flatten)]
    #[schema(ignore)]
    pub(super) members: Map<String, Value>,
    /// The code as a URI.
    #[serde(rename = "type")]
    #[schema(format = "uri")]
    pub(super) kind: String,
}

/// What became of the events of a request that failed.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing was stored.
    NotStored,
    /// They may have been stored: post them again under the same ids.
    Unknown,
}

/// One thing that is wrong with an event.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Fault)]
pub struct FaultBody {
    /// The stable name of the rule.
    code: Rule,
    /// What is wrong, and what to do.
    detail: String,
    /// Where, as a JSON pointer (RFC 6901) into the body; an event of a list is its index.
    pointer: String,
}

/// The faults that are listed, and how many more there are.
pub(in crate::http) fn listed(faults: &Faults) -> (Vec<FaultBody>, Option<usize>) {
    let list = faults.list.iter().map(|fault| FaultBody {
        code: fault.code,
        detail: fault.detail.clone().into_owned(),
        pointer: fault.pointer.clone(),
    });
    (list.collect(), (faults.more > 0).then_some(faults.more))
}

/// A closed set of names.
macro_rules! names {
    ($type:ty, $description:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                let names = <$type>::ALL.iter().map(|name| name.as_str());
                let text = ObjectBuilder::new().schema_type(Type::String);
                text.description(Some($description)).enum_values(Some(names)).into()
            }
        }

        impl ToSchema for $type {}
    };
}

names!(Code, "The name of a problem.");
names!(Rule, "The name of a rule for events.");
