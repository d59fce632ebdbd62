//! The client for browsers, as the router serves it: the suites of `dashboard/tests` in Node.js, and a
//! page in Chromium.

use std::{fs, io::Read as _};

use chrono::{TimeDelta, Utc};
use flate2::read::GzDecoder;
use reqwest::{Method, StatusCode, header};

use crate::support::{
    router::{Router, http},
    suite::{NODE, run_with},
};

/// Both paths, heads that come soon, and stops that clients come back from soon.
const PATHS: [(&str, &str); 3] = [
    ("flags.dual_mode", "true"),
    ("realtime.head_interval", "200ms"),
    ("server.reconnect_window", "300ms"),
];

fn with(settings: &[(&str, &str)]) -> Router {
    Router::with(&[&PATHS[..], settings].concat())
}

#[test]
fn it_follows_events_on_either_path_and_moves_between_them() {
    run_with(NODE, &["dashboard/tests/paths.mjs"], with(&[]));
}

#[test]
fn it_shows_its_token_and_comes_back_with_a_new_one() {
    let [reader, producer, brief] = ["reader", "producer", "brief"]
        .map(|name| format!("sbx_{name}_{}", "0123456789abcdef".repeat(2)));
    let until = (Utc::now() + TimeDelta::seconds(10)).to_rfc3339();
    let tokens =
        format!("reader read {reader}; producer ingest {producer}; brief read {brief} {until}");
    let router = with(&[("auth.mode", "token"), ("auth.tokens", &tokens)]);
    run_with(NODE, &["dashboard/tests/tokens.mjs", &reader, &producer, &brief], router);
}

#[tokio::test]
async fn it_is_served_as_it_was_built_packed_or_not_and_once() {
    let router = Router::start();
    let module = fs::read("dashboard/dist/client.js").expect("dashboard/build.sh makes it");
    let get = |name: &'static str, value: String| {
        http().get(router.url("/client.js")).header(name, value).send()
    };
    let plain = get("accept", "*/*".into()).await.unwrap();
    let text = |name: header::HeaderName| plain.headers()[name].to_str().unwrap();
    assert_eq!(text(header::CONTENT_TYPE), "text/javascript; charset=utf-8");
    assert_eq!(text(header::CACHE_CONTROL), "no-cache");
    assert_eq!(text(header::VARY), "Accept-Encoding");
    assert_eq!(text(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    let tag = text(header::ETAG).to_owned();
    assert!(plain.bytes().await.unwrap() == module, "the router was built before its client");

    let packed = get("accept-encoding", "br, gzip;q=0.5".into()).await.unwrap();
    assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
    let packed = packed.bytes().await.unwrap();
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == module && packed.len() < module.len());
    let refused = get("accept-encoding", "gzip;q=0".into()).await.unwrap();
    assert!(!refused.headers().contains_key(header::CONTENT_ENCODING));

    for tags in [tag.clone(), format!("\"x\", {tag}"), "*".to_owned()] {
        let known = get("if-none-match", tags.clone()).await.unwrap();
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{tags}");
        assert_eq!(known.headers()[header::ETAG].to_str().unwrap(), tag);
        assert!(known.bytes().await.unwrap().is_empty());
    }
    let other = get("if-none-match", "W/\"x\"".into()).await.unwrap();
    assert_eq!(other.status(), StatusCode::OK);
    let head = http().request(Method::HEAD, router.url("/client.js")).send().await.unwrap();
    assert_eq!(head.headers()[header::CONTENT_LENGTH], module.len().to_string().as_str());
}

#[tokio::test]
async fn pages_of_listed_origins_may_import_it_too() {
    let router = Router::with(&[("auth.cors_origins", "https://wall.example")]);
    let request = http().get(router.url("/client.js")).header("origin", "https://wall.example");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://wall.example");
}
