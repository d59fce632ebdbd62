//! Settings end to end: files good and bad, variables, and what `check-config` says of them.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use signalbox::settings::{Faults, KEYS, Loaded, Origin, Settings, example};

/// Loads a file of that text under those variables.
fn load(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, Faults> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Settings.toml");
    fs::write(&path, text).unwrap();
    let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Settings::load(Some(&path), variables)
}

/// The faults as they are printed, without the folder.
fn faults(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let faults = load(text, variables).unwrap_err();
    faults.list().iter().map(|fault| without_folder(&fault.to_string())).collect()
}

fn without_folder(line: &str) -> String {
    match line.find("/Settings.toml") {
        Some(at) => line[at + 1..].to_owned(),
        None => line.to_owned(),
    }
}

/// What is wrong in each file, in full.
const BAD_FILES: &[(&str, &str, &[&str])] = &[
    (
        "truncated",
        "[server]\nbind = \"127.0",
        &["Settings.toml:2:14: invalid basic string, expected `\"`"],
    ),
    (
        "several slips of syntax",
        "[server\nbind = \"127.0.0.1:1\"\n[storage]\nurl = \n",
        &[
            "Settings.toml:1:8: unclosed table, expected `]`",
            "Settings.toml:4:7: string values must be quoted, expected literal string",
        ],
    ),
    ("a key twice", "[server]\nworkers = 1\nworkers = 2\n", &["Settings.toml:3:1: duplicate key"]),
    (
        "wrong types",
        "[server]\nworkers = \"4\"\nbind = 8080\n[session]\nheartbeat = 25\nmax_lag = true\n\
         [storage]\nretain = 2020-01-01\nmax_bytes = [1]\n[auth]\nmode = { a = 1 }\n",
        &[
            "Settings.toml:2:11: server.workers: must be a whole number from 0 to 1024, not \"4\"; the default is 0",
            "Settings.toml:3:8: server.bind: must be an address and port, not 8080; the default is \"127.0.0.1:8080\"",
            "Settings.toml:5:13: session.heartbeat: must be a duration from 1s to 1h, not 25; the default is \"25s\"",
            "Settings.toml:6:11: session.max_lag: must be a whole number from 0 to 1000000000000, not true; the default is 0",
            "Settings.toml:8:10: storage.retain: must be a duration from 1m to 3650d, not a date; the default is \"7d\"",
            "Settings.toml:9:13: storage.max_bytes: must be a size from 1MiB to 1024TiB, not an array; the default is \"10GiB\"",
            "Settings.toml:11:8: auth.mode: must be \"open\" or \"token\" or \"jwt\", not a table; the default is \"open\"",
        ],
    ),
    (
        "unknown keys",
        "bind = \"127.0.0.1:1\"\ncolour = 1\n[session]\nstal_timeout = \"1s\"\n[journal]\nheartbeat = \"1s\"\n[auth]\nbanana = 1\n",
        &[
            "Settings.toml:1:1: bind: unknown key; did you mean server.bind?",
            "Settings.toml:2:1: colour: unknown key, and outside of any section",
            "Settings.toml:4:1: session.stal_timeout: unknown key; did you mean session.stall_timeout?",
            "Settings.toml:6:1: journal.heartbeat: unknown key; did you mean session.heartbeat?",
            "Settings.toml:8:1: auth.banana: unknown key; [auth] has mode, tokens_file, tokens, jwt_secret_file, jwt_secret, jwt_keys_file, jwt_audience, jwt_issuer, jwt_roles, ticket_ttl, cors_origins",
        ],
    ),
    (
        "unknown sections",
        "limits = 3\n[sesion]\nheartbeat = \"1s\"\n[cluster]\nnats_url = \"\"\n",
        &[
            "Settings.toml:1:1: limits: is a section: write [limits]",
            "Settings.toml:2:2: sesion: unknown section; did you mean [session]?",
            "Settings.toml:4:2: cluster: unknown section; there are server, storage, journal, session, realtime, batcher, breaker, retry, flags, rollout, validation, limits, telemetry, auth",
        ],
    ),
    (
        "out of range",
        "[server]\nworkers = -1\n[session]\nheartbeat = \"1500us\"\nsend_buffer = \"1KiB\"\nwindow_bytes = \"lots\"\n\
         [journal]\nbatch_events = 99999999999999999999999999999999999999999999\n[auth]\nmode = \"basic\"\n\
         [storage]\ndurability = \"none\"\n",
        &[
            "Settings.toml:2:11: server.workers: must be a whole number from 0 to 1024, not -1; the default is 0",
            "Settings.toml:4:13: session.heartbeat: must be a duration from 1s to 1h, not \"1500us\"; the default is \"25s\"",
            "Settings.toml:5:15: session.send_buffer: must be a size from 4KiB to 16MiB, not \"1KiB\"; the default is \"64KiB\"",
            "Settings.toml:6:16: session.window_bytes: must be a size from 4KiB to 64MiB, not \"lots\"; the default is \"256KiB\"",
            "Settings.toml:8:16: journal.batch_events: must be a whole number from 1 to 10000, not 170141183460469231731687303715884105727; the default is 1000",
            "Settings.toml:10:8: auth.mode: must be \"open\" or \"token\" or \"jwt\", not \"basic\"; the default is \"open\"",
            "Settings.toml:12:14: storage.durability: must be \"full\" or \"process\", not \"none\"; the default is \"full\"",
        ],
    ),
];

#[test]
fn each_bad_file_is_told_in_full() {
    for (name, text, expected) in BAD_FILES {
        assert_eq!(faults(text, &[]), *expected, "{name}");
    }
}

#[test]
fn bad_variables_are_told_by_name_beside_the_faults_of_the_file() {
    let variables = [
        ("SIGNALBOX__SERVER__WORKERS", "many"),
        ("SIGNALBOX__SESION__HEARTBEAT", "1s"),
        ("SIGNALBOX__SERVER", "x"),
        ("SIGNALBOX__STORAGE__URL", "mysql://me:hunter2@there/db"),
        ("SIGNALBOX_CONFIG", "is somebody else's"),
        ("PATH", "too"),
    ];
    assert_eq!(
        faults("[telemetry]\nformat = \"xml\"\n", &variables),
        [
            "Settings.toml:2:10: telemetry.format: must be \"auto\" or \"pretty\" or \"json\", not \"xml\"; the default is \"auto\"",
            "SIGNALBOX__SERVER: unknown variable; the form is SIGNALBOX__SECTION__KEY",
            "SIGNALBOX__SERVER__WORKERS: server.workers: must be a whole number from 0 to 1024, not \"many\"; the default is 0",
            "SIGNALBOX__SESION__HEARTBEAT: unknown variable; did you mean SIGNALBOX__SESSION__HEARTBEAT?",
            "SIGNALBOX__STORAGE__URL: storage.url: must be \"sqlite:PATH\" or \"postgres://USER@HOST/DATABASE\", not \"mysql://me:***@there/db\"; the default is \"sqlite:data/signalbox.db\"",
        ]
    );
}

#[test]
fn a_path_that_cannot_be_delivered_by_is_told_at_the_start() {
    let project = "[realtime]\nurl = \"https://ref.supabase.co\"\n[flags]\n";
    let database = "[realtime]\ntransport = \"postgres\"\n[flags]\n";
    let no_key = "Settings.toml:2:7: realtime.key: is \"\", must be a key, or named by \
                  realtime.key_file, with realtime.url = \"https://ref.supabase.co\"";
    let no_database = "Settings.toml:2:13: realtime.database_url: is \"\", must be a database with \
                       realtime.transport = \"postgres\"";
    for on in
        ["dual_mode = true", "use_adapter = true", "use_adapter = true\nadapter_type = \"dual\""]
    {
        assert_eq!(faults(&format!("{project}{on}"), &[]), [no_key], "{on}");
        assert_eq!(faults(&format!("{database}{on}"), &[]), [no_database], "{on}");
        let key = ("SIGNALBOX__REALTIME__KEY", "eyJ");
        assert!(load(&format!("{project}{on}"), &[key]).is_ok(), "{on}");
        let url = ("SIGNALBOX__REALTIME__DATABASE_URL", "postgres://me@there/db");
        assert!(load(&format!("{database}{on}"), &[url]).is_ok(), "{on}");
        assert!(load(&format!("[flags]\n{on}"), &[]).is_ok(), "the built-in one needs neither");
    }
    for off in ["", "use_adapter = true\nadapter_type = \"websocket\""] {
        for settings in [project, database] {
            assert!(load(&format!("{settings}{off}"), &[]).is_ok(), "{off}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "eyJ\n").unwrap();
    let file = ("SIGNALBOX__REALTIME__KEY_FILE", path.to_str().unwrap());
    let loaded = load(&format!("{project}dual_mode = true"), &[file]).unwrap();
    assert_eq!(loaded.settings.realtime.key.expose(), "eyJ");
}

#[test]
fn laws_between_keys_are_checked_where_both_are_sound() {
    assert_eq!(
        faults(
            "[server]\nbind = \"0.0.0.0:80\"\n[session]\nheartbeat = \"5s\"\n[limits]\nevent_bytes = \"2MiB\"\n",
            &[("SIGNALBOX__LIMITS__BODY_BYTES", "1MiB")]
        ),
        [
            "Settings.toml:2:8: server.bind: is \"0.0.0.0:80\", must be a loopback address with auth.mode = \"open\"",
            "Settings.toml:4:13: session.pong_timeout: is \"10s\", must be shorter than session.heartbeat = \"5s\"",
            "Settings.toml:6:15: limits.event_bytes: is \"2MiB\", must be at most limits.body_bytes = \"1MiB\"",
        ]
    );
    let unsound = faults("[session]\nheartbeat = \"5s\"\npong_timeout = \"never\"\n", &[]);
    assert_eq!(unsound.len(), 1, "{unsound:?}");
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let text = "server.workers = 2\n[session]\nheartbeat = \"1m\"\nsend_buffer = 8192\n";
    let variables = [
        ("SIGNALBOX__SESSION__HEARTBEAT", "2m"),
        ("SIGNALBOX__LIMITS__BODY_BYTES", "1000000"),
        ("SIGNALBOX__JOURNAL__QUEUE_EVENTS", "20000"),
        ("SIGNALBOX__STORAGE__URL", "postgres://me:hunter2@there/db"),
    ];
    let Loaded { settings, origins, file, .. } = load(text, &variables).unwrap();
    assert_eq!(settings.server.workers, 2);
    assert_eq!(settings.session.heartbeat, Duration::from_mins(2));
    assert_eq!(settings.session.send_buffer, 8192);
    assert_eq!(settings.session.pong_timeout, Settings::default().session.pong_timeout);
    assert_eq!(settings.limits.body_bytes, 1_000_000);
    assert_eq!(settings.journal.queue_events, 20_000);
    assert_eq!(settings.storage.url.expose(), "postgres://me:hunter2@there/db");
    assert!(!format!("{settings:?} {:?}", settings.show()).contains("hunter2"));

    assert!(file.is_some());
    assert_eq!(without_folder(&origins["server.workers"].to_string()), "Settings.toml:1:18");
    let heartbeat = Origin::Variable("SIGNALBOX__SESSION__HEARTBEAT".into());
    assert_eq!(origins["session.heartbeat"], heartbeat);
    assert_eq!(origins.len(), 6);
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let missing = Path::new("no/such/Settings.toml");
    let faults = Settings::load(Some(missing), std::iter::empty()).unwrap_err();
    let expected = "no/such/Settings.toml: cannot be read: No such file or directory (os error 2)";
    assert_eq!(faults.to_string(), expected);
}

#[test]
fn the_shipped_file_is_the_table_and_equals_the_defaults() {
    let shipped = fs::read_to_string("Settings.toml").unwrap();
    let update = "run `cargo run -- check-config --example > Settings.toml`";
    assert_eq!(shipped, example(), "{update}");
    assert_eq!(load(&shipped, &[]).unwrap().origins.len(), 0, "every key is commented out");

    let set: Vec<_> = shipped.lines().map(uncommented).collect();
    let Loaded { settings, origins, .. } = load(&set.join("\n"), &[]).unwrap();
    assert_eq!(settings, Settings::default());
    let mut named: Vec<_> = KEYS.iter().map(|key| key.path).collect();
    named.sort_unstable();
    assert_eq!(origins.into_keys().collect::<Vec<_>>(), named);
}

/// A key's line without its `#`; prose has a space after it.
fn uncommented(line: &str) -> &str {
    if line.starts_with("# ") { line } else { line.trim_start_matches('#') }
}

#[test]
fn every_value_that_is_shown_can_be_loaded_again() {
    let shown = Settings::default().show();
    let lines: Vec<_> =
        shown.iter().zip(KEYS).map(|(value, key)| format!("{} = {value}", key.path)).collect();
    assert_eq!(load(&lines.join("\n"), &[]).unwrap().settings, Settings::default());
    assert_eq!(shown.len(), KEYS.len());
}

/// Runs the program in an empty folder that holds a file of that text.
fn signalbox(arguments: &[&str], text: Option<&str>) -> Output {
    let folder = tempfile::tempdir().unwrap();
    if let Some(text) = text {
        fs::write(folder.path().join("Settings.toml"), text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_signalbox"));
    command.args(arguments).current_dir(folder.path()).env_clear();
    command.env("SIGNALBOX__SERVER__WORKERS", "3").output().unwrap()
}

#[test]
fn check_config_shows_what_counts_and_where_it_comes_from() {
    let output = signalbox(&["check-config"], Some("[session]\nheartbeat = \"1m\"\n"));
    assert_eq!(output.status.code(), Some(0));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.starts_with("# Settings.toml is valid\n\n[server]\n"), "{shown}");
    assert!(shown.contains("\nworkers = 3 # SIGNALBOX__SERVER__WORKERS\n"), "{shown}");
    assert!(shown.contains("\nheartbeat = \"1m\" # Settings.toml:2:13\n"), "{shown}");
    assert!(shown.contains("\npong_timeout = \"10s\"\n"), "{shown}");
    assert!(load(&shown, &[]).is_ok(), "what it shows is a settings file");
}

#[test]
fn check_config_ends_with_3_and_a_line_a_fault() {
    let output = signalbox(&["check-config"], Some("[session]\nheartbeat = 1\nfoo = 2\n"));
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stdout, b"");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told.lines().count(), 2, "{told}");
    let first = "Settings.toml:2:13: session.heartbeat: must be a duration";
    assert!(told.starts_with(first), "{told}");

    let output = signalbox(&["check-config", "--config", "gone.toml"], None);
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stderr.starts_with(b"gone.toml: cannot be read"));
}

#[test]
fn migrate_makes_the_database_and_then_has_nothing_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("storage.url = \"sqlite:{}/new/x.db\"\n", folder.path().display());
    let first = signalbox(&["migrate"], Some(&settings));
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    assert!(String::from_utf8_lossy(&first.stdout).contains(": applied "), "{first:?}");
    let second = signalbox(&["migrate"], Some(&settings));
    assert!(second.stdout.ends_with(b": nothing to do\n"), "{second:?}");
}

#[test]
fn a_database_that_cannot_be_reached_ends_with_4() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let settings = format!("storage.url = \"sqlite:{}/file/x.db\"\n", folder.path().display());
    let output = signalbox(&["migrate"], Some(&settings));
    assert_eq!(output.status.code(), Some(4), "{output:?}");
}

#[test]
fn without_any_file_the_defaults_count() {
    let output = signalbox(&["check-config"], None);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.starts_with(b"# no settings file"));
}

#[test]
fn arguments_that_make_no_sense_end_with_2_and_help_with_0() {
    assert_eq!(signalbox(&["chekc-config"], None).status.code(), Some(2));
    assert_eq!(signalbox(&["check-config", "--help"], None).status.code(), Some(0));
}
