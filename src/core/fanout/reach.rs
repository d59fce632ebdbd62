//! Whom one event reaches, of the sessions that are here now.

use super::{Fanout, Form, Group, Sink, Subscription};
use crate::core::event::Event;

/// A session that an event is for.
#[derive(Debug)]
pub struct Reached<'a, S> {
    /// Its sink.
    pub sink: &'a S,
    /// How it hears things.
    pub form: Form,
    /// Whether its socket has taken the event, for every subscription that it matches.
    pub has_it: bool,
}

impl<S: Sink> Fanout<S> {
    /// Every session with a subscription that a committed event matches and that began before it. A
    /// session that was told of a gap, because retention was faster, counts as one that has it.
    #[must_use]
    pub fn reached(&self, event: &Event) -> Vec<Reached<'_, S>> {
        let groups = self.groups.iter().filter(|group| group.interest.wants(event));
        let members = groups.flat_map(|group: &Group| &group.members);
        let is_for = |key| self.subscriptions.get(key).filter(|it| it.began <= event.seq);
        let mut wanted: Vec<_> =
            members.filter_map(|key| Some((is_for(*key)?.session, *key))).collect();
        wanted.sort_unstable();
        let of_sessions = wanted.chunk_by(|(one, _), (other, _)| one == other);
        let reached = of_sessions.filter_map(|keys| {
            let session = self.sessions.get(keys.first()?.0)?;
            let has_it = |key| {
                let Subscription { reader, .. } = self.subscriptions.get(key)?;
                let next = reader.next();
                // Where a frame was cut, the place behind it comes next.
                Some(next > event.seq + u64::from(session.outbox.holds(key)))
            };
            let has_it = keys.iter().all(|(_, key)| has_it(*key) == Some(true));
            Some(Reached { sink: &session.sink, form: session.form, has_it })
        });
        reached.collect()
    }
}
