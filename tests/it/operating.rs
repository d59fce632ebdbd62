//! What an operator relies on: health, metrics, routes, logs, and an orderly end.

mod exposition;
mod metrics;
mod shutdown;

use serde_json::Value;
use signalbox::http::routes::ROUTES;

use crate::support::{
    dashboard::Dashboard,
    router::{Router, http},
};

#[tokio::test]
async fn every_route_is_served_and_says_which_methods_it_takes() {
    let router = Router::start();
    let mut paths: Vec<_> = ROUTES.iter().map(|route| route.path).collect();
    paths.dedup();
    for path in paths {
        let methods: Vec<_> =
            ROUTES.iter().filter(|route| route.path == path).map(|route| route.method).collect();
        let mut allowed = methods.clone();
        if methods.contains(&"GET") {
            allowed.push("HEAD");
        }
        allowed.sort_unstable();
        let concrete = path.replace("{id}", "00000000-0000-4000-8000-000000000000");
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            let answer = router.ask(method, &concrete).await;
            if allowed.contains(&method) {
                assert_ne!(answer.status, 405, "{method} {path}");
                if answer.status == 404 {
                    // There is no such thing, or nothing to delete.
                    assert!(path.contains('{') || method == "DELETE", "{method} {path}");
                    assert!(answer.header("allow").is_empty(), "{method} {path}");
                }
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {path}");
            if method != "HEAD" {
                assert_eq!(answer.problem(), "method_not_allowed");
            }
            let mut allow: Vec<_> = answer.header("allow").split(", ").collect();
            allow.sort_unstable();
            assert_eq!(allow, allowed, "{method} {path}");
        }
        let index = router.ask("GET", "/").await.text;
        assert!(index.contains(path), "{index}");
    }
}

#[tokio::test]
async fn elsewhere_is_nothing() {
    let router = Router::start();
    for path in
        ["/v1", "/v1/", "/v1/events/", "/v1/event", "/livez/x", "//", "/v2/events", "/%2e%2e/x"]
    {
        for method in ["GET", "POST"] {
            let answer = router.ask(method, path).await;
            assert_eq!((answer.status, answer.problem()), (404, "not_found"), "{path}");
        }
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let router = Router::start();
    router.publish("a").await;
    for path in ["/livez", "/readyz", "/v1/events", "/v1/stats", "/"] {
        let (head, get) = (router.ask("HEAD", path).await, router.ask("GET", path).await);
        assert_eq!((head.status, &*head.text), (get.status, ""), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
}

#[tokio::test]
async fn a_router_in_order_is_alive_and_ready() {
    let router = Router::start();
    for (path, text) in [("/livez", "ok\n"), ("/readyz", "ready\n")] {
        let answer = router.ask("GET", path).await;
        assert_eq!((answer.status, &*answer.text), (200, text));
    }
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    let router = Router::start();
    let client = http();
    for path in ["/livez", "/nothing", "/v1/events?limit=0", "/livez"] {
        let answer = client.get(router.url(path)).send().await.unwrap();
        assert!(!answer.headers().contains_key("connection"), "{answer:?}");
        answer.bytes().await.unwrap();
    }
}

#[tokio::test]
async fn log_lines_are_json_when_nobody_is_at_a_terminal() {
    let mut router = Router::with(&[("telemetry.log", "debug")]);
    router.publish("a").await;
    router.ask("GET", "/nothing").await;
    router.terminate();
    let log = router.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
        .collect();
    for line in &lines {
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field}: {line}");
        }
        assert!(["DEBUG", "INFO"].contains(&line["level"].as_str().unwrap()), "{line}");
    }
    let said = |text: &str| lines.iter().any(|l| l["message"].as_str().unwrap().contains(text));
    assert!(said("listening on http://127.0.0.1:") && said("shutting down") && said("stopped"));
}

#[tokio::test]
async fn a_limit_on_descriptors_that_may_be_raised_is_raised() {
    let low = ["sh", "-c", "ulimit -Sn 64; exec \"$0\" \"$@\""];
    let router = Router::under(&low, &[]);
    let mut dashboards = Vec::new();
    for _ in 0..100 {
        dashboards.push(Dashboard::connect(&router).await);
    }
    // The database has some left to open.
    assert_eq!(router.publish("a").await, 1);
    assert_eq!(router.get("/v1/events").await["events"][0]["seq"], 1);
}
