//! How many of the events that a client asked for are in its answer.

use super::entry::Entry;

/// Events as a JSON array, and why there are not more of them.
pub(super) struct Selection {
    pub(super) list: String,
    pub(super) stopped: Option<Stop>,
}

/// Why events are left out of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// There are as many as were asked for.
    Limit,
    /// The answer would be too long.
    Bytes,
}

impl Selection {
    /// The first `limit` of them, that have so many bytes at most.
    pub(super) fn new<'a>(
        entries: impl Iterator<Item = &'a Entry>,
        limit: usize,
        bytes: usize,
    ) -> Self {
        let mut list = String::from("[");
        let mut stopped = None;
        for (index, entry) in entries.enumerate() {
            stopped = match () {
                () if index == limit => Some(Stop::Limit),
                () if list.len() + entry.json.len() > bytes => Some(Stop::Bytes),
                () => None,
            };
            if stopped.is_some() {
                break;
            }
            if index > 0 {
                list.push(',');
            }
            list.push_str(&entry.json);
        }
        list.push(']');
        Self { list, stopped }
    }
}
