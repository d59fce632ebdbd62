//! The database goes away, fills up, forgets or is somebody else's: producers are told the truth,
//! who watches stays, and everything heals by itself.

mod disk;
mod lost_answers;
pub(crate) mod postgres;
mod restored;
mod retention;
mod takeover;

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

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

/// Starts a router that must end by itself; its exit code, and what it said.
fn refused(mut start: Command) -> (Option<i32>, String) {
    let mut child = start.stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Waits until the router says that its journal is in this state.
pub(crate) async fn await_state(router: &Router, state: &str) {
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
