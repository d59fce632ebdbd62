//! Every key that can change at run time, one after the other, on a router at work. Who is told of
//! it is shown beside those who are (`src/app/live/tests.rs`).

use std::{fs, iter, path::Path};

use serde_json::json;
use signalbox::settings::{Change, FileText, KEYS, Key, OtherFiles, Settings};

use super::{apply, candidates::CANDIDATES, generation, settings};
use crate::support::router::{Router, http};

/// A file in which the key has another value than the default, and is allowed.
fn other_value(key: &Key) -> String {
    let default = Settings::default();
    let is_other = |text: &str| {
        let file = FileText { path: Path::new("t").into(), text: Ok(Some(text.into())) };
        let loaded = Settings::load_from(&file, iter::empty(), &[], OtherFiles::Read);
        loaded.is_ok_and(|it| it.settings.differing(&default).contains(&key.path))
    };
    let texts = CANDIDATES
        .iter()
        .map(|candidate| format!("[{}]\n{} = {candidate}\n", key.section, key.name));
    let mut texts = texts.filter(|text| is_other(text));
    texts.next().unwrap_or_else(|| panic!("{}: no candidate fits {}", key.path, key.allowed()))
}

#[tokio::test]
async fn every_live_key_changes_at_run_time_and_says_so() {
    let router = Router::start();
    let key_file = router.folder.path().join("key");
    fs::write(&key_file, "eyJ.another\n").unwrap();
    let mut last = 1;
    for key in KEYS.iter().filter(|key| key.change == Change::Live) {
        let text = if key.path.starts_with("realtime.key") {
            let path = format!("{:?}", key_file.display().to_string());
            format!("[realtime]\nkey_file = {path}\n")
        } else {
            other_value(key)
        };
        // Whoever is first reads it: the request, or the one who looks at the file all the time.
        apply(&router, &text).await;
        let now = settings(&router).await;
        // `realtime.key` is what `realtime.key_file` holds, which was read with it.
        let is_known = key.path == "realtime.key_file";
        assert!(generation(&now) > last || is_known, "{}: {}", key.path, now["generation"]);
        last = generation(&now);
        let row = now["settings"].as_array().unwrap().iter().find(|row| row["key"] == key.path);
        let row = row.unwrap();
        assert_ne!(row["value"], row["default"], "{}", key.path);
        assert_eq!(now["needs_restart"], json!([]), "{}", key.path);
    }
    assert!(http().get(router.url("/livez")).send().await.unwrap().status().is_success());
    router.publish("still").await;
}
