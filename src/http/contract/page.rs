//! `/docs`: the contract, to be read and tried in a browser. All of it comes from the router itself,
//! and the page may load nothing else.

use std::sync::Arc;

use actix_web::{HttpResponse, http::header, web};
use utoipa::ToSchema;
use utoipa_swagger_ui::Config;

use super::problems;
use crate::http::problem::{Code, Problem};

const PAGE: &str = include_str!("docs.html");
const SCRIPT: &str = include_str!("docs.js");

/// What the page may load; its style sheet has pictures in it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

problems!(
    /// A file that the page does not have.
    FileProblems: NotFound
);

/// This contract, for people.
#[utoipa::path(
    get, path = "/docs", operation_id = "get_docs", tag = "contract",
    responses((status = 200, description = "A page.", body = String, content_type = "text/html"))
)]
pub async fn page() -> HttpResponse {
    answer("text/html; charset=utf-8", PAGE.into(), false)
}

/// What the page is made of, as the contract has it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
enum File {
    #[schema(rename = "docs.js")]
    Script,
    #[schema(rename = "swagger-ui.css")]
    Style,
    #[schema(rename = "swagger-ui-bundle.js")]
    Bundle,
}

/// What the page is made of.
///
/// # Errors
/// When it is not made of that.
#[utoipa::path(
    get, path = "/docs/{file}", operation_id = "get_docs_file", tag = "contract",
    params(("file" = inline(File), Path, description = "Which.")),
    responses(
        (status = 200, description = "A file.", content(
            (String = "text/javascript"), (String = "text/css"),
        )),
        FileProblems,
    )
)]
pub async fn file(name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let name = name.as_str();
    let content_type = match name {
        "docs.js" => return Ok(answer("text/javascript", SCRIPT.into(), false)),
        "swagger-ui.css" => "text/css",
        "swagger-ui-bundle.js" => "text/javascript",
        _ => return Err(not_found(name)),
    };
    let found = utoipa_swagger_ui::serve(name, Arc::new(Config::from("/openapi.json")));
    let found = found.ok().flatten().ok_or_else(|| not_found(name))?;
    Ok(answer(content_type, found.bytes.into_owned(), found.gzpipped))
}

fn answer(content_type: &'static str, body: Vec<u8>, gzipped: bool) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response
        .content_type(content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::CACHE_CONTROL, "no-cache"));
    if gzipped {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    response.body(body)
}

fn not_found(name: &str) -> Problem {
    Problem::new(Code::NotFound, format!("the documentation has no file {name}"))
}
