//! Storage: one contract for both databases, and what only one of them can show.

mod commits;
mod cursors;
mod killed;
mod overrides;
mod pages;
mod place;
mod postgres;
mod records;
mod sqlite;
mod supabase;
mod takeover;
mod verdicts;

/// Makes a test of each function, once on SQLite and once on PostgreSQL.
macro_rules! on_both {
    ($($name:ident,)*) => {
        mod on_sqlite {
            $(#[actix::test]
            async fn $name() {
                super::$name(super::Place::sqlite().await).await;
            })*
        }

        mod on_postgres {
            $(#[actix::test]
            async fn $name() {
                super::$name(super::Place::postgres().await).await;
            })*
        }
    };
}
use on_both;
