//! A rehearsal: faults planted on a path on purpose, for a while, to see that validation finds them
//! and that a rollout comes back.
//!
//! An event meets with one fault at most, drawn once; so the shares of all faults together are at
//! most 1, and what is found can be compared with what was planted, one for one. What is held back
//! is bounded and always comes out ([`Stage`]).

mod alter;
mod stage;

use std::time::Duration;

pub use self::{
    alter::altered,
    stage::{Held, Plan, Sent, Stage},
};
/// Where faults are planted: on the realtime path where events are sent, so that everybody there
/// meets with them; on the direct path at the ear of its probe, and nobody else's.
pub use crate::core::matching::Path;
use crate::core::share::Share;

/// The longest that one lasts.
pub const LONGEST: Duration = Duration::from_hours(1);
/// How long one lasts when nobody says.
pub const USUAL: Duration = Duration::from_mins(5);
/// The longest that an event is held back.
pub const LONGEST_DELAY: Duration = Duration::from_mins(5);
/// How long an event is held back when nobody says.
pub const USUAL_DELAY: Duration = Duration::from_secs(1);

/// Parts of the whole, as [`Share`] has them.
const WHOLE: u32 = 1_000_000;
/// Events that change places come behind others, so others there must be.
const MOST_REORDERED: Share = Share::percent(50);

/// What happens to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not sent, and nobody is told.
    Drop,
    /// It is sent once more.
    Duplicate,
    /// It is sent later than it should be, after others.
    Delay,
    /// It is sent behind the one after it.
    Reorder,
    /// A value in its `data` is another, and its checksum is wrong therefore.
    Alter,
}

impl Fault {
    /// All of them, in the order in which they are drawn.
    pub const ALL: [Self; 5] =
        [Self::Drop, Self::Duplicate, Self::Delay, Self::Reorder, Self::Alter];

    /// Its name in requests and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Duplicate => "duplicate",
            Self::Delay => "delay",
            Self::Reorder => "reorder",
            Self::Alter => "alter",
        }
    }
}

/// A number for each fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByFault<T>([T; 5]);

impl<T: Copy> ByFault<T> {
    /// The numbers, made one by one.
    pub fn of(make: impl FnMut(Fault) -> T) -> Self {
        Self(Fault::ALL.map(make))
    }

    /// That of a fault.
    #[must_use]
    pub fn get(&self, fault: Fault) -> T {
        let [drop, duplicate, delay, reorder, alter] = self.0;
        match fault {
            Fault::Drop => drop,
            Fault::Duplicate => duplicate,
            Fault::Delay => delay,
            Fault::Reorder => reorder,
            Fault::Alter => alter,
        }
    }

    /// That of a fault, to be changed.
    pub fn get_mut(&mut self, fault: Fault) -> &mut T {
        let [drop, duplicate, delay, reorder, alter] = &mut self.0;
        match fault {
            Fault::Drop => drop,
            Fault::Duplicate => duplicate,
            Fault::Delay => delay,
            Fault::Reorder => reorder,
            Fault::Alter => alter,
        }
    }
}

/// A share of events as a request says it: a number from 0 to 1. What is finer than a millionth is
/// rounded.
///
/// # Errors
/// When it is no such number.
pub fn share(number: f64) -> Result<Share, NoShare> {
    if !(0.0..=1.0).contains(&number) {
        return Err(NoShare);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and a million"
    )]
    Ok(Share::parts((number * f64::from(WHOLE)).round() as u32))
}

/// It is no share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a share is a number from 0 to 1")]
pub struct NoShare;

/// Why there is no rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRehearsal {
    /// Nothing would happen.
    #[error("at least one of drop, duplicate, delay, reorder and alter must be above 0")]
    NoFault,
    /// An event meets with one fault at most.
    #[error("an event meets with one fault at most, so the shares together are at most 1")]
    TooMany,
    /// What comes behind others needs others.
    #[error("`reorder` is at most 0.5: an event changes places with one that does not")]
    Reorder,
    /// The delay is none, or too long.
    #[error("`delay_ms` is from 1 to {}", LONGEST_DELAY.as_millis())]
    Delay,
    /// It would last no time, or too long.
    #[error("`seconds` is from 1 to {}", LONGEST.as_secs())]
    Lasts,
}

/// Which faults are planted, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    path: Path,
    shares: ByFault<Share>,
    delay: Duration,
    lasts: Duration,
}

impl Rehearsal {
    /// A rehearsal on a path, with a share of events for each fault; `delay` is how long those that
    /// are delayed are held back.
    ///
    /// # Errors
    /// See [`BadRehearsal`].
    pub fn try_new(
        path: Path,
        shares: ByFault<Share>,
        delay: Duration,
        lasts: Duration,
    ) -> Result<Self, BadRehearsal> {
        let sum: u32 = Fault::ALL.iter().map(|fault| shares.get(*fault).millionths()).sum();
        let least = Duration::from_millis(1);
        match sum {
            0 => Err(BadRehearsal::NoFault),
            _ if sum > WHOLE => Err(BadRehearsal::TooMany),
            _ if shares.get(Fault::Reorder) > MOST_REORDERED => Err(BadRehearsal::Reorder),
            _ if !(least..=LONGEST_DELAY).contains(&delay) => Err(BadRehearsal::Delay),
            _ if !(Duration::from_secs(1)..=LONGEST).contains(&lasts) => Err(BadRehearsal::Lasts),
            _ => Ok(Self { path, shares, delay, lasts }),
        }
    }

    /// Where.
    #[must_use]
    pub fn path(&self) -> Path {
        self.path
    }

    /// The share of a fault.
    #[must_use]
    pub fn share(&self, fault: Fault) -> Share {
        self.shares.get(fault)
    }

    /// How long a delayed event is held back.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.delay
    }

    /// How long it lasts.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.lasts
    }

    /// What happens to an event, by a number drawn from 0 up to 1.
    #[must_use]
    pub fn fault(&self, draw: f64) -> Option<Fault> {
        let mut below = 0;
        Fault::ALL.into_iter().find(|fault| {
            below += self.shares.get(*fault).millionths();
            draw * f64::from(WHOLE) < f64::from(below)
        })
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
