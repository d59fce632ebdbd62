//! The transport by rows: a batch is inserted into the database of a Realtime, whose publication
//! tells `postgres_changes` of it.
//!
//! One batch is one statement, and so one transaction. A row that is there already, by its id, is
//! left as it is: whoever sends a batch again changes nothing. There is one connection. One that
//! was given up half way, or failed, is never used again, and the server ends by itself what it
//! was in the middle of.
//!
//! When that database is the journal's own, the commit was the delivery, and nothing is inserted.

mod faults;
mod place;
mod rows;
mod session;

use std::{sync::OnceLock, time::Duration};

use async_trait::async_trait;
use tokio::{sync::Mutex, time::timeout};

use self::{
    faults::{Fault, pooler},
    place::Place,
    rows::Rows,
    session::{Link, Session, identity},
};
use crate::{
    adapters::{Transport, TransportKind},
    core::{
        delivery::{Batch, Delivered, DeliveryError, Which},
        event::Position,
    },
    settings::{DatabaseUrl, Settings},
    storage::postgres::address::Address,
};

/// Writes events into the database of a Realtime.
pub struct PostgresTransport {
    there: Address,
    /// The journal's database, if it is one that could be the same.
    journal: Option<Address>,
    request_timeout: Duration,
    request_bytes: usize,
    /// None while a request has it.
    session: Mutex<Option<Session>>,
    /// Whether both are the same database; known after the first connection.
    published: OnceLock<bool>,
    /// Set once the connection was seen to be no transaction-mode pooler's.
    direct: OnceLock<()>,
    warned: OnceLock<()>,
}

impl PostgresTransport {
    /// Checks the URLs; the server is reached when it is first needed. `journal` is
    /// `storage.url`.
    ///
    /// # Errors
    /// [`DeliveryError::Misconfigured`] when `realtime.database_url` is not set, or leads to what
    /// would not work.
    pub fn try_new(settings: &Settings) -> Result<Self, DeliveryError> {
        let (realtime, journal) = (&settings.realtime, &settings.storage.url);
        let misconfigured = |name: &str, why: &str| DeliveryError::Misconfigured {
            reason: format!("{name} {why}"),
        };
        let parse = |name: &'static str, url: &DatabaseUrl| {
            Address::parse(url.expose()).map_err(|error| misconfigured(name, &error.to_string()))
        };
        let Some(there) = realtime.database_url.url() else {
            let why = "must name a database, for `realtime.transport = \"postgres\"`";
            return Err(misconfigured("realtime.database_url", why));
        };
        let is_server = !journal.expose().starts_with("sqlite:");
        Ok(Self {
            there: parse("realtime.database_url", there)?,
            journal: is_server.then(|| parse("storage.url", journal)).transpose()?,
            request_timeout: settings.request_timeout(),
            request_bytes: realtime.request_bytes,
            session: Mutex::default(),
            published: OnceLock::new(),
            direct: OnceLock::new(),
            warned: OnceLock::new(),
        })
    }

    /// Runs `work` with the connection, which is made when there is none. Whatever does not end in
    /// time, or well, takes the connection with it.
    async fn run<T>(
        &self,
        work: impl AsyncFnOnce(&Session) -> Result<T, Fault>,
    ) -> Result<T, DeliveryError> {
        let running = async {
            let mut slot = self.session.lock().await;
            let session = match slot.take().filter(Session::is_open) {
                Some(session) => session,
                None => Box::pin(self.open()).await?,
            };
            let outcome = work(&session).await;
            if outcome.as_ref().err().is_none_or(Fault::leaves_the_session) {
                *slot = Some(session);
            }
            outcome
        };
        let outcome = match timeout(self.request_timeout, running).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Fault::Late),
        };
        outcome.map_err(|fault| fault.delivery(&self.there.what))
    }

    /// Connects, and finds out what is at the other end.
    async fn open(&self) -> Result<Session, Fault> {
        let link = Link::open(&self.there, self.request_timeout).await?;
        if self.direct.get().is_none() {
            if link.is_shared_with(&self.there, self.request_timeout / 4).await? {
                return Err(pooler());
            }
            self.direct.get_or_init(|| ());
        }
        let published = match (self.published.get(), &self.journal) {
            (Some(published), _) => *published,
            (None, Some(journal)) => identity(journal).await? == link.identity().await?,
            (None, None) => false,
        };
        let place = self.look(&link, published).await?;
        let session = Session::prepare(link, &place).await?;
        self.published.get_or_init(|| published);
        Ok(session)
    }

    /// Looks whether rows can be put there, and are told of.
    async fn look(&self, link: &Link, published: bool) -> Result<Place, Fault> {
        let place = link.look().await?;
        if let Some(why) = place.obstacle(published) {
            return Err(Fault::Misconfigured(why));
        }
        if place.has_journal && !published && link.holds_a_journal().await? {
            return Err(Fault::Misconfigured(place::OTHER_JOURNAL.to_owned()));
        }
        if let Some(warning) = place.warning() {
            self.warned.get_or_init(|| tracing::warn!(database = %self.there.what, "{warning}"));
        }
        Ok(place)
    }

    /// The batch as rows; or which of its events can never be one.
    fn rows<'a>(&self, batch: &'a Batch) -> Result<Rows<'a>, DeliveryError> {
        let mut rows = Rows::with_capacity(batch.items.len());
        let (mut bad, mut reason) = (Vec::new(), String::new());
        for (at, item) in batch.items.iter().enumerate() {
            let bytes = item.event.json.len();
            let added = if bytes > self.request_bytes {
                Err(format!("it has {bytes} bytes, more than realtime.request_bytes"))
            } else {
                rows.push(&item.event)
            };
            if let Err(why) = added {
                bad.push(at);
                reason = why;
            }
        }
        if bad.is_empty() {
            return Ok(rows);
        }
        Err(DeliveryError::Rejected { which: Which::These(bad), reason })
    }
}

#[async_trait]
impl Transport for PostgresTransport {
    fn kind(&self) -> TransportKind {
        TransportKind::Postgres
    }

    fn describe(&self) -> String {
        self.there.what.clone()
    }

    /// Known after the first connection; until then, it is not.
    fn is_published(&self) -> bool {
        self.published.get().copied().unwrap_or_default()
    }

    fn fitting(&self, batch: &Batch) -> usize {
        let mut bytes = 0_usize;
        let fits = batch.items.iter().take_while(|item| {
            bytes = bytes.saturating_add(item.event.json.len());
            bytes <= self.request_bytes
        });
        fits.count().max(1).min(batch.items.len())
    }

    async fn deliver(&self, batch: &Batch) -> Result<Delivered, DeliveryError> {
        let events = batch.items.len();
        let known = Delivered { events, known: events };
        if events == 0 || self.is_published() {
            return Ok(known);
        }
        let rows = self.rows(batch)?;
        let inserted = self.run(async |session| {
            // The connection may just have told that.
            if self.is_published() { Ok(0) } else { session.insert(&rows).await }
        });
        let inserted = inserted.await?;
        Ok(Delivered { events, known: events.saturating_sub(inserted) })
    }

    /// There is no way to say it: who reads there is told of rows.
    async fn announce(&self, _position: Position) -> Result<(), DeliveryError> {
        Ok(())
    }

    async fn health(&self) -> Result<(), DeliveryError> {
        self.run(async |session| {
            let published = self.is_published();
            self.look(&session.link, published).await?;
            if published { Ok(()) } else { session.rehearse().await }
        })
        .await
    }
}
