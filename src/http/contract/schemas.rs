//! Shapes of what is read or written without a type of its own, for the contract alone: events are
//! borrowed from the bytes that came, and joined from bytes. Tests hold them to the real ones.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, SchemaFormat,
        Type,
        schema::{AnyOfBuilder, SchemaType},
    },
};
use uuid::Uuid;

use crate::core::event::{Category, MAX_EVENT_TYPE, MAX_SOURCE};

/// A committed event.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Event)]
pub struct EventBody {
    /// The idempotency key.
    pub id: Uuid,
    /// Its place in the journal: contiguous from 1, in commit order.
    #[schema(minimum = 1)]
    pub seq: u64,
    /// The journal that `seq` counts in.
    pub epoch: Uuid,
    /// What kind of event it is.
    #[schema(min_length = 1, max_length = 50)]
    pub event_type: String,
    /// When it happened, in UTC to the microsecond.
    #[schema(format = DateTime)]
    pub timestamp: String,
    /// Where it comes from.
    #[schema(min_length = 1, max_length = 100)]
    pub source: String,
    /// What it is about.
    pub category: Category,
    /// Its own.
    pub data: Map<String, Value>,
    /// About it; the router adds `broadcast_mode`.
    pub metadata: Map<String, Value>,
    /// Over the canonical form of `data` (RFC 8785): CRC32, or SHA-256 for `critical`.
    #[schema(pattern = "^([0-9a-f]{8}|[0-9a-f]{64})$")]
    pub checksum: String,
    /// When it was committed.
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// An event as a producer sends it. One that was read from the router can be sent again: `seq`,
/// `epoch`, `checksum` and `created_at` are then ignored.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// The idempotency key; made when absent.
    pub id: Option<Uuid>,
    /// What kind of event it is.
    #[schema(min_length = 1, max_length = 50, example = "cache_metrics")]
    pub event_type: String,
    /// When it happened, with a zone; the time of receipt when absent.
    #[schema(format = DateTime)]
    pub timestamp: Option<String>,
    /// Where it comes from.
    #[schema(min_length = 1, max_length = 100, example = "redis")]
    pub source: String,
    /// What it is about; told from the type, else from the data, when absent.
    pub category: Option<Category>,
    /// Its own.
    #[schema(example = json!({ "hit_rate": 0.97 }))]
    pub data: Map<String, Value>,
    /// About it.
    pub metadata: Option<Map<String, Value>>,
    /// Ignored.
    pub seq: Option<Value>,
    /// Ignored.
    pub epoch: Option<Value>,
    /// Ignored.
    pub checksum: Option<Value>,
    /// Ignored.
    pub created_at: Option<Value>,
}

/// One event, or several: `application/json`.
#[derive(Debug)]
pub struct NewEvents;

/// Events, one a line: `application/x-ndjson`, described as the list that they are.
#[derive(Debug)]
pub struct NewEventLines;

/// A `CloudEvent` of version 1.0 in the JSON format.
#[derive(Debug)]
pub struct CloudEvent;

/// A batch of `CloudEvents`.
#[derive(Debug)]
pub struct CloudEvents;

impl PartialSchema for NewEvents {
    fn schema() -> RefOr<Schema> {
        let one = Ref::from_schema_name(NewEvent::name());
        OneOfBuilder::new().item(one).item(batch(&NewEvent::name())).into()
    }
}

impl PartialSchema for NewEventLines {
    fn schema() -> RefOr<Schema> {
        batch(&NewEvent::name())
    }
}

impl PartialSchema for CloudEvents {
    fn schema() -> RefOr<Schema> {
        batch(&CloudEvent::name())
    }
}

impl ToSchema for NewEvents {}
impl ToSchema for NewEventLines {}
impl ToSchema for CloudEvent {}
impl ToSchema for CloudEvents {}

impl PartialSchema for CloudEvent {
    fn schema() -> RefOr<Schema> {
        let string = || ObjectBuilder::new().schema_type(Type::String);
        let text = || string().min_length(Some(1));
        let time = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        let types = [Type::String, Type::Integer, Type::Boolean, Type::Null];
        let extension = ObjectBuilder::new()
            .description(Some("Kept in the metadata as `ce_<name>`."))
            .schema_type(SchemaType::from_iter(types))
            .minimum(Some(i64::MIN))
            .maximum(Some(i64::MAX));
        let event = ObjectBuilder::new()
            .description(Some("A CloudEvent 1.0 in the JSON format."))
            .examples([json!({
                "specversion": "1.0", "id": "1", "source": "redis", "type": "cache_metrics",
                "data": { "hit_rate": 0.97 },
            })])
            .property("specversion", string().enum_values(Some(["1.0"])))
            .property("id", text().description(Some("Unique within its source.")))
            .property("source", text().max_length(Some(MAX_SOURCE)))
            .property("type", text().max_length(Some(MAX_EVENT_TYPE)))
            .property("time", time)
            .property("data", ObjectBuilder::new().schema_type(Type::Object))
            .property_names(Some(string().pattern(Some("^[a-z0-9]+$"))))
            .additional_properties(Some(Schema::from(extension)));
        let required = ["specversion", "id", "source", "type", "data"];
        required.into_iter().fold(event, ObjectBuilder::required).into()
    }
}

/// One server-sent event.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamEvent {
    /// An event, as JSON; or the members of `subscribed`, `gap` or `bye`.
    #[schema(content_media_type = "application/json")]
    pub data: String,
    /// `subscribed`, `gap` or `bye`; absent with an event.
    #[schema(nullable = false, pattern = "^(subscribed|gap|bye)$")]
    pub event: Option<String>,
    /// The place from which to go on.
    #[schema(nullable = false, value_type = Option<PositionText>)]
    pub id: Option<String>,
    /// When to come back, in milliseconds.
    #[schema(nullable = false)]
    pub retry: Option<u64>,
}

/// The `id` of an event in a stream: its position, as one word.
#[derive(Debug)]
pub struct PositionText;

impl PartialSchema for PositionText {
    fn schema() -> RefOr<Schema> {
        let uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
        let text = ObjectBuilder::new().schema_type(Type::String).title(Some("EPOCH.SEQ"));
        text.pattern(Some(format!(r"^{uuid}\.[0-9]{{1,19}}$"))).into()
    }
}

/// Where a stream begins, as one word.
#[derive(Debug)]
pub struct Beginning;

impl PartialSchema for Beginning {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        AnyOfBuilder::new()
            .item(text().enum_values(Some(["now"])))
            .item(text().title(Some("last=N")).pattern(Some("^last=([1-9][0-9]{0,2}|1000)$")))
            .item(text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))))
            .item(PositionText::schema())
            .into()
    }
}

impl ToSchema for PositionText {}
impl ToSchema for Beginning {}

/// As many as `limits.batch_events` allows by default.
fn batch(of: &str) -> RefOr<Schema> {
    let items = Ref::from_schema_name(of);
    ArrayBuilder::new().items(items).min_items(Some(1)).max_items(Some(10_000)).into()
}
