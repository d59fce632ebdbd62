//! Whole routers that deliver rows, over a wire that breaks.

use serde_json::{Value, json};
use signalbox::storage::{Durability, StorageOptions, open};
use tokio_postgres::{Client, NoTls};

use super::{
    attempts, committed, dead_letters, force, path, post, router_with, until_audited,
    until_breaker, until_settled, watch,
};
use crate::support::{
    dashboard::Dashboard,
    postgres::database,
    proxy::{Cut, Mode, Proxy},
    router::{Router, until},
};

const SLOT: &str = "SELECT FROM pg_create_logical_replication_slot('whole_' || current_database(), 'wal2json', true)";
/// What the publication has told since the slot was made.
const TOLD: &str = "SELECT data FROM pg_logical_slot_get_changes('whole_' || current_database(), \
    NULL, NULL, 'format-version', '2', 'include-transaction', 'false', 'actions', 'insert', \
    'add-tables', (SELECT string_agg(schemaname || '.' || tablename, ',') \
    FROM pg_publication_tables WHERE pubname = 'supabase_realtime'))";
const LOCK: &str = "BEGIN; LOCK TABLE monitoring.monitoring_events IN ACCESS EXCLUSIVE MODE";

/// A router, the database that it delivers to, and the wire between them.
struct Scene {
    router: Router,
    wall: Dashboard,
    proxy: Proxy,
    there: Client,
    posted: Vec<u64>,
}

impl Scene {
    async fn begin(more: &[(&str, &str)]) -> Self {
        let url = database();
        let options =
            StorageOptions { url: url.clone(), durability: Durability::Process, pool_size: 1 };
        open(&options).await.unwrap().migrate().await.unwrap();
        let there = client(&url).await;
        there.batch_execute(SLOT).await.unwrap();
        let address = url.split_once('@').unwrap().1.split_once('/').unwrap().0;
        let proxy = Proxy::start(address.parse().unwrap());
        // Of what is encrypted, the wire would know nothing.
        let wired = url.replace(address, &proxy.address.to_string()) + "?sslmode=disable";
        let to = [("realtime.transport", "postgres"), ("realtime.database_url", &*wired)];
        let router = router_with(&[&to, more].concat());
        let wall = watch(&router).await;
        Self { router, wall, proxy, there, posted: Vec::new() }
    }

    /// Posts so many, which the direct path shows at once, whatever the other does.
    async fn post(&mut self, count: usize) {
        let seqs = post(&self.router, count).await;
        assert_eq!(self.wall.seqs(count).await, seqs, "the direct path");
        self.posted.extend(seqs);
    }

    /// Waits until all is settled: then every row is there once and was told of once, in order,
    /// but for those that were set aside. What the path says.
    async fn end(&self, aside: &[String]) -> Value {
        until_settled(&self.router, self.posted.len() as u64).await;
        let mut ids = committed(&self.router).await;
        assert_eq!(dead_letters(&self.router).await, aside);
        ids.retain(|id| !aside.contains(id));
        assert_eq!(self.told().await, ids, "what the publication told");
        let stored = "SELECT id::text FROM monitoring.monitoring_events ORDER BY ctid";
        let rows = self.there.query(stored, &[]).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>(), ids);
        let path = path(&self.router).await;
        assert_eq!((&path["lag_events"], &path["breaker"]["state"]), (&json!(0), &json!("closed")));
        assert_eq!(path["settled"]["delivered"], ids.len(), "{path}");
        path
    }

    /// The ids of the rows that were told of.
    async fn told(&self) -> Vec<String> {
        let rows = self.there.query(TOLD, &[]).await.unwrap();
        let id = |row: &tokio_postgres::Row| {
            let change: Value = serde_json::from_str(row.get(0)).unwrap();
            let columns = change["columns"].as_array().unwrap();
            let id = columns.iter().find(|column| column["name"] == "id").unwrap();
            id["value"].as_str().unwrap().to_owned()
        };
        rows.iter().map(id).collect()
    }

    async fn until_failed(&self, times: u64) {
        let failed = async || (attempts(&self.router, "transient").await >= times).then_some(());
        until(failed).await;
    }
}

async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn every_row_is_told_of_once_in_order() {
    let mut scene = Scene::begin(&[]).await;
    for count in [1, 1, 300, 2, 700] {
        scene.post(count).await;
    }
    let path = scene.end(&[]).await;
    assert_eq!((&path["transport"], &path["published"]), (&json!("postgres"), &json!(false)));
    assert_eq!((&path["attempts"]["transient"], &path["settled"]["known"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_server_that_refuses_connections_gets_everything_later() {
    let mut scene = Scene::begin(&[]).await;
    scene.post(3).await;
    until_settled(&scene.router, 3).await;
    scene.proxy.set(Mode::Refuse);
    scene.post(1).await;
    until_breaker(&scene.router, "open").await;
    scene.post(200).await;
    assert_eq!(scene.router.ask("GET", "/readyz").await.status, 200);
    scene.proxy.set(Mode::Carry);
    let path = scene.end(&[]).await;
    assert!(path["attempts"]["transient"].as_u64() >= Some(5), "{path}");
    assert_eq!(path["settled"]["dead"], 0, "an outage makes no dead letters: {path}");
    let opened = path["transitions"].as_array().unwrap();
    let opened = opened.iter().filter(|it| it["state"] == "open").count();
    if opened < 40 {
        until_audited(&scene.router, "open", opened as u64).await;
    }
}

#[tokio::test]
async fn a_connection_that_is_reset_is_made_again() {
    let mut scene = Scene::begin(&[]).await;
    scene.post(3).await;
    until_settled(&scene.router, 3).await;
    for cut in 1..6 {
        // In the middle of connecting, too.
        scene.proxy.reset();
        scene.proxy.cut(Cut::AfterMessages(cut * 2));
        scene.post(20).await;
    }
    let path = scene.end(&[]).await;
    assert!(path["attempts"]["transient"].as_u64() >= Some(1), "{path}");
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_in_time() {
    let mut scene = Scene::begin(&[("flags.timeout_ms", "1000")]).await;
    scene.post(3).await;
    until_settled(&scene.router, 3).await;
    scene.proxy.set(Mode::Hang);
    scene.post(1).await;
    scene.until_failed(1).await;
    scene.post(100).await;
    scene.proxy.set(Mode::Carry);
    scene.end(&[]).await;
}

#[tokio::test]
async fn a_lost_answer_costs_no_row_and_doubles_none() {
    let mut scene = Scene::begin(&[]).await;
    scene.post(3).await;
    until_settled(&scene.router, 3).await;
    scene.proxy.cut(Cut::AnswerTo("INSERT"));
    scene.post(50).await;
    let path = scene.end(&[]).await;
    assert!(scene.proxy.was_cut());
    assert_eq!(path["attempts"]["transient"], 1, "{path}");
    assert!(path["settled"]["known"].as_u64() >= Some(1), "it was there: {path}");
}

#[tokio::test]
async fn a_row_that_is_refused_is_set_aside_alone() {
    let mut scene = Scene::begin(&[]).await;
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                  IF NEW.event_type IN ('e7', 'e31', 'e32') THEN RAISE check_violation; END IF; \
                  RETURN NEW; END $$; CREATE TRIGGER refuse BEFORE INSERT ON \
                  monitoring.monitoring_events FOR EACH ROW EXECUTE FUNCTION refuse()";
    scene.there.batch_execute(refuse).await.unwrap();
    scene.post(60).await;
    until_settled(&scene.router, 60).await;
    let ids = committed(&scene.router).await;
    let aside: Vec<_> = [7, 31, 32].map(|n: usize| ids[n].clone()).into();
    let path = scene.end(&aside).await;
    assert_eq!((&path["settled"]["dead"], &path["attempts"]["transient"]), (&json!(3), &json!(0)));
    assert_eq!(path["transitions"], json!([]), "{path}");
}

#[tokio::test]
async fn a_table_that_is_locked_is_waited_for() {
    let mut scene = Scene::begin(&[("flags.timeout_ms", "1000")]).await;
    scene.there.batch_execute(LOCK).await.unwrap();
    scene.post(1).await;
    scene.until_failed(1).await;
    scene.post(50).await;
    scene.there.batch_execute("COMMIT").await.unwrap();
    let path = scene.end(&[]).await;
    assert_eq!((&path["settled"]["known"], &path["settled"]["dead"]), (&json!(0), &json!(0)));
}

#[tokio::test]
async fn a_table_of_another_shape_holds_the_path_until_somebody_says_so() {
    let mut scene = Scene::begin(&[]).await;
    let rename = "ALTER TABLE monitoring.monitoring_events RENAME COLUMN data TO other";
    scene.there.batch_execute(rename).await.unwrap();
    scene.post(10).await;
    let held = until_breaker(&scene.router, "open").await;
    assert_eq!(held["breaker"]["until"], json!(null), "{held}");
    scene.post(10).await;
    assert_eq!(attempts(&scene.router, "misconfigured").await, 1);
    let back = "ALTER TABLE monitoring.monitoring_events RENAME COLUMN other TO data";
    scene.there.batch_execute(back).await.unwrap();
    force(&scene.router, "auto").await;
    let path = scene.end(&[]).await;
    assert_eq!(path["attempts"]["misconfigured"], 1, "{path}");
}

/// The journal's own database: the commit is the delivery.
#[tokio::test]
async fn into_the_journals_own_database_every_row_is_told_of_once_too() {
    let url = database();
    // The same, by another name.
    let other = url.replace("127.0.0.1", "localhost");
    let mut router = router_with(&[
        ("storage.url", &url),
        ("realtime.transport", "postgres"),
        ("realtime.database_url", &other),
    ]);
    let mut wall = watch(&router).await;
    let there = client(&url).await;
    there.batch_execute(SLOT).await.unwrap();
    let proxy = Proxy::start(router.address);
    let mut scene = {
        let mut seqs = Vec::new();
        for count in [1, 300, 2] {
            let posted = post(&router, count).await;
            assert_eq!(wall.seqs(count).await, posted, "the direct path");
            seqs.extend(posted);
        }
        until_settled(&router, 303).await;
        router.terminate();
        router.restart();
        wall = watch(&router).await;
        Scene { router, wall, proxy, there, posted: seqs }
    };
    // The cursor was stored: nothing is settled twice.
    let before = path(&scene.router).await;
    assert_eq!(
        (&before["position"]["seq"], &before["settled"]["delivered"]),
        (&json!(303), &json!(0))
    );
    scene.post(40).await;
    until_settled(&scene.router, 40).await;
    let ids = committed(&scene.router).await;
    assert_eq!(scene.told().await, ids);
    let path = path(&scene.router).await;
    assert_eq!((&path["published"], &path["settled"]["known"]), (&json!(true), &json!(40)));
    let rows = "SELECT count(*) FROM monitoring.monitoring_events";
    let rows: i64 = scene.there.query_one(rows, &[]).await.unwrap().get(0);
    assert_eq!(rows, 343);
}
