//! The queries on what is kept beside the events, written once and instantiated for each database
//! as those of [`queries`](super::queries) are, and beside them.

/// The queries for one kind of connection.
macro_rules! record_queries {
    ($Connection:ty, $Backend:ty, $wait:ident $(, $async:ident)?) => {
        /// How far an adapter has come.
        pub(super) $($async)? fn cursor(
            c: &mut $Connection,
            name: &str,
        ) -> Result<Option<Cursor>, Fault> {
            let query = cursors::table.select(CursorRow::as_select()).filter(cursors::name.eq(name));
            let row = $wait!(query.first(c)).optional()?;
            Ok(row.map(|row| row.cursor().1))
        }

        /// How far all adapters have come, in the order of their names.
        pub(super) $($async)? fn all_cursors(
            c: &mut $Connection,
        ) -> Result<Vec<(String, Cursor)>, Fault> {
            let query = cursors::table.select(CursorRow::as_select()).order(cursors::name);
            let rows: Vec<CursorRow> = $wait!(query.load(c))?;
            Ok(rows.into_iter().map(CursorRow::cursor).collect())
        }

        /// Moves cursors on, inside a transaction that has shown `head` to be the journal's.
        $($async)? fn step_cursors(
            c: &mut $Connection,
            steps: &[CursorStep],
            head: &Head,
            now: DateTime<Utc>,
        ) -> Result<(), Fault> {
            for step in steps {
                let stored = $wait!(cursor(c, &step.name))?;
                if !step.moves(stored.as_ref(), head) {
                    continue;
                }
                let place = || (
                    cursors::epoch.eq(Id(step.position.epoch)),
                    cursors::seq.eq(to_column(step.position.seq)),
                    cursors::through.eq(to_column(step.through)),
                    cursors::updated_at.eq(Time(now.trunc_subsecs(6))),
                );
                let upsert = diesel::insert_into(cursors::table)
                    .values((cursors::name.eq(&*step.name), place()))
                    .on_conflict(cursors::name)
                    .do_update()
                    .set(place());
                $wait!(upsert.execute(c))?;
            }
            Ok(())
        }

        /// Writes notes, all or none, if `head` is still the journal's.
        pub(super) $($async)? fn note(
            c: &mut $Connection,
            head: &Head,
            notes: &[Note],
            now: DateTime<Utc>,
        ) -> Result<Vec<Noted>, Fault> {
            transaction!($wait, c, WRITE, note_in(c, head, notes, now))
        }

        $($async)? fn note_in(
            c: &mut $Connection,
            head: &Head,
            notes: &[Note],
            now: DateTime<Utc>,
        ) -> Result<Vec<Noted>, Fault> {
            // A writer that lost the lock shows here.
            $wait!(move_head(c, head, head))?;
            let mut noted = Vec::with_capacity(notes.len());
            for note in notes {
                noted.push(match note {
                    Note::Cursor(step) => {
                        $wait!(step_cursors(c, std::slice::from_ref(step), head, now))?;
                        Noted::Done
                    }
                    Note::Bury { letters, step } => {
                        $wait!(bury(c, letters, now))?;
                        $wait!(step_cursors(c, std::slice::from_ref(step), head, now))?;
                        Noted::Done
                    }
                    Note::DeadLetter { id, change, at } => {
                        $wait!(change_letter(c, to_column(*id), change, *at))?
                    }
                    Note::Audit(entry) => {
                        $wait!(audit(c, entry))?;
                        Noted::Done
                    }
                    Note::Override { key, set, entry } => {
                        $wait!(set_override(c, key, set.as_ref()))?;
                        $wait!(audit(c, entry))?;
                        Noted::Done
                    }
                    Note::Verdicts(found) => {
                        $wait!(keep_verdicts(c, found))?;
                        Noted::Done
                    }
                    Note::ForgetVerdicts(before) => {
                        $wait!(forget_verdicts(c, *before))?;
                        Noted::Done
                    }
                });
            }
            Ok(noted)
        }

        $($async)? fn bury(
            c: &mut $Connection,
            letters: &[NewDeadLetter],
            now: DateTime<Utc>,
        ) -> Result<(), Fault> {
            for letter in letters {
                let event = String::from_utf8_lossy(&letter.event.json);
                let standing = || (
                    dead_letters::reason.eq(records::reason(&letter.reason)),
                    dead_letters::attempts.eq(i32::try_from(letter.attempts).unwrap_or(i32::MAX)),
                    dead_letters::status.eq(DeadLetterStatus::Pending.as_str()),
                    dead_letters::recovered_at.eq(None::<Time>),
                );
                let place = (
                    dead_letters::adapter.eq(&*letter.adapter),
                    dead_letters::event_id.eq(Id(letter.event.id)),
                    dead_letters::epoch.eq(Id(letter.epoch)),
                    dead_letters::seq.eq(to_column(letter.event.seq)),
                    dead_letters::event.eq(JsonRef(&event)),
                    dead_letters::created_at.eq(Time(now.trunc_subsecs(6))),
                );
                let upsert = diesel::insert_into(dead_letters::table)
                    .values((place, standing()))
                    .on_conflict((dead_letters::adapter, dead_letters::event_id))
                    .do_update()
                    .set(standing());
                $wait!(upsert.execute(c))?;
            }
            Ok(())
        }

        $($async)? fn change_letter(
            c: &mut $Connection,
            id: i64,
            change: &DeadLetterChange,
            at: DateTime<Utc>,
        ) -> Result<Noted, Fault> {
            let letter = dead_letters::table.filter(dead_letters::id.eq(id));
            if let DeadLetterChange::Deleted = change {
                let deleted = $wait!(diesel::delete(letter).execute(c))?;
                return Ok(if deleted == 0 { Noted::Absent } else { Noted::Done });
            }
            let query = letter.select(LetterRow::as_select());
            let Some(row) = $wait!(query.first(c)).optional()? else { return Ok(Noted::Absent) };
            let (standing, noted) = LetterRow::standing(row)?.after(change, at.trunc_subsecs(6));
            let set = (
                dead_letters::reason.eq(&standing.reason),
                dead_letters::attempts.eq(standing.attempts),
                dead_letters::status.eq(standing.status.as_str()),
                dead_letters::replayed_at.eq(standing.replayed_at.map(Time)),
                dead_letters::recovered_at.eq(standing.recovered_at.map(Time)),
            );
            $wait!(diesel::update(letter).set(set).execute(c))?;
            Ok(noted)
        }

        /// Keeps what is set at run time, or forgets it.
        $($async)? fn set_override(
            c: &mut $Connection,
            key: &str,
            set: Option<&StoredOverride>,
        ) -> Result<(), Fault> {
            let Some(set) = set else {
                let row = flag_overrides::table.filter(flag_overrides::name.eq(key));
                $wait!(diesel::delete(row).execute(c))?;
                return Ok(());
            };
            let value = records::json(&set.value);
            let expires_at = set.expires_at.map(|at| Time(at.trunc_subsecs(6)));
            let columns = || (
                flag_overrides::value.eq(JsonRef(&value)),
                flag_overrides::set_by.eq(records::text(&set.set_by)),
                flag_overrides::set_at.eq(Time(set.set_at.trunc_subsecs(6))),
                flag_overrides::expires_at.eq(expires_at),
            );
            let upsert = diesel::insert_into(flag_overrides::table)
                .values((flag_overrides::name.eq(key), columns()))
                .on_conflict(flag_overrides::name)
                .do_update()
                .set(columns());
            $wait!(upsert.execute(c))?;
            Ok(())
        }

        /// What is set at run time, in the order of the keys.
        pub(super) $($async)? fn overrides(
            c: &mut $Connection,
        ) -> Result<Vec<StoredOverride>, Fault> {
            let query = flag_overrides::table
                .select(OverrideRow::as_select())
                .order(flag_overrides::name);
            let rows: Vec<OverrideRow> = $wait!(query.load(c))?;
            Ok(rows.into_iter().map(OverrideRow::stored).collect::<Result<_, _>>()?)
        }

        $($async)? fn audit(c: &mut $Connection, entry: &NewAudit) -> Result<(), Fault> {
            let detail = records::json(&entry.detail);
            let row = (
                audit_log::at.eq(Time(entry.at.trunc_subsecs(6))),
                audit_log::actor.eq(records::text(&entry.actor)),
                audit_log::action.eq(records::text(&entry.action)),
                audit_log::subject.eq(records::text(&entry.subject)),
                audit_log::detail.eq(JsonRef(&detail)),
            );
            // A repeated note is not a second deed.
            let insert = diesel::insert_into(audit_log::table).values(row).on_conflict_do_nothing();
            $wait!(insert.execute(c))?;
            Ok(())
        }

        /// Some dead letters.
        pub(super) $($async)? fn letters(
            c: &mut $Connection,
            query: &DeadLetterQuery,
        ) -> Result<Records<DeadLetter>, Fault> {
            let limit = records::limit(query.limit);
            let mut select = dead_letters::table
                .select(LetterRow::as_select())
                .limit(to_column(limit as u64 + 1))
                .into_boxed::<$Backend>();
            if let Some(adapter) = &query.adapter {
                select = select.filter(dead_letters::adapter.eq(adapter));
            }
            if let Some(status) = query.status {
                select = select.filter(dead_letters::status.eq(status.as_str()));
            }
            select = match query.from {
                From::After(id) => {
                    select.filter(dead_letters::id.gt(to_column(id))).order(dead_letters::id.asc())
                }
                From::Before(id) => {
                    select.filter(dead_letters::id.lt(to_column(id))).order(dead_letters::id.desc())
                }
            };
            let rows: Vec<LetterRow> = $wait!(select.load(c))?;
            let found = rows.into_iter().map(LetterRow::letter).collect::<Result<_, _>>()?;
            Ok(Records::of(found, limit, |letter: &DeadLetter| letter.id))
        }

        /// One dead letter.
        pub(super) $($async)? fn letter(
            c: &mut $Connection,
            id: u64,
        ) -> Result<Option<DeadLetter>, Fault> {
            let query = dead_letters::table
                .select(LetterRow::as_select())
                .filter(dead_letters::id.eq(to_column(id)));
            let row = $wait!(query.first(c)).optional()?;
            Ok(row.map(LetterRow::letter).transpose()?)
        }

        /// The dead letter that an event is for an adapter.
        pub(super) $($async)? fn letter_of(
            c: &mut $Connection,
            adapter: &str,
            event: Uuid,
        ) -> Result<Option<DeadLetter>, Fault> {
            let query = dead_letters::table
                .select(LetterRow::as_select())
                .filter(dead_letters::adapter.eq(adapter))
                .filter(dead_letters::event_id.eq(Id(event)));
            let row = $wait!(query.first(c)).optional()?;
            Ok(row.map(LetterRow::letter).transpose()?)
        }

        /// How many dead letters there are, by adapter and status.
        pub(super) $($async)? fn count_letters(
            c: &mut $Connection,
        ) -> Result<Vec<DeadLetterCount>, Fault> {
            let query = dead_letters::table
                .group_by((dead_letters::adapter, dead_letters::status))
                .select((
                    dead_letters::adapter,
                    dead_letters::status,
                    diesel::dsl::count_star(),
                    diesel::dsl::min(dead_letters::created_at),
                ))
                .order((dead_letters::adapter, dead_letters::status));
            let rows: Vec<(String, String, i64, Option<Time>)> = $wait!(query.load(c))?;
            let counts = rows.into_iter().filter_map(|(adapter, status, count, oldest)| {
                Some(DeadLetterCount {
                    adapter,
                    status: DeadLetterStatus::parse(&status)?,
                    count: from_column(count),
                    oldest: oldest?.0,
                })
            });
            Ok(counts.collect())
        }

        /// Some lines of the audit log.
        pub(super) $($async)? fn audit_log(
            c: &mut $Connection,
            query: &AuditQuery,
        ) -> Result<Records<AuditEntry>, Fault> {
            let limit = records::limit(query.limit);
            let mut select = audit_log::table
                .select(AuditRow::as_select())
                .limit(to_column(limit as u64 + 1))
                .into_boxed::<$Backend>();
            if let Some(action) = &query.action {
                select = select.filter(audit_log::action.eq(action));
            }
            select = match query.from {
                From::After(id) => {
                    select.filter(audit_log::id.gt(to_column(id))).order(audit_log::id.asc())
                }
                From::Before(id) => {
                    select.filter(audit_log::id.lt(to_column(id))).order(audit_log::id.desc())
                }
            };
            let rows: Vec<AuditRow> = $wait!(select.load(c))?;
            let entries = rows.into_iter().map(AuditRow::entry).collect();
            Ok(Records::of(entries, limit, |entry: &AuditEntry| entry.id))
        }
    };
}

pub(super) use record_queries;
