//! One database, two routers: the second waits, and takes over when the first is gone.

use super::refused;
use crate::support::{load::Load, postgres, router::Router};

#[tokio::test]
async fn a_second_router_is_refused_and_takes_over_on_sqlite() {
    let folder = tempfile::TempDir::new().unwrap();
    taken_over(&format!("sqlite:{}/journal.db", folder.path().display())).await;
}

#[tokio::test]
async fn a_second_router_is_refused_and_takes_over_on_postgres() {
    taken_over(&postgres::database()).await;
}

async fn taken_over(url: &str) {
    let mut first = Router::with(&[("storage.url", url)]);
    let load = Load::start(first.address);
    let mut second = first.command();
    second.env("SIGNALBOX__SERVER__BIND", "127.0.0.1:0");
    let (code, said) = refused(second);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another router is writing"), "{said}");
    load.wait_for(1);
    let epoch = load.check().await;

    let url = url.to_owned();
    let starting = std::thread::spawn(move || Router::with(&[("storage.url", &url)]));
    load.wait_for(50);
    first.kill();
    let second = starting.join().unwrap();
    let page = second.get("/v1/events?limit=1").await;
    assert_eq!(page["events"][0]["epoch"], epoch.to_string());
    let head = second.publish("other").await;
    assert!(head > load.accepted() as u64, "behind everything that was accepted");
}
