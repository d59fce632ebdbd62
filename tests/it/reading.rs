//! Events read back, and what the router tells of itself as JSON.

use serde_json::{Value, json};

use crate::support::{
    dashboard::Dashboard,
    router::{Router, event},
};

/// A router with 25 events: of the types `a_0` to `a_4` in turn, of the sources `x` and `y` in
/// turn, every tenth critical.
async fn router_with_25() -> Router {
    let router = Router::start();
    for n in 0..25 {
        let event = json!({
            "event_type": format!("a_{}", n % 5),
            "source": (if n % 2 == 0 { "x" } else { "y" }),
            "category": if n % 10 == 0 { "critical" } else { "system" },
            "data": { "n": n },
        });
        assert_eq!(router.post(&event).await.0, 202);
    }
    router
}

fn seqs(page: &Value) -> Vec<u64> {
    let events = page["events"].as_array().unwrap_or_else(|| panic!("{page}"));
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

/// Follows `next` to the end; all that was seen, and in how many pages.
async fn walk(router: &Router, direction: &str, start: u64, query: &str) -> (Vec<u64>, usize) {
    let (mut all, mut place, mut pages) = (Vec::new(), json!(start), 0);
    while let Some(next) = place.as_u64() {
        let page = router.get(&format!("/v1/events?{direction}={next}{query}")).await;
        all.extend(seqs(&page));
        place = page["next"].clone();
        pages += 1;
        assert!(pages <= 30, "it does not end");
    }
    (all, pages)
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end_in_both_directions() {
    let router = router_with_25().await;
    let up: Vec<u64> = (1..=25).collect();
    let down: Vec<u64> = (1..=25).rev().collect();
    for limit in [1, 2, 5, 7, 24, 25, 26, 1000] {
        let query = format!("&limit={limit}");
        let pages = 25_usize.div_ceil(limit);
        let (seen, count) = walk(&router, "after", 0, &query).await;
        assert_eq!(seen, up);
        assert!((pages..=pages + 1).contains(&count), "{count} pages of {limit}");
        assert_eq!(walk(&router, "before", 26, &query).await.0, down);
        assert_eq!(walk(&router, "before", 9_000_000_000, &query).await.0, down);
        // A wildcard is not for storage: pages are then filled up from several.
        let odd: Vec<u64> = up.iter().copied().filter(|seq| seq % 2 == 1).collect();
        let query = format!("&limit={limit}&source=x*&event_type=*_*");
        assert_eq!(walk(&router, "after", 0, &query).await.0, odd);
        let backwards: Vec<u64> = odd.iter().copied().rev().collect();
        assert_eq!(walk(&router, "before", 26, &query).await.0, backwards);
    }
    assert_eq!(walk(&router, "after", 20, "").await.0, [21, 22, 23, 24, 25]);
    assert_eq!(walk(&router, "after", 25, "").await, (vec![], 1));
    assert_eq!(walk(&router, "before", 3, "").await.0, [2, 1]);
    assert_eq!(walk(&router, "before", 1, "").await, (vec![], 1));
}

#[tokio::test]
async fn the_newest_come_first_and_a_hundred_at_a_time() {
    let router = Router::start();
    router.post(&json!(vec![event("a"); 250])).await;
    let page = router.get("/v1/events").await;
    assert_eq!(seqs(&page), (151..=250).rev().collect::<Vec<_>>());
    assert_eq!(page["next"], 151);
}

#[tokio::test]
async fn events_are_selected_by_all_that_is_said() {
    let router = router_with_25().await;
    for (query, expected) in [
        ("event_type=a_1", &[2, 7, 12, 17, 22][..]),
        ("event_type=a_1&event_type=a_3&source=x", &[7, 9, 17, 19]),
        ("event_type=*_1&source=y", &[2, 12, 22]),
        ("event_type=a*1&event_type=a_3&source=x", &[7, 9, 17, 19]),
        ("category=critical", &[1, 11, 21]),
        ("category=critical&category=system&source=y&event_type=a_1", &[2, 12, 22]),
        ("event_type=A_1", &[]),
        ("event_type=a_", &[]),
        ("event_type=a%5F1&source=y", &[2, 12, 22]),
    ] {
        let page = router.get(&format!("/v1/events?after=0&{query}")).await;
        assert_eq!((seqs(&page), &page["next"]), (expected.to_vec(), &json!(null)), "{query}");
    }
}

#[tokio::test]
async fn since_and_until_are_times_of_commits() {
    let router = router_with_25().await;
    let all = router.get("/v1/events?after=0").await["events"].clone();
    let created = |index: usize| all[index]["created_at"].as_str().unwrap();
    let between = |from: &str, to: &str| {
        let events = all.as_array().unwrap().iter();
        let within = events.filter(|e| (from..=to).contains(&e["created_at"].as_str().unwrap()));
        within.map(|event| event["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let (tenth, twentieth) = (created(9), created(19));
    for (query, expected) in [
        (format!("since={tenth}"), between(tenth, "9")),
        (format!("until={twentieth}"), between("0", twentieth)),
        (format!("since={tenth}&until={twentieth}"), between(tenth, twentieth)),
        (format!("since={twentieth}&until={tenth}"), vec![]),
        ("since=2001-01-01T00:00:00%2B14:00&until=2999-01-01T00:00:00Z".into(), (1..=25).collect()),
    ] {
        assert_eq!(
            seqs(&router.get(&format!("/v1/events?after=0&{query}")).await),
            expected,
            "{query}"
        );
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_name() {
    let router = Router::start();
    for (query, code) in [
        ("afterr=1", "unknown_parameter"),
        ("path=direct", "bad_parameter"),
        ("after=x", "bad_parameter"),
        ("after=-1", "bad_parameter"),
        ("after=99999999999999999999", "bad_parameter"),
        ("after=1&before=2", "bad_parameter"),
        ("limit=0", "bad_parameter"),
        ("limit=1001", "bad_parameter"),
        ("since=yesterday", "bad_parameter"),
        ("until=2025-01-01", "bad_parameter"),
        ("category=none", "bad_filter"),
    ] {
        let answer = router.ask("GET", &format!("/v1/events?{query}")).await;
        assert_eq!((answer.status, answer.problem()), (400, code), "{query}");
        let detail = answer.json["detail"].as_str().unwrap();
        let name = query.split('=').next().unwrap();
        assert!(detail.contains(name), "{query}: {detail}");
    }
    // The largest seq of every database.
    for place in
        ["after=9223372036854775807", "before=18446744073709551615", "after=18446744073709551615"]
    {
        let page = router.get(&format!("/v1/events?{place}")).await;
        assert_eq!(page, json!({ "events": [], "next": null }), "{place}");
    }
}

#[tokio::test]
async fn one_event_is_found_by_its_id() {
    let router = Router::start();
    router.publish("a").await;
    let event = router.get("/v1/events").await["events"][0].clone();
    let id = event["id"].as_str().unwrap();
    assert_eq!(router.get(&format!("/v1/events/{id}")).await, event);
    assert_eq!(router.get(&format!("/v1/events/{}", id.to_uppercase())).await, event);
    let none = router.ask("GET", "/v1/events/00000000-0000-4000-8000-000000000000").await;
    assert_eq!((none.status, none.problem()), (404, "not_found"));
    for bad in ["7", "00000000-0000-4000-8000-00000000000x", "%00", "%F0%9F%98%80"] {
        let answer = router.ask("GET", &format!("/v1/events/{bad}")).await;
        assert_eq!((answer.status, answer.problem()), (400, "bad_id"), "{bad}");
    }
}

#[tokio::test]
async fn the_ledger_and_the_statistics_tell_what_happened() {
    let router = Router::start();
    let empty = router.get("/v1/stats").await;
    assert_eq!(empty["journal"]["head_seq"], 0);
    assert_eq!(empty["journal"]["last_created_at"], json!(null));

    let mut all = Dashboard::subscribed(&router, json!({})).await;
    let mut some =
        Dashboard::subscribed(&router, json!({ "filter": { "event_type": ["a"] } })).await;
    let idle = Dashboard::connect(&router).await;
    router.post(&json!([event("a"), event("b"), event("a")])).await;
    assert_eq!(all.seqs(3).await, [1, 2, 3]);
    assert_eq!(some.seqs(2).await, [1, 3]);

    let ledger = router.get("/v1/ledger").await;
    let direct =
        json!({ "matched": 5, "delivered": 5, "dropped": {}, "pending": 0, "imbalance": 0 });
    assert_eq!(ledger, json!({ "balances": true, "direct": direct, "realtime": null }));
    let stats = router.get("/v1/stats").await;
    let journal = &stats["journal"];
    let newest = router.get("/v1/events?limit=1").await["events"][0].clone();
    assert_eq!(journal["last_created_at"], newest["created_at"]);
    assert_eq!((&journal["head_seq"], &journal["first_seq"]), (&json!(3), &json!(1)));
    assert_eq!((&journal["state"], &journal["queue_events"]), (&json!("ready"), &json!(0)));
    assert!(journal["storage"].as_str().unwrap().starts_with("SQLite "), "{journal}");
    assert_eq!((&stats["tail"]["first_seq"], &stats["tail"]["events"]), (&json!(1), &json!(3)));
    let sessions = &stats["sessions"];
    assert_eq!((&sessions["connected"], &sessions["subscribed"]), (&json!(3), &json!(2)));
    assert_eq!(sessions["largest_lag"], 0);
    assert_eq!(stats["ledger"], json!({ "direct": direct, "realtime": null }));
    assert_eq!(stats["version"], env!("CARGO_PKG_VERSION"));

    // What a new subscription matches again is counted again, and balanced again.
    all.subscribe(json!({ "from": { "last": 2 } })).await;
    assert_eq!(all.seqs(2).await, [2, 3]);
    drop(idle);
    let ledger = router.get("/v1/ledger").await;
    assert_eq!((&ledger["balances"], &ledger["direct"]["delivered"]), (&json!(true), &json!(7)));
}
