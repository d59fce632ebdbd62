//! What a token claims, once its signature is good: for whom, by whom, from when until when.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::{fault::BadJwt, parts::object};

/// How far the clock of whoever makes tokens may be ahead of ours: for `nbf` alone. A token that
/// has expired is refused to the second, since what it opened is closed then.
pub const LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// Longest role or `sub`, in bytes.
const MAX_NAME: usize = 255;
/// What a time beyond this is, in seconds (the year 10000): one in milliseconds, most likely.
const MAX_SECONDS: f64 = 253_402_300_800.0;

const TIME: &str = "a number of seconds since 1970";
const NAME: &str = "a string of 1 to 255 bytes without control characters";

/// What a token must claim besides.
pub(super) struct Expected<'a> {
    pub(super) audience: Option<&'a str>,
    pub(super) issuer: Option<&'a str>,
}

/// What a token says of whoever shows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) role: String,
    pub(super) subject: Option<String>,
    pub(super) expires_at: DateTime<Utc>,
}

/// The claims that count; what else there is may be anything.
#[derive(Deserialize)]
struct Raw {
    exp: Option<Value>,
    nbf: Option<Value>,
    iat: Option<Value>,
    aud: Option<Value>,
    iss: Option<Value>,
    role: Option<Value>,
    sub: Option<Value>,
}

impl Expected<'_> {
    /// What the token says, if that is good for here and now.
    pub(super) fn check(&self, payload: &[u8], now: DateTime<Utc>) -> Result<Claims, BadJwt> {
        let raw: Raw = object(payload)
            .ok_or(BadJwt::Malformed("its claims are no JSON object, or one stands twice"))?;
        let expires_at = time("exp", raw.exp)?.ok_or(BadJwt::MissingClaim("exp"))?;
        if expires_at <= now {
            return Err(BadJwt::Expired { at: expires_at });
        }
        if let Some(at) = time("nbf", raw.nbf)?.filter(|at| *at > now + LEEWAY) {
            return Err(BadJwt::NotYetValid { at });
        }
        // Only its form: when a token was made says nothing on how long it is good.
        time("iat", raw.iat)?;
        self.check_audience(raw.aud)?;
        self.check_issuer(raw.iss)?;
        let role = name("role", raw.role)?.ok_or(BadJwt::MissingClaim("role"))?;
        Ok(Claims { role, subject: name("sub", raw.sub)?, expires_at })
    }

    fn check_audience(&self, audience: Option<Value>) -> Result<(), BadJwt> {
        let Some(expected) = self.audience else { return Ok(()) };
        let is_meant = match audience.ok_or(BadJwt::MissingClaim("aud"))? {
            Value::Array(names) => names.iter().any(|name| name == expected),
            name => name == expected,
        };
        if is_meant { Ok(()) } else { Err(BadJwt::Audience) }
    }

    fn check_issuer(&self, issuer: Option<Value>) -> Result<(), BadJwt> {
        let Some(expected) = self.issuer else { return Ok(()) };
        let issuer = issuer.ok_or(BadJwt::MissingClaim("iss"))?;
        if issuer == expected { Ok(()) } else { Err(BadJwt::Issuer) }
    }
}

/// A time, if there is one.
fn time(claim: &'static str, value: Option<Value>) -> Result<Option<DateTime<Utc>>, BadJwt> {
    let at = |value: Value| {
        let seconds = value.as_f64().filter(|seconds| *seconds < MAX_SECONDS)?;
        let since = std::time::Duration::try_from_secs_f64(seconds).ok()?;
        DateTime::UNIX_EPOCH.checked_add_signed(TimeDelta::from_std(since).ok()?)
    };
    value.map(|value| at(value).ok_or(BadJwt::BadClaim { claim, form: TIME })).transpose()
}

/// A name, if there is one; an empty one is none. It is shown to operators, so it must be fit for that.
fn name(claim: &'static str, value: Option<Value>) -> Result<Option<String>, BadJwt> {
    let is_fit = |name: &str| name.len() <= MAX_NAME && !name.contains(char::is_control);
    match value {
        None => Ok(None),
        Some(Value::String(name)) if is_fit(&name) => Ok(Some(name).filter(|it| !it.is_empty())),
        Some(_) => Err(BadJwt::BadClaim { claim, form: NAME }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    /// Good claims but for those that are given; `null` takes one out.
    fn check_with(expected: &Expected<'_>, changes: Value) -> Result<Claims, BadJwt> {
        let mut claims = json!({ "role": "authenticated", "exp": NOW + 60 });
        let Value::Object(changes) = changes else { panic!("changes are an object") };
        claims.as_object_mut().unwrap().extend(changes);
        expected.check(claims.to_string().as_bytes(), at(NOW))
    }

    fn check(changes: Value) -> Result<Claims, BadJwt> {
        check_with(&Expected { audience: None, issuer: None }, changes)
    }

    #[test]
    fn a_token_is_good_until_it_expires_and_no_longer() {
        let claims = check(json!({ "sub": "u1", "exp": NOW + 1, "iat": NOW, "aud": 7 })).unwrap();
        let subject = Some("u1".to_owned());
        assert_eq!(
            claims,
            Claims { role: "authenticated".into(), subject, expires_at: at(NOW + 1) }
        );
        assert_eq!(check(json!({ "exp": NOW })), Err(BadJwt::Expired { at: at(NOW) }));
        assert_eq!(check(json!({ "exp": NOW - 9 })), Err(BadJwt::Expired { at: at(NOW - 9) }));
        assert!(check(json!({ "exp": 1_800_000_000.5 })).is_ok());
    }

    #[test]
    fn a_token_is_good_from_nbf_on_as_far_as_clocks_agree() {
        let leeway = LEEWAY.num_seconds();
        assert!(check(json!({ "nbf": NOW + leeway })).is_ok());
        let late = NOW + leeway + 1;
        assert_eq!(check(json!({ "nbf": late })), Err(BadJwt::NotYetValid { at: at(late) }));
    }

    #[test]
    fn what_must_be_claimed_is_and_in_its_form() {
        for claim in ["exp", "role"] {
            let mut changes = json!({});
            changes[claim] = Value::Null;
            assert_eq!(check(changes), Err(BadJwt::MissingClaim(claim)));
        }
        assert_eq!(check(json!({ "role": "" })), Err(BadJwt::MissingClaim("role")));
        assert_eq!(check(json!({ "sub": "" })).unwrap().subject, None);
        let times = [json!("1800000060"), json!(-1), json!([]), json!({}), json!(true)];
        for value in times.into_iter().chain([json!(NOW * 1000), json!(1e300)]) {
            for claim in ["exp", "nbf", "iat"] {
                let mut changes = json!({});
                changes[claim] = value.clone();
                let fault = BadJwt::BadClaim { claim, form: TIME };
                assert_eq!(check(changes), Err(fault), "{claim} {value}");
            }
        }
        for value in [json!(7), json!(["a"]), json!("a\u{7}b"), json!("x".repeat(256))] {
            for claim in ["role", "sub"] {
                let mut changes = json!({});
                changes[claim] = value.clone();
                let fault = BadJwt::BadClaim { claim, form: NAME };
                assert_eq!(check(changes), Err(fault), "{claim} {value}");
            }
        }
    }

    #[test]
    fn audience_and_issuer_count_when_they_are_expected() {
        let expected = Expected { audience: Some("authenticated"), issuer: Some("https://a") };
        let check = |aud: Value, iss: Value| {
            check_with(&expected, json!({ "aud": aud, "iss": iss })).map(|_claims| ())
        };
        let (good, iss) = (json!("authenticated"), json!("https://a"));
        assert_eq!(check(good.clone(), iss.clone()), Ok(()));
        assert_eq!(check(json!(["other", "authenticated"]), iss.clone()), Ok(()));
        for wrong in [json!("other"), json!([]), json!(["Authenticated"]), json!({}), json!(1)] {
            assert_eq!(check(wrong, iss.clone()), Err(BadJwt::Audience));
        }
        assert_eq!(check(Value::Null, iss), Err(BadJwt::MissingClaim("aud")));
        assert_eq!(check(good.clone(), json!("https://b")), Err(BadJwt::Issuer));
        assert_eq!(check(good, Value::Null), Err(BadJwt::MissingClaim("iss")));
    }

    #[test]
    fn claims_are_one_object_and_what_does_not_count_may_be_anything() {
        let check =
            |json: &str| Expected { audience: None, issuer: None }.check(json.as_bytes(), at(NOW));
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let good = format!(r#""role":"a","exp":{}"#, NOW + 1);
        assert!(check(&format!(r#"{{{good},"other":{deep}}}"#)).is_ok());
        for bad in [
            &*format!(r#"{{"role":"a","exp":{deep}}}"#),
            &*format!(r#"{{{good},"exp":{}}}"#, NOW + 1_000),
            &*format!(r#"[{},null,null,null,null,"a"]"#, NOW + 1),
            &*deep,
            "",
            "{",
            "null",
            "\u{feff}{}",
        ] {
            assert!(matches!(check(bad), Err(BadJwt::Malformed(_))), "{bad:.40}");
        }
    }
}
