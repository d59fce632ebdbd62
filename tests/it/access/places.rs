//! From where the router may be called: hosts, origins, and what browsers ask before.

use super::{WALL, bearer, router, shake};
use crate::support::router::{Answer, Router, http};

async fn get(router: &Router, headers: &[(&str, &str)]) -> Answer {
    request(router, "GET", "/v1/stats", headers).await
}

async fn request(router: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = http().request(method.parse().unwrap(), router.url(path));
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Answer::of(request.send().await.unwrap()).await
}

async fn preflight(router: &Router, path: &str, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    request(router, "OPTIONS", path, &headers).await
}

const PAGE: &str = "https://wall.example.org";

#[tokio::test]
async fn with_tokens_the_router_listens_anywhere_and_answers_to_any_name() {
    let router = router(&[("server.bind", "0.0.0.0:0")]);
    let token = format!("Bearer {WALL}");
    for host in ["signalbox.example.org", "10.0.0.7:8080"] {
        let answer = get(&router, &[("host", host), ("authorization", &token)]).await;
        assert_eq!(answer.status, 200, "{host}");
        let origin = format!("https://{host}");
        let own = [("host", host), ("authorization", &*token), ("origin", &*origin)];
        assert_eq!(get(&router, &own).await.status, 200, "its own pages, behind TLS");
    }
}

#[tokio::test]
async fn hosts_that_are_listed_are_the_only_ones_besides_this_machine() {
    let router = router(&[("server.hosts", "a.example.org, b.example.org:80")]);
    let token = format!("Bearer {WALL}");
    for (host, status) in [
        ("a.example.org", 200),
        ("A.example.org:8080", 200),
        ("b.example.org:80", 200),
        ("b.example.org:81", 421),
        ("c.example.org", 421),
        ("localhost", 200),
    ] {
        let answer = get(&router, &[("host", host), ("authorization", &token)]).await;
        assert_eq!(answer.status, status, "{host}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_and_so_is_what_browsers_ask_for_them() {
    for router in [Router::start(), router(&[])] {
        let token = format!("Bearer {WALL}");
        let answer = get(&router, &[("origin", PAGE), ("authorization", &token)]).await;
        assert_eq!((answer.status, answer.problem()), (403, "origin_not_allowed"));
        let answer = preflight(&router, "/v1/events", PAGE).await;
        assert_eq!((answer.status, answer.problem()), (403, "origin_not_allowed"));
        let mut names = answer.headers.keys().map(reqwest::header::HeaderName::as_str);
        assert!(names.all(|name| !name.starts_with("access-control")));
        let origin = format!("{}Origin: {PAGE}\r\n", bearer(WALL));
        assert_eq!(shake(&router, "/v1/ws", &origin).await.0, 403);
    }
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask_without_credentials_and_read_the_answers() {
    let router = router(&[("auth.cors_origins", PAGE)]);
    let answer = preflight(&router, "/v1/events", PAGE).await;
    assert_eq!((answer.status, &*answer.text), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), PAGE);
    assert_eq!(answer.header("access-control-allow-methods"), "POST, GET");
    assert_eq!(answer.header("access-control-allow-headers"), "authorization,content-type");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert_eq!(answer.header("vary"), "Origin");

    let token = format!("Bearer {WALL}");
    for (authorization, status) in [(&*token, 200), ("Bearer x", 401)] {
        let answer = get(&router, &[("origin", PAGE), ("authorization", authorization)]).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), PAGE, "the error may be read too");
        let exposed = answer.header("access-control-expose-headers");
        for header in ["RateLimit", "RateLimit-Policy", "Retry-After", "Location"] {
            assert!(exposed.split(", ").any(|name| name == header), "{exposed}");
        }
    }
    let answer = get(&router, &[("authorization", &token)]).await;
    assert_eq!(
        (answer.header("vary"), answer.header("access-control-allow-origin")),
        ("Origin", "")
    );
    for origin in ["https://wall.example.org:444", "http://wall.example.org", "null"] {
        assert_eq!(preflight(&router, "/v1/events", origin).await.status, 403, "{origin}");
    }
    let origin = format!("{}Origin: {PAGE}\r\n", bearer(WALL));
    assert_eq!(shake(&router, "/v1/ws", &origin).await.0, 101);
}

#[tokio::test]
async fn an_options_request_that_is_no_preflight_is_an_ordinary_one() {
    let router = router(&[("auth.cors_origins", PAGE)]);
    let answer = request(&router, "OPTIONS", "/v1/events", &[("origin", PAGE)]).await;
    assert_eq!((answer.status, answer.problem()), (405, "method_not_allowed"));
}
