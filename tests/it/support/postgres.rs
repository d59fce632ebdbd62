//! A temporary PostgreSQL.
