//! Traces, as a collector gets them from a real router; and that a router does not need one.

use std::{collections::BTreeSet, fs, net::TcpListener};

use futures_util::future::join_all;
use opentelemetry_proto::tonic::trace::v1::{Span, Status, span::SpanKind, status::StatusCode};
use serde_json::json;

use crate::support::{
    collector::{Collector, attributes},
    dashboard::Dashboard,
    router::{Answer, Router, event, http, until},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A router that sends its traces to a collector.
fn traced(collector: &Collector, variables: &[&str], settings: &[(&str, &str)]) -> Router {
    traced_to(&collector.endpoint(), variables, settings)
}

fn traced_to(endpoint: &str, variables: &[&str], settings: &[(&str, &str)]) -> Router {
    Router::under(&[&["env", endpoint], variables].concat(), settings)
}

/// Posts one event from within a trace.
async fn post_from(router: &Router, traceparent: &str) -> Answer {
    let request = http().post(router.url("/v1/events")).header("traceparent", traceparent);
    Answer::of(request.json(&event("a")).send().await.unwrap()).await
}

fn caller(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

fn links(span: &Span) -> Vec<String> {
    span.links.iter().map(|link| hex::encode(&link.span_id)).collect()
}

fn id(span: &Span) -> String {
    hex::encode(&span.span_id)
}

fn attribute(span: &Span, name: &str) -> String {
    let attributes = attributes(&span.attributes);
    attributes.get(name).unwrap_or_else(|| panic!("{name}: {attributes:?}")).clone()
}

fn status(span: &Span) -> StatusCode {
    span.status.as_ref().map_or(StatusCode::Unset, Status::code)
}

/// The only one of that name.
fn only(collector: &Collector, name: &str) -> Span {
    let [span]: [Span; 1] = collector.named(name).try_into().unwrap();
    span
}

#[tokio::test]
async fn an_event_is_followed_from_its_caller_to_the_socket() {
    let collector = Collector::start();
    let mut router = traced(&collector, &[], &[("server.workers", "1")]);
    let mut dashboard = Dashboard::subscribed(&router, json!({})).await;
    assert_eq!(post_from(&router, &caller("01")).await.status, 202);
    dashboard.seqs(1).await;
    router.terminate();

    let request = only(&collector, "POST /v1/events");
    assert_eq!(hex::encode(&request.trace_id), TRACE);
    assert_eq!(hex::encode(&request.parent_span_id), CALLER);
    assert_eq!((request.kind(), status(&request)), (SpanKind::Server, StatusCode::Unset));
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v1/events"),
        ("http.response.status_code", "202"),
    ] {
        assert_eq!(attribute(&request, name), value);
    }
    let commit = only(&collector, "journal commit");
    let delivery = only(&collector, "session delivery");
    for (span, parent) in [(&commit, &request), (&delivery, &commit)] {
        assert_eq!(hex::encode(&span.trace_id), TRACE, "{}", span.name);
        assert_eq!(span.parent_span_id, parent.span_id, "{}", span.name);
        assert_eq!(links(span), [id(parent)], "{}", span.name);
        for name in ["signalbox.events", "signalbox.first_seq", "signalbox.last_seq"] {
            assert_eq!(attribute(span, name), "1", "{} {name}", span.name);
        }
    }
    assert_eq!(attribute(&commit, "signalbox.outcome"), "committed");
    assert_eq!(attribute(&delivery, "signalbox.sessions"), "1");
    assert_eq!(attribute(&only(&collector, "GET /v1/ws"), "http.response.status_code"), "101");
}

#[tokio::test]
async fn a_commit_of_many_requests_is_linked_to_each_of_them() {
    let collector = Collector::start();
    let mut router = traced(&collector, &[], &[("server.workers", "1")]);
    let mut dashboard = Dashboard::subscribed(&router, json!({})).await;
    let posts = (0..40).map(|_| router.publish("a"));
    join_all(posts).await;
    dashboard.seqs(40).await;
    router.terminate();

    let ids = |spans: &[Span]| spans.iter().map(id).collect::<BTreeSet<_>>();
    let linked = |spans: &[Span]| spans.iter().flat_map(links).collect::<Vec<_>>();
    let requests = collector.named("POST /v1/events");
    let commits = collector.named("journal commit");
    let deliveries = collector.named("session delivery");
    assert_eq!((requests.len(), linked(&commits).len()), (40, 40), "each request once");
    assert_eq!(linked(&commits).into_iter().collect::<BTreeSet<_>>(), ids(&requests));
    assert_eq!(linked(&deliveries).into_iter().collect::<BTreeSet<_>>(), ids(&commits));
    for spans in [&commits, &deliveries] {
        let events = spans.iter().map(|span| attribute(span, "signalbox.events"));
        assert_eq!(events.map(|n| n.parse::<usize>().unwrap()).sum::<usize>(), 40);
    }
    assert!(commits.len() < 40, "none of the commits had several requests");
}

#[tokio::test]
async fn the_standard_variables_say_who_speaks_and_to_whom() {
    let collector = Collector::start();
    let endpoint =
        format!("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://{}/custom", collector.address);
    let variables = [
        "OTEL_SERVICE_NAME=line-7",
        "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test,service.version=9",
        "OTEL_EXPORTER_OTLP_HEADERS=x-tenant=planted",
        // A collector on this machine is not reached through somebody else's.
        "HTTP_PROXY=http://127.0.0.1:9",
        "http_proxy=http://127.0.0.1:9",
    ];
    let mut router = traced_to(&endpoint, &variables, &[]);
    router.publish("a").await;
    router.terminate();
    let resource = collector.resource();
    for (name, value) in [
        ("service.name", "line-7"),
        ("service.version", "9"),
        ("deployment.environment.name", "test"),
        ("telemetry.sdk.language", "rust"),
    ] {
        assert_eq!(resource.get(name).map(String::as_str), Some(value), "{resource:?}");
    }
    let head = &collector.taken()[0].head;
    assert!(head.starts_with("post /custom http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nx-tenant: planted\r\n"), "{head}");
    assert!(!router.log().contains("planted"));
}

#[tokio::test]
async fn the_name_is_our_own_unless_somebody_says_otherwise() {
    let collector = Collector::start();
    let mut router = traced(&collector, &["OTEL_SERVICE_NAME="], &[]);
    router.ask("GET", "/livez").await;
    router.terminate();
    let resource = collector.resource();
    assert_eq!(resource["service.name"], "signalbox");
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn a_caller_that_is_not_recorded_makes_nothing_recorded() {
    let collector = Collector::start();
    let mut router = traced(&collector, &[], &[]);
    assert_eq!(post_from(&router, &caller("00")).await.status, 202);
    // What is not valid begins a trace of its own.
    assert_eq!(post_from(&router, "00-0-0-00").await.status, 202);
    router.terminate();
    let request = only(&collector, "POST /v1/events");
    assert!(request.parent_span_id.is_empty());
    assert_ne!(hex::encode(&request.trace_id), TRACE);
    assert_eq!(links(&only(&collector, "journal commit")), [id(&request)]);

    let collector = Collector::start();
    let mut router = traced(&collector, &["OTEL_TRACES_SAMPLER=always_off"], &[]);
    assert_eq!(post_from(&router, &caller("01")).await.status, 202);
    router.terminate();
    assert!(collector.taken().is_empty());
}

#[tokio::test]
async fn spans_hold_nothing_that_an_event_a_header_or_a_path_says() {
    let collector = Collector::start();
    let mut router = traced(&collector, &[], &[]);
    let event = json!({
        "event_type": "planted_type", "source": "planted_source", "data": { "x": "planted_data" },
        "metadata": { "x": "planted_metadata" },
    });
    let request = http().post(router.url("/v1/events?planted_query=1"));
    request.header("authorization", "Bearer planted_token").json(&event).send().await.unwrap();
    let (status, _) = router.post(&event).await;
    assert_eq!(status, 202);
    router.ask("GET", "/v1/events/planted_id").await;
    router.ask("PLANTED", "/planted_path").await;
    router.ask("GET", "/planted_path").await;
    router.terminate();
    let names: BTreeSet<_> = collector.spans().into_iter().map(|span| span.name).collect();
    for name in ["POST /v1/events", "GET /v1/events/{id}", "HTTP", "GET", "journal commit"] {
        assert!(names.contains(name), "{name}: {names:?}");
    }
    for taken in collector.taken() {
        let body = String::from_utf8_lossy(&taken.body).to_lowercase();
        assert!(!body.contains("planted"), "{body}");
    }
}

/// The threads of a router that send spans.
fn sending_threads(router: &Router) -> usize {
    let tasks = fs::read_dir(format!("/proc/{}/task", router.pid())).unwrap();
    // Threads come and go meanwhile.
    let names = tasks.flatten().map(|task| fs::read_to_string(task.path().join("comm")));
    names.flatten().filter(|name| name == "traces\n").count()
}

#[tokio::test]
async fn nobody_who_did_not_ask_gets_traces() {
    let collector = Collector::start();
    for (variable, threads) in [
        (collector.endpoint(), 1),
        ("OTEL_SERVICE_NAME=x".to_owned(), 0),
        ("OTEL_SDK_DISABLED=true".to_owned(), 0),
        ("OTEL_EXPORTER_OTLP_PROTOCOL=grpc".to_owned(), 0),
    ] {
        let endpoint = collector.endpoint();
        let mut words = vec!["env", &*variable];
        if variable.contains("DISABLED") || variable.contains("PROTOCOL") {
            words.push(&endpoint);
        }
        let router = Router::under(&words, &[]);
        // A thread has its name a moment after it is there.
        until(|| async { (sending_threads(&router) == threads).then_some(()) }).await;
        let told = router.log().contains("there are no traces, although");
        assert_eq!(told, variable.contains("PROTOCOL"), "{}", router.log());
    }
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_told_without_its_password() {
    let router = traced_to("OTEL_EXPORTER_OTLP_ENDPOINT=http://me:planted@[", &[], &[]);
    router.publish("a").await;
    assert!(router.log().contains("an endpoint is a URL"), "{}", router.log());
    assert!(!router.log().contains("planted"), "{}", router.log());
}

#[tokio::test]
async fn a_router_does_not_need_its_collector() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [free, silent.local_addr().unwrap()] {
        let endpoint = format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{address}");
        let mut router = traced_to(&endpoint, &["OTEL_EXPORTER_OTLP_TIMEOUT=100"], &[]);
        router.publish("a").await;
        let failed = || async {
            let text = router.ask("GET", "/metrics").await.text;
            text.contains("trace_spans_dropped_total{reason=\"export_failed\"}").then_some(())
        };
        until(failed).await;
        router.publish("b").await;
        assert!(router.terminate().success());
        let told = router.log().matches("spans do not reach the collector").count();
        assert_eq!(told, 1, "{}", router.log());
    }
}

#[tokio::test]
async fn a_collector_that_never_answers_does_not_keep_a_router_from_ending() {
    // Connections are accepted by the kernel, and nobody ever reads them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{}", silent.local_addr().unwrap());
    let patient = "OTEL_EXPORTER_OTLP_TIMEOUT=3600000";
    let mut router = traced_to(&endpoint, &[patient], &[]);
    router.publish("a").await;
    router.signal("TERM");
    assert!(router.wait_patiently().await.success());
    assert!(router.log().contains("did not take the last spans in time"), "{}", router.log());
}

#[tokio::test]
async fn an_event_keeps_where_in_a_trace_it_was_made() {
    let router = Router::start();
    assert_eq!(post_from(&router, &caller("01")).await.status, 202);
    assert_eq!(post_from(&router, &caller("0")).await.status, 202);
    let events = router.get("/v1/events?after=0").await;
    let kept = |n: usize| events["events"][n]["metadata"]["traceparent"].clone();
    assert_eq!((kept(0), kept(1)), (json!(caller("01")), json!(null)));

    // The same event again, from elsewhere, is the same event.
    let event = events["events"][0].clone();
    let request = http().post(router.url("/v1/events")).header("traceparent", caller("00"));
    let again = Answer::of(request.json(&event).send().await.unwrap()).await;
    assert_eq!((&again.json["duplicate"], &again.json["differs"]), (&json!(true), &json!(null)));
}
