//! What browsers get from the router: the dashboard, and `/client.js`, the module that follows events on
//! either path.
//!
//! Both are made by `dashboard/build.sh` and put into the binary as that is built. A router that was built
//! without them says so, and how to have them.

use std::{collections::BTreeMap, fmt::Write as _, io::Write as _, sync::LazyLock};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        self, AcceptEncoding, ContentEncoding, ContentType, ETag, Encoding, EntityTag, Header as _,
        IfNoneMatch,
    },
    web,
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

use super::{
    contract::problems,
    problem::{Code, Problem},
    routes::{ROUTES, Route},
};

problems!(
    /// A file that the dashboard does not have.
    AssetProblems: NotFound
);

static CLIENT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("client.js", include_bytes!(concat!(env!("OUT_DIR"), "/client.js")))
});

/// The dashboard's files, by name.
static PAGE: LazyLock<BTreeMap<&'static str, Asset>> = LazyLock::new(|| {
    let files: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));
    files.iter().map(|(name, content)| (*name, Asset::new(name, content))).collect()
});

/// What the page may load, and whom it may ask: the router alone. It has neither script nor style in itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The dashboard; for those who do not take HTML, where to look.
#[utoipa::path(
    get, path = "/", operation_id = "get_index", tag = "contract",
    responses(
        (status = 200, description = "The dashboard, or the routes as a text.", content(
            (String = "text/html"), (String = "text/plain"),
        )),
        (status = 304, description = "It is the one that the caller has."),
    )
)]
pub async fn index(request: HttpRequest) -> HttpResponse {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    match PAGE.get("index.html") {
        Some(page) if accept.is_some_and(|accept| accept.contains("text/html")) => {
            page.answer(&request)
        }
        _ => routes(),
    }
}

/// Where to look.
fn routes() -> HttpResponse {
    let mut text = format!("Signalbox {}\n\n", env!("CARGO_PKG_VERSION"));
    for route in ROUTES {
        let Route { method, path, what, .. } = route;
        text.extend([&*format!("{method:7} {path:22} "), what, "\n"]);
    }
    HttpResponse::Ok()
        .insert_header(ContentType::plaintext())
        .insert_header((header::VARY, "Accept"))
        .body(text)
}

/// What the dashboard is made of. Its name has a hash in it: it is never another.
///
/// # Errors
/// When it is not made of that.
#[utoipa::path(
    get, path = "/assets/{file}", operation_id = "get_asset", tag = "contract",
    params(("file" = String, Path, description = "As the page names it.")),
    responses(
        (status = 200, description = "A file.", content(
            (String = "text/javascript"), (String = "text/css"), (String = "image/svg+xml"),
        )),
        (status = 304, description = "It is the one that the caller has."),
        AssetProblems,
    )
)]
pub async fn asset(request: HttpRequest, file: web::Path<String>) -> Result<HttpResponse, Problem> {
    let found = PAGE.get(&*format!("assets/{file}"));
    let missing = || Problem::new(Code::NotFound, format!("the dashboard has no file {file}"));
    Ok(found.ok_or_else(missing)?.answer(&request))
}

/// The client, as an ES module.
#[utoipa::path(
    get, path = "/client.js", operation_id = "get_client", tag = "contract",
    responses(
        (status = 200, description = "A module.", body = String, content_type = "text/javascript"),
        (status = 304, description = "It is the one that the caller has."),
    )
)]
pub async fn client(request: HttpRequest) -> HttpResponse {
    CLIENT.answer(&request)
}

/// A file in the binary.
struct Asset {
    kind: &'static str,
    /// How long it may be kept unasked.
    keep: &'static str,
    /// What of a request decides how it is answered.
    vary: &'static str,
    whole: Bytes,
    packed: Bytes,
    /// Weak, since both have it.
    tag: EntityTag,
}

impl Asset {
    fn new(name: &str, content: &'static [u8]) -> Self {
        let mut tag = String::new();
        for byte in Sha256::digest(content).iter().take(16) {
            // Nothing is refused by a text.
            _ = write!(tag, "{byte:02x}");
        }
        let whole = Bytes::from_static(content);
        let packed = pack(content).map_or_else(|_| Bytes::new(), Bytes::from);
        // What has no hash in its name may be another one tomorrow, at the same address.
        let is_hashed = name.starts_with("assets/");
        let keep = if is_hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
        let vary = if name == "index.html" { "Accept, Accept-Encoding" } else { "Accept-Encoding" };
        Self { kind: kind(name), keep, vary, whole, packed, tag: EntityTag::new_weak(tag) }
    }

    fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let is_known = match IfNoneMatch::parse(request) {
            Ok(IfNoneMatch::Any) => true,
            Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&self.tag)),
            Err(_) => false,
        };
        let mut response = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response
            .insert_header(ETag(self.tag.clone()))
            .insert_header((header::CACHE_CONTROL, self.keep))
            .insert_header((header::VARY, self.vary));
        if is_known {
            return response.finish();
        }
        response
            .content_type(self.kind)
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        if self.packed.is_empty() || !takes_gzip(request) {
            return response.body(self.whole.clone());
        }
        response.insert_header(ContentEncoding::Gzip).body(self.packed.clone())
    }
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

fn takes_gzip(request: &HttpRequest) -> bool {
    // A caller that says nothing about it may not know it.
    if !request.headers().contains_key(header::ACCEPT_ENCODING) {
        return false;
    }
    let known = [Encoding::gzip(), Encoding::identity()];
    let accepted = AcceptEncoding::parse(request).ok();
    accepted.and_then(|it| it.negotiate(known.iter())) == Some(Encoding::gzip())
}

fn pack(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(content)?;
    packer.finish()
}
