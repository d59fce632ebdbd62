//! The disk is full: what is accepted stays accepted, the rest is refused until there is room.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::PathBuf,
    process::Command,
};

use super::{assert_alive, assert_stayed};
use crate::support::{dashboard::Dashboard, load::Load, router::Router};

/// A small disk in a namespace of its own, gone with the router; the binary comes to be `$0`.
const SMALL_DISK: [&str; 5] = [
    "unshare",
    "-Urm",
    "sh",
    "-ec",
    "mkdir -p data && mount -t tmpfs -o size=6m tmpfs data && exec \"$0\" \"$@\"",
];

#[tokio::test]
async fn a_full_disk_refuses_what_is_new_and_heals_when_there_is_room() {
    if !Command::new("unshare").args(["-Urm", "true"]).status().is_ok_and(|s| s.success()) {
        eprintln!("not shown here: no namespace with a small disk can be made");
        return;
    }
    let router = Router::under(&SMALL_DISK, &[]);
    let load = Load::start(router.address);
    let mut dashboard = Dashboard::connect(&router).await;
    load.wait_for(20);
    let epoch = load.check().await;
    let ballast = data(&router).join("ballast");
    fill(&ballast);
    load.wait_for_refusals(&["storage_full"], 10);

    // What is live has all that was accepted; reading works.
    load.wait_until_seen(load.accepted() as u64);
    assert_alive(&mut dashboard).await;
    assert_eq!(load.check().await, epoch);

    fs::remove_file(&ballast).unwrap();
    load.wait_for(20);
    assert_stayed(&load, 3);
    assert!(load.refused().keys().all(|code| code == "storage_full"), "{:?}", load.refused());
    assert_eq!(load.finish().await, epoch);
}

/// The router's data folder, as the router sees it.
fn data(router: &Router) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{}/root", router.pid()));
    root.join(router.folder.path().strip_prefix("/").unwrap()).join("data")
}

/// Writes until there is no room.
fn fill(ballast: &PathBuf) {
    let mut file = OpenOptions::new().create(true).append(true).open(ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
}
