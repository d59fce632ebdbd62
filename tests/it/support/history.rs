//! The judge of what a destination received, given what was committed: none is lost, order is kept,
//! and an event comes again only if its sender could not know that it was there.
//!
//! A sender that does not know goes back, and from there on in order. It does not know after an
//! answer that was lost, and after a crash, which makes it forget one batch at most.

use std::collections::{HashMap, HashSet};

use thiserror::Error;

use super::destination::{Event, Received};

/// What should have been received.
pub struct History {
    committed: Vec<String>,
    aside: HashSet<String>,
    crashes: usize,
    batch: usize,
}

/// What was right, in numbers.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Events that came again because an answer was lost.
    pub after_lost_answers: usize,
    /// Events that came again because the sender crashed.
    pub after_crashes: usize,
}

/// What was wrong first. Requests are named by their numbers.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Violation {
    #[error("request {request}: {id} was never committed")]
    Unknown { id: String, request: u64 },
    #[error("request {request}: {id} came again with another content than in request {first}")]
    Altered { id: String, request: u64, first: u64 },
    #[error("request {request}: {id} came before {missing}, which came in request {later}")]
    OutOfOrder { id: String, request: u64, missing: String, later: u64 },
    #[error("{missing} never came; {place}")]
    Lost { missing: String, place: String },
    #[error(
        "request {request}: {id} follows {last}, but whoever goes back has to send {missing} again"
    )]
    Skipped { id: String, request: u64, last: String, missing: String },
    #[error(
        "request {request}: {id} came again, although its sender was told in request {told} \
         that it is there{crashes}"
    )]
    Repeated { id: String, request: u64, told: u64, crashes: String },
    #[error(
        "request {request}: {id} came again after a crash, which made its sender forget {forgotten} \
         events; a batch is {batch}"
    )]
    TooMany { id: String, request: u64, forgotten: usize, batch: usize },
    #[error("request {request}: {id} says that seq {said} came before it; that was {expected}")]
    Unchained { id: String, request: u64, said: u64, expected: u64 },
}

impl History {
    /// These were committed for the destination, in this order.
    pub fn of<T: Into<String>>(committed: impl IntoIterator<Item = T>) -> Self {
        let committed = committed.into_iter().map(Into::into).collect();
        Self { committed, aside: HashSet::new(), crashes: 0, batch: 0 }
    }

    /// These were set aside as dead letters: they may be missing, or come at any later time.
    pub fn without<T: Into<String>>(mut self, aside: impl IntoIterator<Item = T>) -> Self {
        self.aside.extend(aside.into_iter().map(Into::into));
        self
    }

    /// The sender crashed so many times, and sends at most so many events at once.
    pub fn with_crashes(mut self, crashes: usize, batch: usize) -> Self {
        (self.crashes, self.batch) = (crashes, batch);
        self
    }

    /// Fails with the first violation.
    #[track_caller]
    pub fn assert(&self, received: &[Received]) -> Verdict {
        self.judge(received).unwrap_or_else(|violation| panic!("{violation}"))
    }

    pub fn judge(&self, received: &[Received]) -> Result<Verdict, Violation> {
        let mut trial = Trial::new(self, received);
        for request in received.iter().filter(|request| request.kept) {
            for event in &request.events {
                trial.hear(request, event)?;
            }
            trial.tell(request);
        }
        trial.end()
    }
}

/// Where the judge is in a history.
struct Trial<'a> {
    history: &'a History,
    received: &'a [Received],
    /// The events whose order counts, and the place of each.
    order: Vec<&'a str>,
    /// Where each of them was among all that were committed.
    committed_at: Vec<usize>,
    places: HashMap<&'a str, usize>,
    seen: HashMap<&'a str, Seen<'a>>,
    /// The first place that nothing has come of, and the one before what has to come.
    front: usize,
    last: Option<usize>,
    /// Crashes that had to be.
    crashes: usize,
    verdict: Verdict,
}

/// What is known of an event.
struct Seen<'a> {
    event: &'a Event,
    request: u64,
    /// The request in which its sender was told, unless it has forgotten that in a crash.
    told: Option<u64>,
    is_forgotten: bool,
}

impl<'a> Trial<'a> {
    fn new(history: &'a History, received: &'a [Received]) -> Self {
        let all = history.committed.iter().map(String::as_str).enumerate();
        let (committed_at, order): (Vec<_>, Vec<_>) =
            all.filter(|(_, id)| !history.aside.contains(*id)).unzip();
        let places = order.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let verdict = Verdict { after_lost_answers: 0, after_crashes: 0 };
        Self {
            history,
            received,
            order,
            committed_at,
            places,
            seen: HashMap::new(),
            front: 0,
            last: None,
            crashes: 0,
            verdict,
        }
    }

    /// An event came, and is kept.
    fn hear(&mut self, request: &Received, event: &'a Event) -> Result<(), Violation> {
        let Some(id) = event.id.as_deref() else { return Ok(()) };
        if let Some(&place) = self.places.get(id) {
            self.hear_in_order(request, id, place)?;
            self.check_chain(request, event, place)?;
        } else if !self.history.aside.contains(id) {
            return Err(Violation::Unknown { id: id.to_owned(), request: request.request });
        }
        self.check_again(request, event, id)?;
        let first = Seen { event, request: request.request, told: None, is_forgotten: false };
        self.seen.entry(id).or_insert(first);
        Ok(())
    }

    /// Its sender knows now that it is there.
    fn tell(&mut self, request: &Received) {
        for id in request.ids().into_iter().filter(|_| request.told) {
            let seen = self.seen.get_mut(id).expect("it was heard");
            seen.told = Some(request.request);
        }
    }

    /// Where it came, what was due before it has come.
    fn hear_in_order(
        &mut self,
        request: &Received,
        id: &str,
        place: usize,
    ) -> Result<(), Violation> {
        if place > self.front {
            return Err(self.missing(id, request));
        }
        let due = self.last.map_or(0, |last| last + 1);
        // What it does not know to be there, it has to send again on its way.
        if let Some(missing) = (due..place).find(|&between| self.told(between).is_none()) {
            let (id, request) = (id.to_owned(), request.request);
            let (last, missing) = (self.order[due - 1].to_owned(), self.order[missing].to_owned());
            return Err(Violation::Skipped { id, request, last, missing });
        }
        self.last = Some(place);
        self.front = self.front.max(place + 1);
        Ok(())
    }

    fn told(&self, place: usize) -> Option<u64> {
        self.seen.get(self.order[place])?.told
    }

    /// What came first should have come at the front.
    fn missing(&self, id: &str, request: &Received) -> Violation {
        let (id, missing) = (id.to_owned(), self.order[self.front].to_owned());
        let comes = |later: &&Received| later.kept && later.ids().contains(&missing.as_str());
        match self.received.iter().find(comes) {
            Some(later) => {
                let later = later.request;
                Violation::OutOfOrder { id, request: request.request, missing, later }
            }
            None => Violation::Lost {
                missing,
                place: format!("{id} came without it in request {}", request.request),
            },
        }
    }

    /// The event before it in the journal is the one that it names.
    fn check_chain(
        &self,
        request: &Received,
        event: &Event,
        place: usize,
    ) -> Result<(), Violation> {
        let Some(before) = place.checked_sub(1) else { return Ok(()) };
        // One that was set aside in between would be named, and is not known.
        if self.committed_at[before] + 1 != self.committed_at[place] {
            return Ok(());
        }
        match (event.prev, self.seen[self.order[before]].event.seq) {
            (Some(said), Some(expected)) if said != expected => {
                let (id, request) = (self.order[place].to_owned(), request.request);
                Err(Violation::Unchained { id, request, said, expected })
            }
            _ => Ok(()),
        }
    }

    /// An event that came before is the same, and comes again for a reason.
    fn check_again(
        &mut self,
        request: &Received,
        event: &Event,
        id: &str,
    ) -> Result<(), Violation> {
        let Some(seen) = self.seen.get(id) else { return Ok(()) };
        let (id, request) = (id.to_owned(), request.request);
        if (seen.event.digest, seen.event.seq) != (event.digest, event.seq) {
            return Err(Violation::Altered { id, request, first: seen.request });
        }
        if let Some(told) = seen.told {
            self.crash(request, told, &id)?;
        }
        match self.seen.get_mut(id.as_str()) {
            Some(seen) if seen.is_forgotten => {
                seen.is_forgotten = false;
                self.verdict.after_crashes += 1;
            }
            _ => self.verdict.after_lost_answers += 1,
        }
        Ok(())
    }

    /// Only by a crash can its sender have forgotten this event, and with it all that it was told of
    /// since.
    fn crash(&mut self, request: u64, told: u64, id: &str) -> Result<(), Violation> {
        let History { crashes, batch, .. } = *self.history;
        self.crashes += 1;
        if self.crashes > crashes {
            let crashes = match crashes {
                0 => String::new(),
                n => format!(", and all {n} crashes have had their duplicates"),
            };
            return Err(Violation::Repeated { id: id.to_owned(), request, told, crashes });
        }
        let since = self.places.get(id).map_or(&[][..], |place| &self.order[*place..self.front]);
        let mut forgotten = 0;
        for id in since.iter().copied().chain(since.is_empty().then_some(id)) {
            let seen = self.seen.get_mut(id).expect("all up to the front came");
            seen.is_forgotten |= seen.told.is_some();
            forgotten += usize::from(seen.told.take().is_some());
        }
        if forgotten > batch {
            return Err(Violation::TooMany { id: id.to_owned(), request, forgotten, batch });
        }
        Ok(())
    }

    fn end(self) -> Result<Verdict, Violation> {
        match self.order.get(self.front) {
            None => Ok(self.verdict),
            Some(missing) => {
                let place = self.front.checked_sub(1).map_or("nothing did".into(), |last| {
                    format!("the last was {}", self.order[last])
                });
                Err(Violation::Lost { missing: (*missing).to_owned(), place })
            }
        }
    }
}
