//! The tables, once for both databases: the types below are what each of them calls them.
//!
//! On PostgreSQL all tables are in the schema `monitoring`, which every connection has as its
//! search path.

/// Column types that the two databases name differently.
pub(super) mod sql {
    use diesel::{query_builder::QueryId, sql_types::SqlType};

    /// `uuid`; on SQLite its hyphenated text.
    #[derive(QueryId, SqlType)]
    #[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Text"))]
    pub struct Uuid;

    /// `timestamptz`; on SQLite RFC 3339 text in UTC, to the microsecond. (diesel's `table!` takes
    /// a type called `Time` for its own.)
    #[derive(QueryId, SqlType)]
    #[diesel(postgres_type(oid = 1184, array_oid = 1185), sqlite_type(name = "Text"))]
    pub struct Moment;

    impl diesel::sql_types::SqlOrd for Moment {}

    /// `jsonb`; on SQLite text.
    #[derive(QueryId, SqlType)]
    #[diesel(postgres_type(oid = 3802, array_oid = 3807), sqlite_type(name = "Text"))]
    pub struct Json;
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use super::sql::{Json, Moment, Uuid};

    monitoring_events (seq) {
        seq -> BigInt,
        id -> Uuid,
        event_type -> Text,
        timestamp -> Moment,
        source -> Text,
        category -> Text,
        data -> Json,
        metadata -> Json,
        checksum -> Text,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Text};
    use super::sql::{Moment, Uuid};

    journal (id) {
        id -> Integer,
        epoch -> Uuid,
        head_seq -> BigInt,
        first_seq -> BigInt,
        last_created_at -> Moment,
        identity -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use super::sql::{Moment, Uuid};

    cursors (name) {
        name -> Text,
        epoch -> Uuid,
        seq -> BigInt,
        through -> BigInt,
        updated_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Integer, Nullable, Text};
    use super::sql::{Json, Moment, Uuid};

    dead_letters (id) {
        id -> BigInt,
        adapter -> Text,
        event_id -> Uuid,
        epoch -> Uuid,
        seq -> BigInt,
        event -> Json,
        reason -> Text,
        attempts -> Integer,
        status -> Text,
        created_at -> Moment,
        replayed_at -> Nullable<Moment>,
        recovered_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use super::sql::{Json, Moment};

    flag_overrides (name) {
        name -> Text,
        value -> Json,
        set_by -> Text,
        set_at -> Moment,
        expires_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use super::sql::{Json, Moment};

    audit_log (id) {
        id -> BigInt,
        at -> Moment,
        actor -> Text,
        action -> Text,
        subject -> Text,
        detail -> Json,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use super::sql::{Moment, Uuid};

    verdicts (event_id, path) {
        event_id -> Uuid,
        path -> Text,
        epoch -> Uuid,
        seq -> BigInt,
        category -> Text,
        verdict -> Text,
        reason -> Nullable<Text>,
        expected_hash -> Text,
        seen_hash -> Nullable<Text>,
        generation -> BigInt,
        decided_at -> Moment,
    }
}
