//! Joins, leaves and heartbeats.

use serde_json::json;

use super::*;

#[test]
fn joins_and_leaves_are_answered_as_the_real_server_does() {
    let mut socket = Socket::new();
    let ok_join =
        r#"["1","1","realtime:a","phx_reply",{"status":"ok","response":{"postgres_changes":[]}}]"#;
    for (said, heard) in [
        (
            r#"[null,"9","phoenix","heartbeat",{}]"#,
            vec![r#"[null,"9","phoenix","phx_reply",{"status":"ok","response":{}}]"#],
        ),
        (
            r#"[null,null,"phoenix","heartbeat",{}]"#,
            vec![r#"[null,null,"phoenix","phx_reply",{"status":"ok","response":{}}]"#],
        ),
        (
            r#"["1","1","realtime:","phx_join",{}]"#,
            vec![
                r#"["1","1","realtime:","phx_reply",{"status":"error","response":{"reason":"TopicNameRequired: You must provide a topic name"}}]"#,
            ],
        ),
        (
            r#"["1","1","room","phx_join",{}]"#,
            vec![
                r#"["1","1","room","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#,
            ],
        ),
        (
            r#"["1","2","realtime:a","broadcast",{}]"#,
            vec![
                r#"["1","2","realtime:a","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]"#,
            ],
        ),
        (
            r#"["1","2","realtime:a","phx_leave",{}]"#,
            vec![r#"["1","2","realtime:a","phx_reply",{"status":"ok","response":{}}]"#],
        ),
        (r#"["1","1","realtime:a","phx_join",{}]"#, vec!["join a", ok_join]),
    ] {
        assert_eq!(socket.say(said), heard, "{said}");
    }
}

#[test]
fn a_join_ends_the_one_before_and_its_reference_need_not_be_right() {
    let mut socket = joined(&json!({}));
    for (said, heard) in [
        // The old channel ends first, under its own reference.
        (
            r#"["5","6","realtime:a","phx_join",{"config":{"private":"TRUE"}}]"#,
            vec![
                CLOSED,
                "leave a",
                "join a!",
                r#"["5","6","realtime:a","phx_reply",{"status":"ok","response":{"postgres_changes":[]}}]"#,
            ],
        ),
        // Who leaves the old one does not end the new one.
        (
            r#"["1","6","realtime:a","phx_leave",{}]"#,
            vec![r#"["1","6","realtime:a","phx_reply",{"status":"ok","response":{}}]"#],
        ),
        // No reference is as good as any.
        (
            r#"[null,"7","realtime:a","phx_leave",{}]"#,
            vec![
                r#"["5","7","realtime:a","phx_reply",{"status":"ok","response":{}}]"#,
                r#"["5","5","realtime:a","phx_close",{}]"#,
                "leave a!",
            ],
        ),
        // Without a reference of its own, the join has that of the message.
        (
            r#"[null,"8","realtime:a","phx_join",{"config":5}]"#,
            vec![
                "note config: unable to parse, expected a map",
                "join a",
                r#"["8","8","realtime:a","phx_reply",{"status":"ok","response":{"postgres_changes":[]}}]"#,
            ],
        ),
        (r#"["1","9","realtime:a","other",{}]"#, vec!["drop unknown_event"]),
    ] {
        assert_eq!(socket.say(said), heard, "{said}");
    }
}

#[test]
fn a_join_says_what_follows_in_its_order() {
    let changes = json!({
        "presence": { "enabled": true }, "broadcast": { "replication_ready": true },
        "postgres_changes": [{ "event": "INSERT", "schema": "public", "table": "monitoring_events" }],
    });
    let heard = join(&mut Socket::new(), &changes);
    assert!(heard[1].contains(r#""response":{"postgres_changes":[{"id":"#), "{heard:?}");
    assert_eq!(
        heard[2..],
        [
            r#"["1",null,"realtime:a","presence_state",{}]"#.to_owned(),
            system("system", "ok", "Replication connection established"),
            system("postgres_changes", "ok", "Subscribed to PostgreSQL"),
        ]
    );
    let refused = json!({ "postgres_changes": [{ "table": "monitoring_events", "select": "id" }] });
    let heard = join(&mut Socket::new(), &refused);
    let text = "Error parsing `select` params: expected a list of column name strings, e.g. select: [\"col1\", \"col2\"]";
    assert_eq!(heard[2..], [system("postgres_changes", "error", text)], "the channel stays");
}

#[test]
fn a_channel_that_is_gone_before_it_was_taken_up_is_not_answered() {
    let mut socket = Socket::new();
    let now = socket.now();
    let mut say =
        |frame: &str| socket.channels.on_message(&decode(frame), now, &Words, &mut || Uuid::nil());
    say(r#"["1","1","realtime:a","phx_join",{}]"#);
    say(r#"["2","2","realtime:a","phx_join",{}]"#);
    let topic = Topic { name: "a".into(), private: false };
    assert_eq!(socket.channels.joined(&topic, 1, None, "{}".into()), []);
    assert_eq!(socket.channels.joined(&topic, 2, None, "{}".into()).len(), 1);
    assert_eq!(socket.channels.refuse(&topic, 1, "full"), []);
    let refused = socket.channels.refuse(&topic, 2, "full");
    let answer = error(2, r#"{"reason":"full"}"#).replacen("\"1\"", "\"2\"", 1);
    assert_eq!(socket.read(refused), [answer]);
    assert_eq!(socket.channels.crash(&topic), []);
}

#[test]
fn joins_are_refused_with_the_codes_of_the_real_server() {
    let mut socket = Socket::with(Limits { channels: 1, ..Limits::default() });
    for (payload, reason) in [
        (json!({ "access_token": "bad" }), "MalformedJWT: The token provided is not a valid JWT"),
        (
            json!({ "access_token": "expires:0" }),
            "InvalidJWTToken: Token has expired 0 seconds ago",
        ),
        (
            json!({ "config": { "private": true }, "access_token": "nothing" }),
            "Unauthorized: You do not have permissions to read from this Channel topic: a",
        ),
        (
            json!({ "access_token": "write" }),
            "Unauthorized: You do not have permissions to read from this Channel topic: a",
        ),
        (
            json!({ "config": { "broadcast": { "replay": { "since": 0 } } } }),
            "UnableToReplayMessages: Replay is not allowed for public channels",
        ),
    ] {
        let heard = socket.say(&json!(["1", "1", "realtime:a", "phx_join", payload]).to_string());
        assert_eq!(heard, [error(1, &json!({ "reason": reason }).to_string())]);
    }
    join(&mut socket, &json!({}));
    assert_eq!(
        socket.say(r#"["2","2","realtime:b","phx_join",{}]"#),
        [
            r#"["2","2","realtime:b","phx_reply",{"status":"error","response":{"reason":"ChannelRateLimitReached: Too many channels"}}]"#
        ]
    );
    assert_eq!(join(&mut socket, &json!({})).len(), 4, "again on the same topic is no other one");
}

#[test]
fn too_many_joins_end_the_socket() {
    let mut socket = Socket::with(Limits { joins_per_second: 1, ..Limits::default() });
    for _ in 0..60 {
        assert_ne!(join(&mut socket, &json!({})).last().unwrap(), "close 1001 too_many_joins");
    }
    let heard = join(&mut socket, &json!({}));
    let reason = r#"{"reason":"ClientJoinRateLimitReached: Too many joins per second"}"#;
    assert_eq!(heard[2..], [error(1, reason), "close 1001 too_many_joins".to_owned()]);
}

#[test]
fn what_joins_say_is_kept_and_bounded() {
    let mut socket = Socket::new();
    let mut outcome = |name: &str, config: serde_json::Value| {
        let said = json!(["1", "1", format!("realtime:{name}"), "phx_join", { "config": config }]);
        let heard = socket.say(&said.to_string());
        let answer: serde_json::Value = serde_json::from_str(heard.last().unwrap()).unwrap();
        let reason = answer[4]["response"]["reason"].as_str().unwrap_or_default();
        reason.split(':').next().unwrap().to_owned()
    };
    assert_eq!(outcome(&"x".repeat(1024), json!({})), "");
    assert_eq!(outcome(&"x".repeat(1025), json!({})), "TopicNameTooLong");
    let large = json!({ "presence": { "key": "k".repeat(2_000_000) } });
    for (name, reason) in
        [("a", ""), ("b", ""), ("c", "JoinTooLarge"), ("b", ""), ("d", "JoinTooLarge")]
    {
        assert_eq!(outcome(name, large.clone()), reason, "{name}");
    }
    assert_eq!(outcome("b", json!({})), "");
    assert_eq!(outcome("c", large), "", "there is room again");
}
