//! Tokens, time, and whoever ends a channel or a socket.

use serde_json::json;

use super::*;

#[test]
fn tokens_are_renewed_or_end_the_channel() {
    let refresh = |private: bool, token: &serde_json::Value| {
        let mut socket = joined(&json!({ "private": private }));
        let said = json!(["1", "2", "realtime:a", "access_token", { "access_token": token }]);
        socket.say(&said.to_string())
    };
    for token in [json!("read"), json!("read expires:9"), json!(null), json!("sb_x"), json!(5)] {
        assert_eq!(refresh(false, &token), [""; 0], "{token}");
    }
    assert_eq!(refresh(false, &json!("bad")), fatal("The token provided is not a valid JWT"));
    assert_eq!(refresh(false, &json!("expires:0")), fatal("Token has expired 0 seconds ago"));
    let gone = fatal("You no longer have permission to read from this Channel topic: a");
    assert_eq!(refresh(true, &json!("write"))[..2], gone[..2]);
    assert_eq!(refresh(false, &json!("write")), gone);
    let long = "read ".repeat(1639);
    assert_eq!(refresh(false, &json!(long[..8192])), [""; 0], "it is kept");
    let malformed = fatal("The token provided is not a valid JWT");
    assert_eq!(refresh(false, &json!(long[..8193])), malformed);
}

#[test]
fn a_channel_ends_with_its_token() {
    let mut socket = Socket::new();
    let payload = json!({ "access_token": "read expires:50" });
    socket.say(&json!(["1", "1", "realtime:a", "phx_join", payload]).to_string());
    assert_eq!(socket.tick(49), [""; 0]);
    let refresh =
        json!(["1", "2", "realtime:a", "access_token", { "access_token": "read expires:90" }]);
    assert_eq!(socket.say(&refresh.to_string()), [""; 0]);
    assert_eq!(socket.tick(60), [""; 0]);
    assert_eq!(socket.tick(92), fatal("Token has expired 2 seconds ago"));
    assert_eq!(socket.say(&refresh.to_string()).len(), 1, "unmatched");
}

#[test]
fn sockets_that_say_nothing_or_have_no_channel_are_closed() {
    let mut socket = joined(&json!({}));
    assert_eq!(socket.tick(59), [""; 0]);
    socket.channels.on_sign_of_life(Duration::from_secs(59));
    assert_eq!(socket.tick(118), [""; 0], "a malformed frame is a sign of life");
    assert_eq!(socket.tick(119), ["close 1000 idle"]);

    let mut socket = joined(&json!({}));
    let beat = |socket: &mut Socket, second| {
        socket.now = Duration::from_secs(second);
        socket.say(r#"[null,"9","phoenix","heartbeat",{}]"#);
        socket.tick(second)
    };
    assert_eq!(beat(&mut socket, 700), [""; 0]);
    socket.say(r#"["1","7","realtime:a","phx_leave",{}]"#);
    assert_eq!(beat(&mut socket, 1299), [""; 0]);
    assert_eq!(beat(&mut socket, 1300), ["close 1000 no_channels"]);
}

#[test]
fn who_is_to_come_back_is_told_so() {
    let mut socket = joined(&json!({}));
    let topic = Topic { name: "a".into(), private: false };
    let effects = socket.channels.crash(&topic);
    assert_eq!(socket.read(effects), [r#"["1","1","realtime:a","phx_error",{}]"#, "leave a"]);
    assert_eq!(socket.channels.crash(&topic), []);
}
