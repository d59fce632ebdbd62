//! The queries, written once and instantiated for each database: `async` and awaited on
//! PostgreSQL, plain calls on a blocking thread on SQLite.
//!
//! A function that changes something is one transaction. What differs is handed in: how to begin a
//! transaction, and `insert`.

/// Gives what a query of a synchronous connection returned.
macro_rules! at_once {
    ($outcome:expr) => {
        $outcome
    };
}

/// Waits for what a query of an asynchronous connection returns.
macro_rules! awaited {
    ($outcome:expr) => {
        $outcome.await
    };
}

/// Runs `body` between `begin` and `COMMIT`, or rolls it back.
macro_rules! transaction {
    ($wait:ident, $connection:ident, $begin:expr, $body:expr) => {{
        $wait!(Transactions::begin_transaction_sql($connection, $begin))?;
        match $wait!($body) {
            Ok(done) => match $wait!(Transactions::commit_transaction($connection)) {
                Ok(()) => Ok(done),
                Err(error) => Err(Fault::Commit(error)),
            },
            Err(fault) => {
                // What led here is the news; a connection that cannot roll back is broken and
                // says so when it is used next.
                drop($wait!(Transactions::rollback_transaction($connection)));
                Err(fault)
            }
        }
    }};
}

/// The queries for one kind of connection.
///
/// The caller has in scope: `RunQueryDsl` and `Transactions` of that connection, `READ` and
/// `WRITE` (how a transaction begins), `insert(connection, rows)`, and the functions that
/// [`record_queries`](super::record_queries) makes.
macro_rules! queries {
    ($Connection:ty, $Backend:ty, $wait:ident $(, $async:ident)?) => {
        /// Most ids or rows in one statement: far below the databases' limits on parameters.
        const CHUNK: usize = 1_000;

        $($async)? fn stored(c: &mut $Connection) -> Result<Option<JournalRow>, Fault> {
            let query = journal::table.select(JournalRow::as_select());
            Ok($wait!(query.first(c)).optional()?)
        }

        /// Where the journal begins and ends.
        pub(super) $($async)? fn head(c: &mut $Connection) -> Result<Head, Fault> {
            let row = $wait!(stored(c))?.ok_or(StorageError::NoJournal)?;
            Ok(row.head())
        }

        /// What the journal holds of these ids.
        pub(super) $($async)? fn look_up(
            c: &mut $Connection,
            ids: &[Uuid],
        ) -> Result<HashMap<Uuid, Known>, Fault> {
            let mut known = HashMap::with_capacity(ids.len());
            for chunk in ids.chunks(CHUNK) {
                let chunk: Vec<Id> = chunk.iter().copied().map(Id).collect();
                let query = events::table
                    .select((events::id, events::seq, events::checksum))
                    .filter(events::id.eq_any(chunk));
                let rows: Vec<(Id, i64, String)> = $wait!(query.load(c))?;
                known.extend(rows.into_iter().map(|(id, seq, checksum)| {
                    (id.0, Known { seq: from_column(seq), checksum: checksum.into() })
                }));
            }
            Ok(known)
        }

        /// One event by its id.
        pub(super) $($async)? fn event(
            c: &mut $Connection,
            id: Uuid,
        ) -> Result<Option<Event>, Fault> {
            transaction!($wait, c, READ, event_in(c, id))
        }

        $($async)? fn event_in(c: &mut $Connection, id: Uuid) -> Result<Option<Event>, Fault> {
            let head = $wait!(head(c))?;
            let query = events::table.select(EventRow::as_select()).filter(events::id.eq(Id(id)));
            let row = $wait!(query.first(c)).optional()?;
            Ok(row.map(|row| row.event(head.epoch)).transpose()?)
        }

        /// The first `seq` committed at or after `time`; `head_seq + 1` when none is.
        pub(super) $($async)? fn first_since(
            c: &mut $Connection,
            time: DateTime<Utc>,
        ) -> Result<Seq, Fault> {
            transaction!($wait, c, READ, first_since_in(c, time))
        }

        $($async)? fn first_since_in(
            c: &mut $Connection,
            time: DateTime<Utc>,
        ) -> Result<Seq, Fault> {
            let head = $wait!(head(c))?;
            // Commit times never go back, so the first in time is the first in order.
            let query = events::table
                .select(events::seq)
                .filter(events::created_at.ge(Time(page::from_micros(time))))
                .order((events::created_at, events::seq));
            let seq = $wait!(query.first(c)).optional()?;
            Ok(seq.map_or(head.head_seq + 1, from_column))
        }

        /// A page of events in one snapshot.
        pub(super) $($async)? fn page(
            c: &mut $Connection,
            query: &PageQuery,
        ) -> Result<Page, Fault> {
            transaction!($wait, c, READ, page_in(c, query))
        }

        $($async)? fn page_in(c: &mut $Connection, query: &PageQuery) -> Result<Page, Fault> {
            let head = $wait!(head(c))?;
            let (mut low, mut high) = page::span(query.from, &head).into_inner();
            if let Some(since) = query.narrow.since {
                low = low.max($wait!(first_since_in(c, since))?);
            }
            if let Some(until) = query.narrow.until {
                let beyond = $wait!(first_since_in(c, page::after_micros(until)))?;
                high = high.min(beyond.saturating_sub(1));
            }
            let rows = $wait!(select(c, query, low, high))?;
            Ok(page::assemble(query, head, &(low..=high), rows)?)
        }

        $($async)? fn select(
            c: &mut $Connection,
            query: &PageQuery,
            low: Seq,
            high: Seq,
        ) -> Result<Vec<EventRow>, Fault> {
            let PageQuery { from, limit, narrow } = query;
            let mut select = events::table
                .select(EventRow::as_select())
                .filter(events::seq.between(to_column(low), to_column(high)))
                .limit(i64::try_from(*limit).unwrap_or(i64::MAX))
                .into_boxed::<$Backend>();
            if !narrow.event_types.is_empty() {
                select = select.filter(events::event_type.eq_any(&narrow.event_types));
            }
            if !narrow.sources.is_empty() {
                select = select.filter(events::source.eq_any(&narrow.sources));
            }
            if !narrow.categories.is_empty() {
                let names = narrow.categories.iter().map(|category| category.as_str());
                select = select.filter(events::category.eq_any(names));
            }
            select = match from {
                From::After(_) => select.order(events::seq.asc()),
                From::Before(_) => select.order(events::seq.desc()),
            };
            Ok($wait!(select.load(c))?)
        }

        /// Takes the journal over: goes on with it, makes it, or begins a new epoch.
        pub(super) $($async)? fn claim(
            c: &mut $Connection,
            claim: &Claim,
        ) -> Result<(Head, Proof), Fault> {
            transaction!($wait, c, WRITE, claim_in(c, claim))
        }

        $($async)? fn claim_in(
            c: &mut $Connection,
            claim: &Claim,
        ) -> Result<(Head, Proof), Fault> {
            let stored = $wait!(stored(c))?;
            let (head, proof) = claim.decide(stored.as_ref());
            let named = (journal::epoch.eq(Id(head.epoch)), journal::identity.eq(&claim.identity));
            match proof {
                Proof::Same => {}
                Proof::Renewed(_) => {
                    $wait!(diesel::update(journal::table).set(named).execute(c))?;
                }
                Proof::Absent => {
                    let bounds = (
                        journal::id.eq(1),
                        journal::first_seq.eq(to_column(head.first_seq)),
                        journal::head_seq.eq(to_column(head.head_seq)),
                        journal::last_created_at.eq(Time(head.last_created_at)),
                    );
                    let row = (bounds, named);
                    $wait!(diesel::insert_into(journal::table).values(row).execute(c))?;
                }
            }
            Ok((head, proof))
        }

        /// Commits a batch after `head`, which must still be the journal's, and moves cursors.
        pub(super) $($async)? fn commit(
            c: &mut $Connection,
            head: &Head,
            drafts: &[Draft],
            steps: &[CursorStep],
            now: DateTime<Utc>,
        ) -> Result<Commit, Fault> {
            transaction!($wait, c, WRITE, commit_in(c, head, drafts, steps, now))
        }

        $($async)? fn commit_in(
            c: &mut $Connection,
            head: &Head,
            drafts: &[Draft],
            steps: &[CursorStep],
            now: DateTime<Utc>,
        ) -> Result<Commit, Fault> {
            let ids: Vec<Uuid> = drafts.iter().map(|draft| draft.id).collect();
            let known = $wait!(look_up(c, &ids))?;
            // Before the rows: another writer shows here, and not as a clash of theirs.
            let numbered = number(head, drafts, known, now.trunc_subsecs(6));
            $wait!(move_head(c, head, &numbered.head))?;
            for chunk in NewEvent::of(drafts, &numbered).chunks(CHUNK) {
                $wait!(insert(c, chunk))?;
            }
            let Numbered { outcomes, fresh, head } = numbered;
            $wait!(step_cursors(c, steps, &head, now))?;
            Ok(Commit { outcomes, fresh, head })
        }

        /// Deletes all events up to and including `through`, but never past the head.
        pub(super) $($async)? fn trim(
            c: &mut $Connection,
            head: &Head,
            through: Seq,
        ) -> Result<Head, Fault> {
            transaction!($wait, c, WRITE, trim_in(c, head, through))
        }

        $($async)? fn trim_in(
            c: &mut $Connection,
            head: &Head,
            through: Seq,
        ) -> Result<Head, Fault> {
            let through = through.min(head.head_seq);
            let trimmed = Head { first_seq: head.first_seq.max(through + 1), ..*head };
            $wait!(move_head(c, head, &trimmed))?;
            let old = events::table.filter(events::seq.le(to_column(through)));
            $wait!(diesel::delete(old).execute(c))?;
            Ok(trimmed)
        }

        /// Compare and set: the row must still say what this writer last wrote.
        $($async)? fn move_head(c: &mut $Connection, old: &Head, new: &Head) -> Result<(), Fault> {
            let row = journal::table
                .filter(journal::epoch.eq(Id(old.epoch)))
                .filter(journal::head_seq.eq(to_column(old.head_seq)));
            let set = (
                journal::head_seq.eq(to_column(new.head_seq)),
                journal::first_seq.eq(to_column(new.first_seq)),
                journal::last_created_at.eq(Time(new.last_created_at)),
            );
            match $wait!(diesel::update(row).set(set).execute(c))? {
                1 => Ok(()),
                _ => Err(StorageError::Stale.into()),
            }
        }
    };
}

pub(super) use {at_once, awaited, queries, transaction};
