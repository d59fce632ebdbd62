//! What was sent, counted: the line or the JSON at the end.

use std::fmt;

use indicatif::HumanCount;
use serde::Serialize;
use uuid::Uuid;

use super::answer::Stored;

/// What the router has acknowledged, and what it would not take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Events acknowledged, the duplicates among them.
    pub sent: u64,
    /// Of them, those that were stored before, perhaps by a request whose answer was lost.
    pub duplicates: u64,
    /// Of the duplicates, those that say something else than what is stored.
    pub differs: u64,
    /// Events left out because they are invalid.
    pub invalid: u64,
    /// Requests that had to be repeated.
    pub repeated: u64,
    /// The epoch of the positions.
    pub epoch: Option<Uuid>,
    /// The first new position; events of others may lie between it and the last.
    pub first_seq: Option<u64>,
    /// The last new position.
    pub last_seq: Option<u64>,
    /// From this line of the input on, nothing was acknowledged.
    pub unsent_from_line: Option<u64>,
}

impl Tally {
    /// Counts a batch.
    pub fn add(&mut self, stored: &Stored) {
        self.sent += stored.accepted + stored.duplicates;
        self.duplicates += stored.duplicates;
        self.differs += stored.differs;
        self.epoch = Some(stored.epoch);
        self.first_seq = self.first_seq.or(stored.first_seq);
        self.last_seq = stored.last_seq.or(self.last_seq);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let several =
            |n, one, many| format!("{} {}", HumanCount(n), if n == 1 { one } else { many });
        write!(f, "sent {}", several(self.sent, "event", "events"))?;
        if self.duplicates > 0 {
            write!(f, ", {}", several(self.duplicates, "duplicate", "duplicates"))?;
        }
        if self.differs > 0 {
            write!(f, " ({} not as stored)", HumanCount(self.differs))?;
        }
        if self.invalid > 0 {
            write!(f, ", left out {} invalid", HumanCount(self.invalid))?;
        }
        if let (Some(first), Some(last)) = (self.first_seq, self.last_seq) {
            write!(f, ", seq {first}..{last}")?;
        }
        match self.unsent_from_line {
            Some(line) => write!(f, "; nothing from line {line} on was acknowledged"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(accepted: u64, duplicates: u64, seqs: Option<(u64, u64)>) -> Stored {
        Stored {
            epoch: Uuid::from_u128(9),
            accepted,
            duplicates,
            differs: duplicates / 2,
            first_seq: seqs.map(|(first, _)| first),
            last_seq: seqs.map(|(_, last)| last),
        }
    }

    #[test]
    fn a_tally_is_one_line_that_says_what_matters() {
        let mut tally = Tally::default();
        assert_eq!(tally.to_string(), "sent 0 events");
        tally.add(&stored(1, 0, Some((7, 7))));
        assert_eq!(tally.to_string(), "sent 1 event, seq 7..7");
        tally.add(&stored(12_341, 1, Some((8, 12_348))));
        tally.add(&stored(0, 2, None));
        assert_eq!(
            tally.to_string(),
            "sent 12,345 events, 3 duplicates (1 not as stored), seq 7..12348"
        );
        tally.invalid = 2;
        tally.unsent_from_line = Some(12_348);
        assert!(tally.to_string().contains(", left out 2 invalid, seq "), "{tally}");
        assert!(tally.to_string().ends_with("; nothing from line 12348 on was acknowledged"));
    }
}
