//! The router keeps its contract: schemathesis makes requests of all kinds from the OpenAPI that is
//! served, right and wrong ones, and holds every answer to it.

use std::process::Command;

use crate::support::router::Router;

const TOKEN: &str = "sbx_tester_2c4e6a8b0d1f3e5a7c9b0d2f4e6a8c0b";

#[test]
fn schemathesis_finds_nothing_that_is_against_the_contract() {
    let router = Router::with(&[
        ("storage.durability", "process"),
        ("auth.mode", "token"),
        ("auth.tokens", &format!("tester admin {TOKEN}")),
    ]);
    let soak = std::env::var_os("SIGNALBOX_SOAK").is_some();
    let examples = if soak { "1000" } else { "30" };
    let seed = fastrand::u32(..).to_string();
    let mut schemathesis = Command::new("tests/python/.venv/bin/schemathesis");
    schemathesis
        .args(["--config-file", "tests/python/schemathesis.toml", "run", "--no-color"])
        .args(["--seed", &seed, "--max-examples", examples])
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .arg(router.url("/openapi.json"))
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let out = schemathesis.output().expect("tests/setup.sh installs it");
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "with --seed {seed}, schemathesis said:\n{said}");
    assert!(said.contains("No issues found"), "{said}");
}
