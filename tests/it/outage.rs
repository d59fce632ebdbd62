//! The database goes away, fills up, forgets or is somebody else's: producers are told the truth,
//! who watches stays, and everything heals by itself.

mod disk;
mod lost_answers;
mod postgres;
mod restored;
mod retention;
mod takeover;

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{
    dashboard::Dashboard,
    load::Load,
    router::{PATIENCE, Router},
};

/// Every dashboard is still on its first connection.
fn assert_stayed(load: &Load, dashboards: usize) {
    for dashboard in 0..dashboards {
        assert_eq!(load.seen(dashboard).connections, 1, "dashboard {dashboard} was cut off");
    }
}

/// Asks a session for a sign of life.
async fn assert_alive(dashboard: &mut Dashboard) {
    dashboard.say(&json!({ "type": "ping" })).await;
    while dashboard.next().await["type"] != "pong" {}
}

/// Waits until the router says that its journal is in this state.
async fn await_state(router: &Router, state: &str) {
    let began = Instant::now();
    loop {
        let journal = router.get("/v1/stats").await["journal"].take();
        if journal["state"] == state {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not {state}: {journal}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
