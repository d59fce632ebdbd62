//! What browsers get from the router: `/client.js`, the module that follows events on either path.
//!
//! It is made by `dashboard/build.sh` and put into the binary as that is built. A router that was built
//! without it answers with a module that says so.

use std::{fmt::Write as _, io::Write as _, sync::LazyLock};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{
        self, AcceptEncoding, ContentEncoding, ETag, Encoding, EntityTag, Header as _, IfNoneMatch,
    },
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

static CLIENT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new(include_bytes!(concat!(env!("OUT_DIR"), "/client.js"))));

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
    whole: Bytes,
    packed: Bytes,
    /// Weak, since both have it.
    tag: EntityTag,
}

impl Asset {
    fn new(content: &'static [u8]) -> Self {
        let mut tag = String::new();
        for byte in Sha256::digest(content).iter().take(16) {
            // Nothing is refused by a text.
            _ = write!(tag, "{byte:02x}");
        }
        let whole = Bytes::from_static(content);
        let packed = pack(content).map_or_else(|_| Bytes::new(), Bytes::from);
        Self { whole, packed, tag: EntityTag::new_weak(tag) }
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
            // It may be another one tomorrow, at the same address.
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header((header::VARY, "Accept-Encoding"));
        if is_known {
            return response.finish();
        }
        response
            .content_type("text/javascript; charset=utf-8")
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        if self.packed.is_empty() || !takes_gzip(request) {
            return response.body(self.whole.clone());
        }
        response.insert_header(ContentEncoding::Gzip).body(self.packed.clone())
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
