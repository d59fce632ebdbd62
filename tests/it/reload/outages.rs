//! The database goes away while a flag turns the realtime path on: the change is made or refused, never
//! half of it, and the answer says which.

use std::fs;

use serde_json::{Value, json};
use tokio_postgres::Client;

use super::{
    file,
    paths::{listen, routed},
    settings, value,
};
use crate::{
    outage::{
        await_state,
        postgres::{await_waiting, connect},
    },
    support::{
        channel::Socket,
        load::Load,
        postgres::{Cluster, database},
        proxy::{Cut, Mode, Proxy},
        router::{Answer, Router, event, http, until},
    },
};

/// What happens to the database, at a request that finds it well.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    /// The wire is cut at a commit: so many come before it.
    Cut(Cut),
    /// Nothing is carried any more, and then the wire breaks.
    Hang,
    /// It is stopped, as by a crash.
    Stop,
}

const TROUBLES: [Trouble; 4] =
    [Trouble::Cut(Cut::BeforeCommit), Trouble::Cut(Cut::AfterCommit), Trouble::Hang, Trouble::Stop];

struct Scene {
    cluster: Cluster,
    wire: Proxy,
    router: Router,
    /// Who looks into the database, not by the wire.
    url: String,
}

impl Scene {
    fn start() -> Self {
        let cluster = Cluster::start();
        let url = cluster.url("events");
        let (server, database) = url.rsplit_once('/').unwrap();
        let wire = Proxy::start(server.rsplit_once('@').unwrap().1.parse().unwrap());
        let by_wire = format!("postgres://postgres@{}/{database}", wire.address);
        let soon = [
            ("storage.url", &*by_wire),
            ("realtime.topic_events", "100000"),
            ("realtime.head_interval", "1h"),
            ("journal.answer_timeout", "1s"),
            ("journal.recovery_timeout", "300ms"),
        ];
        let router = Router::with(&soon);
        Self { cluster, wire, router, url }
    }

    async fn set(&self, on: bool) -> Answer {
        let body = json!({ "value": on, "reason": "a try" });
        let request = http().put(self.router.url("/v1/flags/dual_mode")).json(&body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// The same with the database in trouble, which is over when there is an answer.
    async fn set_in(&self, trouble: Trouble) -> Answer {
        let taken_back = self.taken_back().await;
        let answer = match trouble {
            Trouble::Cut(cut) => {
                self.wire.cut(cut);
                self.set(true).await
            }
            Trouble::Hang => {
                self.wire.set(Mode::Hang);
                let answer = self.set(true).await;
                self.wire.set(Mode::Refuse);
                self.wire.set(Mode::Carry);
                answer
            }
            Trouble::Stop => {
                self.cluster.stop_immediate();
                let answer = self.set(true).await;
                self.cluster.start_again();
                answer
            }
        };
        if answer.status == 503 && answer.problem() == "outcome_unknown" {
            let is_taken_back = async || (self.taken_back().await == taken_back + 1).then_some(());
            until(is_taken_back).await;
        }
        answer
    }

    /// How often it was taken back that may have been stored.
    async fn taken_back(&self) -> usize {
        let page = until(async || {
            let page = self.router.get("/v1/audit?action=override.taken_back").await;
            page["entries"].as_array().cloned()
        });
        page.await.len()
    }

    async fn is_on(&self) -> bool {
        value(&settings(&self.router).await, "flags.dual_mode") == true
    }

    /// What the database holds of it.
    async fn stored(&self, database: &Client) -> Option<Value> {
        let sql =
            "SELECT value::text FROM monitoring.flag_overrides WHERE name = 'flags.dual_mode'";
        let row = database.query_opt(sql, &[]).await.unwrap()?;
        Some(serde_json::from_str(row.get(0)).unwrap())
    }

    /// An answer must be what is so, and what is so must be what is stored, soon.
    async fn is_what_it_says(&self, trouble: Trouble, answer: &Answer) {
        let on = self.is_on().await;
        assert_eq!(answer.status == 200, on, "{trouble:?}: {answer:?}");
        if !on {
            let codes = ["storage_unavailable", "outcome_unknown", "not_ready"];
            assert!(codes.contains(&answer.problem()), "{trouble:?}: {answer:?}");
        }
        // What the next start finds is what was said.
        let database = connect(&self.url).await;
        let is_right = async || {
            let is_stored = self.stored(&database).await == Some(json!(true));
            (is_stored == on).then_some(())
        };
        until(is_right).await;
    }

    /// How an event is delivered, once one can be stored.
    async fn mode(&self) -> Option<String> {
        let (status, posted) = self.router.post(&event("a")).await;
        let id = posted["id"].as_str().filter(|_| status == 202)?;
        let event = self.router.get(&format!("/v1/events/{id}")).await;
        event["metadata"]["broadcast_mode"].as_str().map(str::to_owned)
    }

    /// Sets it, however often that takes.
    async fn until_set(&self, on: bool) {
        until(async || (self.set(on).await.status == 200).then_some(())).await;
    }
}

/// In the quiet: it is the change that meets with it, first where the path begins for the first time.
#[tokio::test]
async fn turning_the_path_on_while_the_database_fails_is_done_or_refused() {
    for trouble in TROUBLES {
        let mut scene = Scene::start();
        // At first the place where it begins is stored, and then only what is set.
        for _ in 0..2 {
            let answer = scene.set_in(trouble).await;
            scene.is_what_it_says(trouble, &answer).await;
            let on = scene.is_on().await;
            let mode = until(async || scene.mode().await).await;
            assert_eq!(mode, if on { "dual" } else { "direct" }, "{trouble:?}");
            scene.router.kill();
            scene.router.restart();
            assert_eq!(scene.is_on().await, on, "{trouble:?}: what was said outlives a restart");
            scene.until_set(true).await;
            let mut socket = Socket::connect(&scene.router).await;
            socket.join("monitoring", json!({})).await;
            let (heard, listening) = listen(socket);
            let seq = scene.router.publish("after").await;
            let is_heard = async || {
                let heard = heard.lock().unwrap();
                (heard.last()?["seq"] == seq).then_some(())
            };
            until(is_heard).await;
            listening.abort();
            scene.until_set(false).await;
        }
    }
}

/// Under load: nothing that was taken is lost or doubled on either path, whatever the answer was.
#[tokio::test]
async fn under_load_nothing_is_lost_or_doubled_and_delivery_goes_on() {
    let scene = Scene::start();
    let mut socket = Socket::connect(&scene.router).await;
    socket.join("monitoring", json!({})).await;
    let (heard, listening) = listen(socket);
    let load = Load::start(scene.router.address);
    load.wait_for(20);
    for trouble in TROUBLES {
        let answer = scene.set_in(trouble).await;
        scene.is_what_it_says(trouble, &answer).await;
        scene.until_set(true).await;
        load.wait_for(50);
        scene.until_set(false).await;
        load.wait_for(20);
    }
    scene.until_set(true).await;
    load.wait_for(50);
    load.finish().await;
    let expected = routed(&scene.router).await;
    assert!(expected.len() > 200, "{}", expected.len());
    until(async || (heard.lock().unwrap().len() >= expected.len()).then_some(())).await;
    let heard: Vec<_> = heard.lock().unwrap().iter().map(|it| it["id"].clone()).collect();
    assert_eq!(heard, expected, "each once and in order");
    assert!(!listening.is_finished(), "it was never cut");
    listening.abort();
}

/// Who asked is gone by the time that it is stored: it is in force all the same.
#[tokio::test]
async fn a_client_that_goes_away_leaves_no_half_of_a_change() {
    let url = database();
    let router = Router::with(&[("storage.url", &url)]);
    let mut admin = connect(&url).await;
    let holding = admin.transaction().await.unwrap();
    holding.batch_execute("LOCK TABLE monitoring.flag_overrides IN EXCLUSIVE MODE").await.unwrap();
    let request = http().put(router.url("/v1/flags/dual_mode")).body(r#"{"value":true}"#).send();
    let asking = tokio::spawn(request);
    await_waiting(&url).await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    // The router has seen that nobody is there any more when it has served somebody after that.
    router.ask("GET", "/livez").await;
    holding.rollback().await.unwrap();
    until(async || (value(&settings(&router).await, "flags.dual_mode") == true).then_some(()))
        .await;
}

/// What cannot be followed now is tried again by itself, and nobody has to touch the file.
#[tokio::test]
async fn a_file_that_cannot_be_followed_now_is_tried_again() {
    let scene = Scene::start();
    scene.cluster.stop_immediate();
    await_state(&scene.router, "down").await;
    fs::write(file(&scene.router), "[flags]\ndual_mode = true\n").unwrap();
    until(async || {
        let last = settings(&scene.router).await["last_reload"].take();
        (last["outcome"] == "refused").then_some(())
    })
    .await;
    assert!(!scene.is_on().await);
    scene.cluster.start_again();
    until(async || scene.is_on().await.then_some(())).await;
    assert_eq!(until(async || scene.mode().await).await, "dual");
}
