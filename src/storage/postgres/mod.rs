//! stub
use super::{Durability, Storage, StorageError};
pub(super) struct PostgresStorage;
