//! Who is present on a topic: told whole to who joins, and as differences to all from then on.
//!
//! A key may be present several times, once for each channel that tracks under it. Each presence
//! carries a reference, an argument here, by which clients know it again.

use std::{collections::BTreeMap, fmt::Write as _};

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::core::canonical::{canonical, quote};

/// Who is present on one topic. `C` names a channel.
#[derive(Clone, Debug)]
pub struct Presence<C> {
    present: BTreeMap<C, Present>,
    /// What all of them take, near enough to be bounded by.
    bytes: usize,
}

/// One presence.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Present {
    key: Box<str>,
    reference: Box<str>,
    /// The reference of the one it took the place of.
    previous: Option<Box<str>>,
    /// A JSON object, as it was sent.
    payload: Box<str>,
}

/// What changed at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    joins: Option<Present>,
    leaves: Option<Present>,
}

impl<C> Default for Presence<C> {
    fn default() -> Self {
        Self { present: BTreeMap::new(), bytes: 0 }
    }
}

impl<C: Ord> Presence<C> {
    /// Whether nobody is present.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.present.is_empty()
    }

    /// How many are present.
    #[must_use]
    pub fn len(&self) -> usize {
        self.present.len()
    }

    /// Bytes of all who are present.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of all who are present, in the place of the channel's own when it is there already.
    #[must_use]
    pub fn bytes_with(&self, channel: &C, key: &str, payload: &str) -> usize {
        let own = self.present.get(channel).map_or(0, Present::size);
        self.bytes - own + size(key, payload)
    }

    /// The channel is present as this, a JSON object: what changed, which is nothing when it
    /// already was present as this.
    pub fn track(&mut self, channel: C, key: &str, payload: &str, reference: &str) -> Option<Diff> {
        let old = self.present.remove(&channel);
        if let Some(same) = old.as_ref().filter(|old| is_same(&old.payload, payload)) {
            let same = same.clone();
            self.present.insert(channel, same);
            return None;
        }
        let joins = Present {
            key: key.into(),
            reference: reference.into(),
            previous: old.as_ref().map(|old| old.reference.clone()),
            payload: without_references(payload),
        };
        self.bytes += joins.size();
        self.bytes -= old.as_ref().map_or(0, Present::size);
        self.present.insert(channel, joins.clone());
        Some(Diff { joins: Some(joins), leaves: old })
    }

    /// The channel is no longer present, or gone: what changed, which is nothing when it was not.
    pub fn untrack(&mut self, channel: &C) -> Option<Diff> {
        let leaves = self.present.remove(channel)?;
        self.bytes -= leaves.size();
        Some(Diff { joins: None, leaves: Some(leaves) })
    }

    /// The payload of a `presence_state`.
    #[must_use]
    pub fn state(&self) -> Bytes {
        grouped(self.present.values()).into()
    }
}

impl Diff {
    /// The payloads of the `presence_diff`s that tell it, in order. Who takes another's place comes
    /// after the other has left: told of both at once, as the real server does it, realtime-js would
    /// show both for ever.
    pub fn payloads(&self) -> impl Iterator<Item = Bytes> {
        let parts = [(&None, &self.leaves), (&self.joins, &None)];
        let told = parts.into_iter().filter(|(joins, leaves)| joins.is_some() || leaves.is_some());
        told.map(|(joins, leaves)| {
            let [joins, leaves] = [joins, leaves].map(grouped);
            format!("{{\"joins\":{joins},\"leaves\":{leaves}}}").into()
        })
    }
}

/// Bytes around a key and a payload in what clients are told.
const AROUND: usize = 64;

fn size(key: &str, payload: &str) -> usize {
    key.len() + payload.len() + AROUND
}

impl Present {
    fn size(&self) -> usize {
        size(&self.key, &self.payload)
    }

    /// What a client sees of it: its references, then what was tracked.
    fn meta(&self) -> String {
        let mut meta = String::from("{\"phx_ref\":");
        quote(&self.reference, &mut meta);
        if let Some(previous) = &self.previous {
            meta.push_str(",\"phx_ref_prev\":");
            quote(previous, &mut meta);
        }
        let members = self.payload.strip_prefix('{').unwrap_or("}");
        if !members.trim_ascii_start().starts_with('}') {
            meta.push(',');
        }
        meta.push_str(members);
        meta
    }
}

/// Presences by their keys, as a JSON object.
fn grouped<'a>(present: impl IntoIterator<Item = &'a Present>) -> String {
    let mut keys: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for present in present {
        keys.entry(&present.key).or_default().push(present.meta());
    }
    let mut out = String::from("{");
    for (index, (key, metas)) in keys.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        quote(key, &mut out);
        // Writing to a String cannot fail.
        write!(out, ":{{\"metas\":[{}]}}", metas.join(",")).unwrap_or_default();
    }
    out.push('}');
    out
}

/// Whether two payloads mean the same.
fn is_same(a: &str, b: &str) -> bool {
    a == b || matches!((canonical(a), canonical(b)), (Ok(a), Ok(b)) if a == b)
}

/// The payload without members of its own by the names of references: clients would take those.
fn without_references(payload: &str) -> Box<str> {
    if !payload.contains("phx_ref") {
        return payload.into();
    }
    let mut members: Map<String, Value> = serde_json::from_str(payload).unwrap_or_default();
    members.retain(|name, _| !matches!(name.as_str(), "phx_ref" | "phx_ref_prev"));
    Value::from(members).to_string().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};
    use serde_json::json;

    use super::*;

    fn value(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    fn diffs(diff: Option<&Diff>) -> Vec<Value> {
        diff.into_iter().flat_map(Diff::payloads).map(|diff| value(&diff)).collect()
    }

    #[test]
    fn a_presence_comes_changes_and_goes() {
        let mut presence = Presence::default();
        let mut track =
            |payload, reference| diffs(presence.track(1, "me", payload, reference).as_ref());
        let meta = |meta: Value| json!({ "me": { "metas": [meta] } });
        let joins = |who: &Value| json!({ "joins": who, "leaves": {} });
        let leaves = |who: &Value| json!({ "joins": {}, "leaves": who });
        let first = meta(json!({ "phx_ref": "a", "n": 1 }));
        assert_eq!(track(r#"{"n":1}"#, "a"), [joins(&first)]);
        assert!(track(r#"{ "n": 1.0 }"#, "b").is_empty(), "it means the same");
        let second = meta(json!({ "phx_ref": "c", "phx_ref_prev": "a" }));
        assert_eq!(track("{ }", "c"), [leaves(&first), joins(&second)]);
        assert_eq!(value(&presence.state()), second);
        assert_eq!(presence.bytes, presence.bytes_with(&1, "me", "{ }"));
        assert_eq!(presence.bytes_with(&2, "me", "{ }"), 2 * presence.bytes);
        assert_eq!(diffs(presence.untrack(&1).as_ref()), [leaves(&second)]);
        assert_eq!(presence.untrack(&1), None);
        assert!(presence.is_empty() && presence.bytes == 0);
        assert_eq!(value(&presence.state()), json!({}));
    }

    #[test]
    fn one_key_may_be_present_several_times() {
        let mut presence = Presence::default();
        presence.track(1, "me \"", r#"{"at":"home"}"#, "a");
        presence.track(2, "me \"", r#"{"at":"work","phx_ref":"mine"}"#, "b");
        presence.track(3, "you", "{}", "c");
        let expected = json!({
            "me \"": { "metas": [
                { "phx_ref": "a", "at": "home" }, { "phx_ref": "b", "at": "work" },
            ] },
            "you": { "metas": [{ "phx_ref": "c" }] },
        });
        assert_eq!(value(&presence.state()), expected);
    }

    /// What a client knows: by key, the metas by their references.
    type Known = BTreeMap<String, BTreeMap<String, Value>>;

    fn metas(state: &Value) -> impl Iterator<Item = (String, String, Value)> {
        let keys = state.as_object().unwrap().iter();
        keys.flat_map(|(key, entry)| {
            entry["metas"].as_array().unwrap().iter().map(move |meta| {
                (key.clone(), meta["phx_ref"].as_str().unwrap().to_owned(), meta.clone())
            })
        })
    }

    fn known(state: &Value) -> Known {
        let mut known = Known::new();
        for (key, reference, meta) in metas(state) {
            known.entry(key).or_default().insert(reference, meta);
        }
        known
    }

    fn apply(known: &mut Known, diff: &Value) {
        for (key, reference, meta) in metas(&diff["joins"]) {
            known.entry(key).or_default().insert(reference, meta);
        }
        for (key, reference, _) in metas(&diff["leaves"]) {
            let left = known.get_mut(&key).unwrap();
            assert!(left.remove(&reference).is_some(), "only who was there leaves");
            if left.is_empty() {
                known.remove(&key);
            }
        }
    }

    proptest! {
        #[test]
        fn who_follows_the_differences_knows_the_state(
            steps in vec((0..5u8, proptest::option::of(0..3u8)), 0..40), joins_at in 0..40usize,
        ) {
            let mut presence = Presence::default();
            let mut client = Known::new();
            for (at, (channel, payload)) in steps.into_iter().enumerate() {
                if at == joins_at {
                    client = known(&value(&presence.state()));
                }
                let key = format!("key {}", channel % 3);
                let diff = match payload {
                    Some(n) => {
                        let payload = json!({ "n": n }).to_string();
                        presence.track(channel, &key, &payload, &at.to_string())
                    }
                    None => presence.untrack(&channel),
                };
                if at >= joins_at {
                    for diff in diffs(diff.as_ref()) {
                        apply(&mut client, &diff);
                    }
                    prop_assert_eq!(&client, &known(&value(&presence.state())));
                }
            }
        }
    }
}
