//! Values that are set at run time: their end, and storage that does not do as it is told.

use super::*;

#[actix::test]
async fn an_override_ends_when_its_time_is_up() {
    let bench = bench().await;
    actix_rt::spawn(bench.reloader.clone().expire());
    let mut generation = bench.reloader.follow();
    let after = |seconds| Some(Utc::now() + Duration::from_secs(seconds));
    for set in [
        over("flags.timeout_ms", json!(900), after(3_600)),
        over("flags.dual_mode", json!(true), after(2)),
    ] {
        bench.reloader.apply(Change::Override(set)).await.unwrap();
    }
    generation.wait_for(|number| *number == 4).await.unwrap();
    assert_eq!(bench.now(), (4, false, 50));
    let left = bench.reloader.overrides().await;
    assert_eq!(left.iter().map(|it| &*it.key).collect::<Vec<_>>(), ["flags.timeout_ms"]);
    let audited = bench.audited().await;
    let (action, _, detail) = audited.last().unwrap();
    assert_eq!(
        (&**action, &detail["before"], &detail["after"]),
        ("override.expired", &json!(true), &json!(false))
    );
    assert_eq!(bench.stored().await.len(), 1);
}

/// `flags.dual_mode` was set, and whether that is stored was not known in time.
async fn answered_too_late() -> Bench {
    let bench = bench().await;
    bench.write("[journal]\nanswer_timeout = \"100ms\"\n[flags]\nbatch_size = 50\n");
    bench.reload().await.unwrap();
    let path = bench.folder.path().join("journal.db").display().to_string();
    let mut database = SqliteConnection::establish(&path).unwrap();
    let mut sql = |text: &str| diesel::sql_query(text).execute(&mut database).unwrap();
    // The journal waits for this.
    sql("BEGIN IMMEDIATE");
    let refused = bench.set("flags.dual_mode", json!(true)).await.unwrap_err();
    assert_eq!(refused, ReloadError::Storage(PublishError::Unknown));
    assert_eq!(bench.now(), (2, false, 50));
    sql("COMMIT");
    bench
}

/// Whoever set it was told that it is not in force: no later start may say otherwise.
#[actix::test]
async fn what_was_stored_too_late_is_taken_back() {
    let bench = answered_too_late().await;
    while bench.stored().await.is_empty() {
        tokio::task::yield_now().await;
    }
    let expiring = actix_rt::spawn(bench.reloader.clone().expire());
    while !bench.stored().await.is_empty() {
        tokio::task::yield_now().await;
    }
    let audited = bench.audited().await;
    let actions: Vec<_> = audited.iter().map(|(action, ..)| &**action).collect();
    assert_eq!(actions, ["override.set", "override.taken_back"]);
    assert_eq!(audited[1].2["value"], false);
    assert_eq!(bench.now(), (2, false, 50));

    expiring.abort();
}

/// What is in force after all is not taken back.
#[actix::test]
async fn what_is_set_again_after_an_unknown_outcome_counts() {
    let bench = answered_too_late().await;
    while bench.set("flags.dual_mode", json!(true)).await.is_err() {}
    let expiring = actix_rt::spawn(bench.reloader.clone().expire());
    // It looks at what is unsure first, and then at what expires.
    let until = Some(Utc::now() + Duration::from_millis(100));
    let expires = over("flags.batch_size", json!(7), until);
    bench.reloader.apply(Change::Override(expires)).await.unwrap();
    while bench.stored().await.len() > 1 {
        tokio::task::yield_now().await;
    }
    let audited = bench.audited().await;
    assert!(audited.iter().all(|(action, ..)| action != "override.taken_back"), "{audited:?}");
    assert_eq!(bench.stored().await[0].value, json!(true));
    expiring.abort();
}

/// What is set at run time does not wait for a key's file that is gone at the moment.
#[actix::test]
async fn another_file_that_is_gone_is_in_no_overrides_way() {
    let bench = bench().await;
    let key = bench.folder.path().join("key");
    fs::write(&key, "secret").unwrap();
    bench.write(&format!("[realtime]\nkey_file = \"{}\"\n", key.display()));
    bench.reload().await.unwrap();
    fs::remove_file(&key).unwrap();
    bench.set("flags.dual_mode", json!(true)).await.unwrap();
    assert!(bench.now().1);
    assert!(bench.reload().await.is_err(), "but it is needed to read all again");
}

#[actix::test]
async fn what_is_stored_and_not_good_any_more_does_not_count_and_is_kept() {
    let bench = bench().await;
    let stored = |key: &str, value, expires_at| StoredOverride {
        key: key.into(),
        value,
        set_by: "operator".into(),
        set_at: now(),
        expires_at,
    };
    let all = vec![
        stored("flags.batch_size", json!(0), None),
        stored("flags.dual_mode", json!(true), None),
        stored("flags.gone", json!(1), None),
        stored("flags.use_adapter", json!(true), Some(now() - Duration::from_secs(1))),
    ];
    let first = source(&bench.folder).load(&[]).unwrap();
    let (loaded, overrides) = restore(&source(&bench.folder), all, first);
    assert_eq!(overrides.len(), 4);
    let flags = &loaded.settings.flags;
    assert_eq!((flags.dual_mode, flags.batch_size, flags.use_adapter), (true, 50, false));
}

#[actix::test]
async fn what_cannot_be_stored_is_not_in_force() {
    let bench = bench().await;
    let path = bench.folder.path().join("journal.db").display().to_string();
    let mut database = SqliteConnection::establish(&path).unwrap();
    let mut sql = |text: &str| diesel::sql_query(text).execute(&mut database).unwrap();
    sql("ALTER TABLE audit_log RENAME TO away");
    let refused = bench.set("flags.dual_mode", json!(true)).await.unwrap_err();
    assert!(matches!(&refused, ReloadError::Storage(_)) && refused.may_pass(), "{refused}");
    assert_eq!((bench.now(), bench.stored().await), ((1, false, 50), vec![]));
    assert!(bench.reloader.overrides().await.is_empty());
    assert!(bench.follower.0.adopted.lock().unwrap().is_empty());
    sql("ALTER TABLE away RENAME TO audit_log");
    bench.set("flags.dual_mode", json!(true)).await.unwrap();
    assert_eq!((bench.now(), bench.audited().await.len()), ((2, true, 50), 1));
}
