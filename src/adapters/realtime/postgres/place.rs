//! What is at the other end: the table, its columns, and whether anybody is told of its rows.

use tokio_postgres::Row;

use super::rows::{COLUMNS, Column};

/// The publication that Supabase Realtime follows.
const PUBLICATION: &str = "supabase_realtime";

/// One row, or none when there is no table: the columns that may be written, those that must be
/// and have no default, the publications that tell of its rows, how much the server logs, whether
/// no policy lets this role insert, and whether there is a readable journal beside it.
pub(super) const LOOK: &str = "
    SELECT
        ARRAY(SELECT attname::text FROM pg_attribute
            WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
                AND attgenerated = '' AND attidentity <> 'a'),
        ARRAY(SELECT attname::text FROM pg_attribute
            WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
                AND attnotnull AND NOT atthasdef AND attidentity = ''),
        ARRAY(SELECT pubname::text FROM pg_publication_tables JOIN pg_publication USING (pubname)
            WHERE schemaname = n.nspname AND tablename = c.relname AND pubinsert),
        current_setting('wal_level'),
        row_security_active(c.oid) AND NOT EXISTS (SELECT FROM pg_policy
            WHERE polrelid = c.oid AND polpermissive AND polcmd IN ('a', '*')
                AND EXISTS (SELECT FROM unnest(polroles) role WHERE
                    CASE WHEN role = 0 THEN true ELSE pg_has_role(role, 'USAGE') END)),
        has_schema_privilege(n.oid, 'USAGE') AND EXISTS (SELECT FROM pg_class
            WHERE relnamespace = n.oid AND relname = 'journal'
                AND has_table_privilege(oid, 'SELECT'))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'monitoring' AND c.relname = 'monitoring_events' AND c.relkind IN ('r', 'p')";

const MIGRATE: &str = "make it with `SIGNALBOX__STORAGE__URL=postgres://… signalbox migrate`, \
     with the URL of that database";
/// A row of another router would break the order of that journal.
pub(super) const OTHER_JOURNAL: &str = "this database is the journal of another router, which \
     alone may write there: name another database, or, if that router is gone for good, \
     `DELETE FROM monitoring.journal` there";

/// The table as the catalogue describes it.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// None when there is no table.
    table: Option<Table>,
    /// Whether there is a journal that can be looked at.
    pub(super) has_journal: bool,
}

#[derive(Debug)]
struct Table {
    writable: Vec<String>,
    required: Vec<String>,
    publications: Vec<String>,
    wal_level: String,
    barred: bool,
}

impl Place {
    /// Reads the answer to [`LOOK`].
    pub(super) fn read(row: Option<&Row>) -> Result<Self, tokio_postgres::Error> {
        let Some(row) = row else { return Ok(Self::default()) };
        let table = Table {
            writable: row.try_get(0)?,
            required: row.try_get(1)?,
            publications: row.try_get(2)?,
            wal_level: row.try_get(3)?,
            barred: row.try_get(4)?,
        };
        Ok(Self { table: Some(table), has_journal: row.try_get(5)? })
    }

    /// The columns that a row of ours fills.
    pub(super) fn columns(&self) -> Vec<&'static Column> {
        let has = |column: &&Column| self.table.as_ref().is_some_and(|table| table.has(column));
        COLUMNS.iter().filter(has).collect()
    }

    /// Why rows cannot be put there, or would never be told of, and what to do.
    pub(super) fn obstacle(&self, published: bool) -> Option<String> {
        let Some(table) = &self.table else {
            return Some(format!("there is no table monitoring.monitoring_events: {MIGRATE}"));
        };
        if !published && let Some(why) = table.unfillable() {
            return Some(why);
        }
        if table.publications.is_empty() {
            return Some(format!(
                "no publication tells of its rows, so nobody would ever see them: run `ALTER \
                 PUBLICATION {PUBLICATION} ADD TABLE monitoring.monitoring_events`"
            ));
        }
        (table.wal_level != "logical").then(|| {
            format!(
                "its `wal_level` is `{}`, so nobody would ever be told of its rows: run `ALTER \
                 SYSTEM SET wal_level = logical` and restart the server",
                table.wal_level
            )
        })
    }

    /// What may be meant so, and may not.
    pub(super) fn warning(&self) -> Option<String> {
        let publications = &self.table.as_ref()?.publications;
        let others = !publications.iter().any(|name| name == PUBLICATION);
        others.then(|| {
            format!(
                "the rows are told of by the publication {}, not by {PUBLICATION}, which Supabase \
                 Realtime follows unless it is told otherwise",
                publications.join(", ")
            )
        })
    }
}

impl Table {
    fn has(&self, column: &Column) -> bool {
        self.writable.iter().any(|name| name == column.name)
    }

    fn unfillable(&self) -> Option<String> {
        let missing = COLUMNS.iter().filter(|column| column.needed && !self.has(column));
        let missing = missing.map(|column| column.name).collect::<Vec<_>>();
        if !missing.is_empty() {
            return Some(format!(
                "monitoring.monitoring_events has no column {} that could be written: drop the \
                 table if it is of no use, and {MIGRATE}",
                missing.join(", ")
            ));
        }
        let filled = |name: &&String| COLUMNS.iter().any(|column| column.name == **name);
        if let Some(name) = self.required.iter().find(|name| !filled(name)) {
            return Some(format!(
                "the column {name} of monitoring.monitoring_events must be filled, and events \
                 have nothing for it: give it a default"
            ));
        }
        self.barred.then(|| {
            "row-level security lets this role insert nothing into monitoring.monitoring_events: \
             use the table's owner, or run `CREATE POLICY router ON monitoring.monitoring_events TO \
             … USING (true) WITH CHECK (true)`, with this role in the place of the dots"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(change: impl FnOnce(&mut Table)) -> Place {
        let mut table = Table {
            writable: COLUMNS.iter().map(|column| column.name.to_owned()).collect(),
            required: vec!["id".to_owned()],
            publications: vec![PUBLICATION.to_owned()],
            wal_level: "logical".to_owned(),
            barred: false,
        };
        change(&mut table);
        Place { table: Some(table), has_journal: false }
    }

    #[test]
    fn a_place_that_is_as_the_migrations_make_it_will_do() {
        let place = place(|_| ());
        assert_eq!((place.obstacle(false), place.warning()), (None, None));
        assert_eq!(place.columns().len(), COLUMNS.len());
    }

    #[test]
    fn every_obstacle_says_what_to_do() {
        for (place, advice) in [
            (Place::default(), "signalbox migrate"),
            (place(|it| it.writable.retain(|name| name != "metadata")), "no column metadata"),
            (place(|it| it.required.push("tenant".to_owned())), "tenant"),
            (place(|it| it.barred = true), "CREATE POLICY"),
            (place(|it| it.publications.clear()), "ALTER PUBLICATION"),
            (place(|it| it.wal_level = "replica".to_owned()), "wal_level = logical"),
        ] {
            let text = place.obstacle(false).unwrap();
            assert!(text.contains(advice), "{text}");
        }
    }

    #[test]
    fn the_columns_of_the_original_are_enough() {
        let new = ["seq", "category", "checksum"];
        let place = place(|it| it.writable.retain(|name| !new.contains(&name.as_str())));
        assert_eq!(place.obstacle(false), None);
        assert_eq!(place.columns().len(), 7);
    }

    #[test]
    fn another_publication_may_be_meant_and_is_told_of() {
        let place = place(|it| it.publications = vec!["mine".to_owned()]);
        assert_eq!(place.obstacle(false), None);
        assert!(place.warning().unwrap().contains("mine"));
    }
}
