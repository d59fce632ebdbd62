//! Flags at run time: `GET /v1/flags`, and `PUT` and `DELETE` of one of them.
//!
//! A flag is a key of `[flags]`, or one of the few others that may be set at run time. What is set
//! here wins over the environment and the file, is checked by the same table as those, and ends when
//! it expires or is cleared.

mod change;
mod rows;
mod schema;

pub use self::{
    change::{__path_clear, __path_set, FlagChange, FlagRequest, clear, set},
    rows::{FlagRow, FlagsSnapshot, IssueRow},
    schema::{FlagName, FlagValue},
};

use actix_web::web;

use super::Router;

/// Every flag, where its value comes from, and what it could be; which events go to a Realtime by
/// them, and where they contradict each other.
#[utoipa::path(
    get, path = "/v1/flags", operation_id = "list_flags", tag = "operating",
    responses((status = 200, description = "The flags in force.", body = FlagsSnapshot))
)]
pub async fn list(router: web::Data<Router>) -> web::Json<FlagsSnapshot> {
    web::Json(FlagsSnapshot::of(&router.settings()))
}
