//! A hundred edits under load, a thousand in the soak: random ones, in every way that editors and
//! Kubernetes have, half of them bad.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{file, generation, reload, settings, value};
use crate::{
    delivery::metric,
    support::{
        dashboard::Dashboard,
        load::Load,
        router::{Router, until},
    },
};

/// How a file is put there.
#[derive(Clone, Copy, Debug)]
enum Way {
    InPlace,
    /// Half of it, and the rest a moment later.
    InTwo,
    /// As most editors do.
    Renamed,
    /// As Kubernetes does.
    Linked,
}

/// How the router learns of it.
#[derive(Clone, Copy, Debug)]
enum Word {
    None,
    Hangup,
    Request,
}

/// What is wrong, and where that is said to be.
#[derive(Clone, Debug)]
struct Bad {
    key: Option<&'static str>,
    line: Option<usize>,
    message: &'static str,
}

/// A good file, which no other one is like, with a value to know it by.
fn good(n: usize) -> String {
    let mut text = Vec::new();
    for line in 0..fastrand::usize(0..4) {
        text.push(format!("# {line} of {n}\n"));
    }
    text.push(format!("[validation]\nmax_events = {}\n", 1_000 + n));
    text.push(format!("[session]\nheartbeat = \"{}s\"\n", fastrand::u8(20..60)));
    if fastrand::bool() {
        text.push(format!(
            "page_events = {}\nmax_errors = {}\n",
            fastrand::u16(1..500),
            fastrand::u8(1..99)
        ));
    }
    if fastrand::bool() {
        let (dual, size) = (fastrand::bool(), fastrand::u8(1..));
        text.push(format!("[flags]\ndual_mode = {dual}\nbatch_size = {size}\n"));
    }
    if fastrand::bool() {
        text.push(format!("[retry]\ninitial = \"{}ms\"\n", fastrand::u16(1..999)));
    }
    if fastrand::bool() {
        text.push(format!(
            "[breaker]\nfailures = {}\n[batcher]\nmax_linger = \"1s\"\n",
            fastrand::u8(2..)
        ));
    }
    if fastrand::bool() {
        text.push(format!("[storage]\nretain = \"{}d\"\n", fastrand::u8(1..99)));
    }
    text.concat()
}

/// The same made bad; `None`: there is no file any more.
fn bad(n: usize) -> (Option<String>, Bad) {
    let text = good(n);
    let after = text.lines().count();
    let wrong = |more: &str, key, line, message| {
        (Some(format!("{text}{more}")), Bad { key, line: Some(after + line), message })
    };
    let events = Some("journal.batch_events");
    match fastrand::u8(0..11) {
        0 => wrong(
            "[journal]\nbatch_events = \"many\"\n",
            events,
            2,
            "must be a whole number from 1",
        ),
        1 => wrong("[journal]\nbatch_events = 0\n", events, 2, "must be a whole number from 1"),
        2 => wrong("[journal]\nbatch_events = [5]\n", events, 2, "not an array"),
        3 => wrong("[journal]\nbatch_evnts = 5\n", Some("journal.batch_evnts"), 2, "did you mean"),
        4 => wrong("[jornal]\nx = 5\n", Some("jornal"), 1, "did you mean [journal]?"),
        5 => wrong("[journal]\nqueue_bytes = \"64M", None, 2, "string"),
        6 => wrong("[session]\n", None, 1, "duplicate"),
        7 => wrong(
            "[limits]\nbatch_events = 10000\n[journal]\nqueue_events = 5000\n",
            Some("limits.batch_events"),
            2,
            "must be at most journal.queue_events = 5000",
        ),
        8 => {
            let key = Some("realtime.key_file");
            wrong("[realtime]\nkey_file = \"/nowhere\"\n", key, 2, "cannot be read")
        }
        9 => (Some(String::new()), Bad { key: None, line: None, message: "is empty" }),
        _ => (None, Bad { key: None, line: None, message: "is gone" }),
    }
}

fn put(file: &Path, text: Option<&str>, n: usize, way: Way) {
    let folder = file.parent().unwrap();
    let Some(text) = text else { return fs::remove_file(file).unwrap() };
    match way {
        Way::InPlace => fs::write(file, text).unwrap(),
        Way::InTwo => {
            let half = text.len() / 2;
            fs::write(file, &text[..half]).unwrap();
            std::thread::sleep(Duration::from_millis(fastrand::u64(0..100)));
            fs::write(file, text).unwrap();
        }
        Way::Renamed => {
            fs::write(folder.join("new"), text).unwrap();
            fs::rename(folder.join("new"), file).unwrap();
        }
        Way::Linked => {
            let version = format!("..{n}");
            fs::create_dir(folder.join(&version)).unwrap();
            fs::write(folder.join(&version).join("Settings.toml"), text).unwrap();
            symlink(&version, folder.join("..data_tmp")).unwrap();
            fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
            if !file.is_symlink() {
                symlink("..data/Settings.toml", folder.join("link")).unwrap();
                fs::rename(folder.join("link"), file).unwrap();
            }
        }
    }
}

/// The settings without the last attempt to change them.
fn state(settings: &Value) -> Value {
    let mut state = settings.clone();
    state.as_object_mut().unwrap().remove("last_reload");
    state
}

/// Whether this is what is told of the attempt.
fn is_told(attempt: &Value, bad: &Bad) -> bool {
    let errors = attempt["errors"].as_array().unwrap();
    attempt["outcome"] == "refused"
        && errors.iter().any(|error| {
            error["key"] == json!(bad.key)
                && error["origin"]["line"] == json!(bad.line)
                && error["origin"]["path"].as_str().unwrap().ends_with("Settings.toml")
                && error["message"].as_str().unwrap().contains(bad.message)
        })
}

async fn tell(router: &Router, word: Word) {
    match word {
        Word::None => {}
        Word::Hangup => router.signal("HUP"),
        Word::Request => drop(reload(router).await),
    }
}

/// Makes a good edit, which must apply; how long that took.
async fn edit_well(router: &Router, n: usize, way: Way, word: Word) -> Duration {
    let before = generation(&settings(router).await);
    let text = good(n);
    put(&file(router), Some(&text), n, way);
    let began = Instant::now();
    tell(router, word).await;
    let now = until(|| async {
        let now = settings(router).await;
        (*value(&now, "validation.max_events") == json!(1_000 + n)).then_some(now)
    })
    .await;
    let took = began.elapsed();
    assert!(generation(&now) > before, "{} after {before}", generation(&now));
    assert_eq!(now["needs_restart"], json!([]));
    let wanted: toml::Table = text.parse().unwrap();
    for (section, keys) in &wanted {
        for (name, wanted) in keys.as_table().unwrap() {
            let key = format!("{section}.{name}");
            assert_eq!(*value(&now, &key), json!(wanted), "{key} of {text}");
        }
    }
    took
}

/// Makes a bad edit, which must be told, and change nothing.
async fn edit_badly(router: &Router, n: usize, way: Way, word: Word) {
    let before = settings(router).await;
    let (text, bad) = bad(n);
    put(&file(router), text.as_deref(), n, way);
    tell(router, word).await;
    let now = until(|| async {
        let now = settings(router).await;
        let is_new = now["last_reload"]["at"] != before["last_reload"]["at"];
        let told = is_new && is_told(&now["last_reload"], &bad);
        let may_be_late = !is_new || !matches!(word, Word::Request);
        assert!(told || may_be_late, "{bad:?} in {text:?}: {}", now["last_reload"]);
        told.then_some(now)
    })
    .await;
    assert_eq!(state(&now), state(&before), "nothing changes by {bad:?}");
}

async fn sessions(router: &Router) -> (u64, u64) {
    let opened = metric(router, "signalbox_session_opened_total").await;
    (metric(router, "signalbox_sessions").await, opened)
}

/// Whether there is no file, or nothing in it.
fn is_bare(file: &Path) -> bool {
    fs::metadata(file).map_or(true, |about| about.len() == 0)
}

/// Reads what was committed after `last`: who reads nothing for long is cut.
async fn keep_up(router: &Router, held: &mut Dashboard, last: &mut u64) {
    let committed = router.get("/v1/stats").await["journal"]["head_seq"].as_u64().unwrap();
    let seqs = held.seqs(usize::try_from(committed - *last).unwrap()).await;
    assert_eq!(seqs, (*last + 1..=committed).collect::<Vec<_>>(), "no hole, nothing twice");
    *last = committed;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_edit_applies_whole_or_not_at_all_and_says_why() {
    let is_soak = env::var_os("SIGNALBOX_SOAK").is_some();
    let edits = if is_soak { 1_000 } else { 100 };
    let seed = env::var("SIGNALBOX_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    eprintln!("SIGNALBOX_SEED={seed}");
    fastrand::seed(seed);
    let router = Router::start();
    let load = Load::start(router.address);
    let mut held = Dashboard::subscribed(&router, json!({})).await;
    until(|| async { (sessions(&router).await.0 == 5).then_some(()) }).await;
    let connected = sessions(&router).await;
    let mut last = held.seqs(1).await[0];
    edit_well(&router, 0, Way::InPlace, Word::Request).await;
    let (mut unasked, mut good) = (Vec::new(), 1);
    for n in 1..edits {
        let ways = [Way::InPlace, Way::InTwo, Way::Renamed, Way::Linked];
        let way = ways[fastrand::usize(..ways.len())];
        let word = match fastrand::u8(0..10) {
            0..2 => Word::None,
            2..4 => Word::Hangup,
            _ => Word::Request,
        };
        keep_up(&router, &mut held, &mut last).await;
        // From what is not there nothing can be taken away: then the next one is good.
        if fastrand::bool() || is_bare(&file(&router)) {
            let took = edit_well(&router, n, way, word).await;
            good += 1;
            if matches!(word, Word::None) {
                unasked.push(took);
            }
        } else {
            edit_badly(&router, n, way, word).await;
        }
    }
    assert_eq!(sessions(&router).await, connected, "nobody came again, nobody went");
    let epoch = load.finish().await;
    let journal = router.get("/v1/stats").await["journal"].take();
    assert_eq!(journal["epoch"], json!(epoch.to_string()));
    keep_up(&router, &mut held, &mut last).await;
    unasked.sort();
    let longest = unasked.last().copied().unwrap_or_default();
    eprintln!(
        "{good} of {edits} edits were good; {} were noticed unasked, in {:?} (median), {longest:?} (longest)",
        unasked.len(),
        unasked.get(unasked.len() / 2),
    );
    if is_soak {
        assert!(longest < Duration::from_secs(2), "{longest:?}");
    }
}
