//! JSON Web Tokens: what each role may do on every route, whose signatures are taken, and what is
//! told when they are not.

mod command_line;
mod settings;

use std::fs;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use signalbox::{
    core::access::{Need, Scope, Scopes},
    http::routes::{ROUTES, Route},
};
use tempfile::TempDir;

use super::{
    PRODUCER, STRANGER, ask, bearer, by_token_and_ticket, concrete, end_in_time, post, shake,
};
use crate::support::{
    jwt::{SigningKey, claims, forged},
    router::{Answer, Router, event, http},
};

const REALTIME_SOCKETS: [&str; 2] = ["/realtime/v1/websocket", "/socket/websocket"];

/// A router that takes what this secret signs, with more settings.
fn router(key: &SigningKey, settings: &[(&str, &str)]) -> Router {
    let mut all = vec![("auth.mode", "jwt"), ("auth.jwt_secret", key.secret_text())];
    all.extend(settings);
    Router::with(&all)
}

/// A router that takes what the keys of a file sign.
fn router_with_keys(folder: &TempDir, keys: &str) -> Router {
    let file = folder.path().join("keys");
    fs::write(&file, keys).unwrap();
    Router::with(&[("auth.mode", "jwt"), ("auth.jwt_keys_file", file.to_str().unwrap())])
}

async fn status(router: &Router, token: &str) -> u16 {
    ask(router, "GET", "/v1/stats", Some(token)).await.status
}

/// That a token is refused, which must be told with these words, and without the token.
async fn refused(router: &Router, token: &str, why: &str) {
    let answer = ask(router, "GET", "/v1/stats", Some(token)).await;
    assert_eq!((answer.status, answer.problem()), (401, "unauthenticated"), "{why}: {answer:?}");
    assert!(answer.json["detail"].as_str().unwrap().contains(why), "{why}: {answer:?}");
    let challenge = answer.header("www-authenticate");
    let (_, told) = challenge.split_once("error=\"invalid_token\", error_description=\"").unwrap();
    assert!(told.contains(why) && told.matches('"').count() == 1, "{challenge}");
    for part in token.split('.').filter(|part| part.len() > 8) {
        assert!(!answer.text.contains(part) && !challenge.contains(part), "{answer:?}");
    }
    let (also, head, _) = shake(router, "/v1/ws", &bearer(token)).await;
    assert!(also == 401 && head.contains(&why.to_ascii_lowercase()), "{why}: {head}");
}

#[tokio::test]
async fn every_route_lets_a_role_do_what_the_table_says() {
    let key = SigningKey::secret();
    let router = router(&key, &[]);
    for (role, scopes) in [
        ("service_role", Scopes::ALL),
        ("authenticated", Scopes::READ),
        ("anon", Scopes::default()),
        ("postgres", Scopes::default()),
    ] {
        let token = key.token(&claims(role, 600));
        for Route { method, path, need, .. } in ROUTES {
            let answer = ask(&router, method, &concrete(path), Some(&token)).await;
            // What may be done on a socket of Realtime is decided by the token of each channel.
            if scopes.meet(*need) || REALTIME_SOCKETS.contains(path) {
                assert!(![401, 403].contains(&answer.status), "{role} {method} {path}");
                continue;
            }
            let what = format!("{role} {method} {path}");
            assert_eq!((answer.status, answer.problem()), (403, "not_allowed"), "{what}");
            assert!(answer.header("www-authenticate").contains("insufficient_scope"), "{what}");
            if let Need::Scope(scope) = need {
                assert_eq!(answer.json["scope"], scope.as_str(), "{what}");
            }
        }
        let (status, ..) = shake(&router, "/v1/ws", &bearer(&token)).await;
        assert_eq!(status, if scopes.allow(Scope::Read) { 101 } else { 403 }, "{role}");
        for path in REALTIME_SOCKETS {
            assert_eq!(shake(&router, path, &bearer(&token)).await.0, 101, "{role} {path}");
        }
    }
}

#[tokio::test]
async fn roles_are_those_of_the_settings_and_known_tokens_work_beside_them() {
    let key = SigningKey::secret();
    let router = router(
        &key,
        &[
            ("auth.jwt_roles", "anon read; sensor ingest"),
            ("auth.tokens", &format!("producer ingest {PRODUCER}")),
        ],
    );
    let token = |role| key.token(&claims(role, 600));
    assert_eq!(status(&router, &token("anon")).await, 200);
    for role in ["authenticated", "service_role"] {
        assert_eq!(status(&router, &token(role)).await, 403, "the default is gone");
    }
    for producer in [PRODUCER, &token("sensor")] {
        assert_eq!(post(&router, "/v1/events", producer, &event("a")).await.status, 202);
        assert_eq!(status(&router, producer).await, 403);
    }
    refused(&router, STRANGER, "the token is not known here").await;
    assert_eq!(ask(&router, "GET", "/v1/stats", None).await.status, 401);
}

#[tokio::test]
async fn a_session_bears_the_name_of_its_token_and_so_does_its_ticket() {
    let key = SigningKey::secret();
    let router = router(&key, &[]);
    for (sub, name) in [(json!("auth0|5f7c"), "auth0|5f7c"), (Value::Null, "authenticated")] {
        let mut claims = claims("authenticated", 600);
        claims["sub"] = sub;
        let token = key.token(&claims);
        let ticket = post(&router, "/v1/tickets", &token, &json!({})).await.json;
        let path = format!("/v1/ws?ticket={}", ticket["ticket"].as_str().unwrap());
        for (path, headers) in [("/v1/ws", bearer(&token)), (&*path, String::new())] {
            let (status, _, mut wire) = shake(&router, path, &headers).await;
            assert_eq!(status, 101);
            let session = wire.json().await["session"].clone();
            let sessions = ask(&router, "GET", "/v1/sessions", Some(&token)).await.json;
            let sessions = sessions["sessions"].as_array().unwrap().iter();
            let mine = sessions.into_iter().find(|it| it["id"] == session).unwrap();
            assert_eq!(mine["identity"], name);
        }
    }
}

#[tokio::test]
async fn keys_of_every_kind_are_taken_from_pem_and_from_a_set() {
    let folder = TempDir::new().unwrap();
    let (rsa, p256, secret) = (SigningKey::rsa(2048), SigningKey::p256(), SigningKey::secret());
    let good = claims("authenticated", 600);
    let pem = router_with_keys(&folder, &format!("# of the issuer\n{}{}", rsa.public, p256.public));
    for key in [&rsa, &p256] {
        assert_eq!(status(&pem, &key.token(&good)).await, 200);
    }
    refused(&pem, &SigningKey::p256().token(&good), "signature").await;
    refused(&pem, &SigningKey::rsa(2048).token(&good), "signature").await;

    let jwks = json!({ "keys": [rsa.named("r"), p256.named("e"), secret.named("s")] });
    let set = router_with_keys(&folder, &jwks.to_string());
    for (key, alg, kid) in [(&rsa, "RS256", "r"), (&p256, "ES256", "e"), (&secret, "HS256", "s")] {
        let with = |kid: &str| key.token_with(&json!({ "alg": alg, "kid": kid }), &good);
        assert_eq!(status(&set, &with(kid)).await, 200, "{alg}");
        assert_eq!(status(&set, &key.token(&good)).await, 200, "{alg}, without a kid");
        refused(&set, &with("other"), "kid is that of no key").await;
        let another = if kid == "r" { "e" } else { "r" };
        refused(&set, &with(another), "not that of its key").await;
    }
}

#[tokio::test]
async fn no_token_chooses_how_it_is_checked() {
    let folder = TempDir::new().unwrap();
    let good = claims("service_role", 600);
    for key in [SigningKey::rsa(2048), SigningKey::p256()] {
        let router = router_with_keys(&folder, &key.public);
        let token = key.token(&good);
        assert_eq!(status(&router, &token).await, 200);
        let (message, _) = token.rsplit_once('.').unwrap();
        refused(&router, &format!("{message}."), "signature").await;
        for public in [&*key.public, key.public.trim_end()] {
            refused(&router, &forged(public, &good), "not that of its key").await;
        }
        for alg in ["none", "None", "nOnE", "HS512", "PS256", "EdDSA", ""] {
            let header = json!({ "alg": alg, "typ": "JWT" });
            let token = key.token_with(&header, &good);
            let (message, _) = token.rsplit_once('.').unwrap();
            refused(&router, &token, "none of HS256, RS256 and ES256").await;
            refused(&router, &format!("{message}."), "none of HS256, RS256 and ES256").await;
        }
        // A key that the token brings along is nobody's.
        let own = SigningKey::p256();
        let header = json!({ "alg": "ES256", "jwk": own.jwk, "jku": "http://127.0.0.1:1/keys" });
        let told = if key.jwk["kty"] == "EC" { "signature" } else { "not that of its key" };
        refused(&router, &own.token_with(&header, &good), told).await;
    }
}

#[tokio::test]
async fn a_token_is_for_now_and_for_here() {
    let key = SigningKey::secret();
    let router = router(
        &key,
        &[("auth.jwt_audience", "authenticated"), ("auth.jwt_issuer", "https://auth.example.org")],
    );
    let with = |changes: Value| {
        let mut claims = claims("authenticated", 600);
        claims["aud"] = "authenticated".into();
        claims["iss"] = "https://auth.example.org".into();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        key.token(&claims)
    };
    let now = Utc::now().timestamp();
    assert_eq!(status(&router, &with(json!({}))).await, 200);
    assert_eq!(status(&router, &with(json!({ "aud": ["a", "authenticated"] }))).await, 200);
    for (changes, why) in [
        (json!({ "exp": now - 60 }), "the token has expired, at 2"),
        (json!({ "exp": null }), "lacks the claim exp"),
        (json!({ "exp": "2100-01-01" }), "claim exp is malformed"),
        (json!({ "exp": (now + 600) * 1000 }), "claim exp is malformed"),
        (json!({ "nbf": now + 600 }), "not yet valid"),
        (json!({ "iat": "now" }), "claim iat is malformed"),
        (json!({ "role": null }), "lacks the claim role"),
        (json!({ "role": ["service_role"] }), "claim role is malformed"),
        (json!({ "aud": "anon" }), "another audience"),
        (json!({ "aud": null }), "lacks the claim aud"),
        (json!({ "iss": "https://auth.example.com" }), "another issuer"),
        (json!({ "iss": null }), "lacks the claim iss"),
    ] {
        refused(&router, &with(changes), why).await;
    }
}

#[tokio::test]
async fn what_is_no_token_or_too_much_of_one_is_refused_and_harms_nobody() {
    let key = SigningKey::secret();
    let router = router(&key, &[]);
    let good = claims("authenticated", 600);
    let deep = |depth: usize| {
        let mut value = json!(1);
        for _ in 0..depth {
            value = Value::Array(vec![value]);
        }
        value
    };
    let with = |claim: &str, value: Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        key.token(&claims)
    };
    let header = |header: Value| key.token_with(&header, &good);
    assert_eq!(status(&router, &with("app_metadata", deep(2_000))).await, 200);
    assert_eq!(status(&router, &with("app_metadata", json!("x".repeat(4_000)))).await, 200);
    for (token, why) in [
        (with("app_metadata", json!("x".repeat(8_000))), "larger than 8 KiB"),
        (with("aud", json!("x".repeat(60_000))), "larger than 8 KiB"),
        (format!("{}.e30.AA", "W1tb".repeat(5_000)), "larger than 8 KiB"),
        (format!("{}.e30.AA", "W1tb".repeat(1_500)), "malformed: its header"),
        (header(json!({ "alg": "HS256", "kid": ["W1tb"] })), "malformed: its header"),
        (header(json!({ "alg": "HS256", "typ": "logout+jwt" })), "its typ"),
        (header(json!({ "alg": "HS256", "crit": ["exp"] })), "has crit"),
        (key.token_with(&json!({ "alg": "HS256" }), &json!([1, 2])), "malformed: its claims"),
        ("a.b.c.d.e".to_owned(), "malformed: it is three parts"),
        (".".to_owned(), "malformed: it is three parts"),
        ("..".to_owned(), "malformed: its header"),
    ] {
        refused(&router, &token, why).await;
    }
    for claim in ["exp", "aud", "role"] {
        // Deeper than the parser goes, and within what is looked at.
        refused(&router, &with(claim, deep(1_000)), "malformed: its claims").await;
    }
    // The head of a request is bounded before any of it is looked at.
    let request = http().get(router.url("/v1/stats")).bearer_auth("e30.".repeat(100_000));
    if let Ok(answer) = request.send().await {
        assert!([400, 401, 431].contains(&Answer::of(answer).await.status));
    }
    assert_eq!(status(&router, &key.token(&good)).await, 200);
}

#[tokio::test]
async fn a_session_end_in_time_when_its_token_expires() {
    let key = SigningKey::secret();
    let router = router(&key, &[]);
    // On a busy machine, a few seconds may be over before both are open.
    for seconds in [2, 30] {
        let claims = claims("authenticated", seconds);
        let expires_at = DateTime::from_timestamp(claims["exp"].as_i64().unwrap(), 0).unwrap();
        let token = key.token(&claims);
        if let Some(sockets) = by_token_and_ticket(&router, &token, expires_at).await {
            return end_in_time(&router, &token, expires_at, sockets).await;
        }
    }
    panic!("no session was opened in time");
}
