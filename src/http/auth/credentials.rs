//! Whose a token is: one that is known here, or a JSON Web Token; and what that means for a channel
//! of the built-in Realtime.

use chrono::{DateTime, Utc};

use crate::{
    core::{
        access::{BadJwt, BadToken, Identity, JwtRules, Scope, TokenTable},
        realtime::channel::{Grant, TokenFault},
    },
    settings::{AuthMode, AuthSettings},
};

/// The tokens that are taken.
#[derive(Debug)]
pub enum Credentials {
    /// None is asked for.
    Open,
    /// Those that are known here.
    Tokens(TokenTable),
    /// Those that are known here, and all that a key here has signed.
    Jwt(TokenTable, JwtRules),
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCredentials {
    /// It is none of those that are known here, or not any more.
    #[error(transparent)]
    Token(#[from] BadToken),
    /// It is a JSON Web Token, and not good.
    #[error(transparent)]
    Jwt(#[from] BadJwt),
}

impl Credentials {
    /// Those of the settings.
    #[must_use]
    pub fn new(settings: &AuthSettings) -> Self {
        let tokens = || TokenTable::new(settings.tokens.entries.clone());
        match settings.mode {
            AuthMode::Open => Self::Open,
            AuthMode::Token => Self::Tokens(tokens()),
            AuthMode::Jwt => Self::Jwt(tokens(), settings.jwt_rules()),
        }
    }

    /// Who shows a token.
    ///
    /// # Errors
    /// When it is not good.
    pub fn identify(&self, token: &str, now: DateTime<Utc>) -> Result<Identity, BadCredentials> {
        match self {
            Self::Open => Ok(Identity::anybody()),
            Self::Tokens(tokens) => Ok(tokens.identify(token, now)?),
            // A token of ours has no dots: whoever mistypes one is not told about parts.
            Self::Jwt(tokens, rules) => match tokens.identify(token, now) {
                Err(BadToken::Unknown) if token.contains('.') => {
                    Ok(rules.verify(token, now)?.identity)
                }
                known => Ok(known?),
            },
        }
    }

    /// What a token allows on private channels: to read with the scope `read`, to write with
    /// `ingest`, until it expires.
    ///
    /// # Errors
    /// When it allows nothing, in the words of Realtime.
    pub fn grant(&self, token: &str, now: DateTime<Utc>) -> Result<Grant, TokenFault> {
        let identity = self.identify(token, now).map_err(|bad| bad.on_a_channel(now))?;
        let (read, write) =
            (identity.scopes.allow(Scope::Read), identity.scopes.allow(Scope::Ingest));
        Ok(Grant { read, write, expires: identity.expires_at })
    }
}

impl BadCredentials {
    /// The same in the words of Realtime, which has fewer.
    #[must_use]
    pub fn on_a_channel(self, now: DateTime<Utc>) -> TokenFault {
        match self {
            Self::Token(BadToken::Expired { at }) | Self::Jwt(BadJwt::Expired { at }) => {
                TokenFault::expired(at, now)
            }
            Self::Token(BadToken::Unknown) | Self::Jwt(BadJwt::TooLarge | BadJwt::Malformed(_)) => {
                TokenFault::Malformed
            }
            Self::Jwt(BadJwt::MissingClaim(_) | BadJwt::BadClaim { .. }) => {
                TokenFault::MissingClaims
            }
            Self::Jwt(
                BadJwt::Algorithm
                | BadJwt::OtherAlgorithm
                | BadJwt::UnknownKey
                | BadJwt::Signature
                | BadJwt::NotYetValid { .. }
                | BadJwt::Audience
                | BadJwt::Issuer,
            ) => TokenFault::Signature,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;
    use crate::core::access::{JwtKey, TokenHash};

    const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
    const TOKEN: &str = "sbx_0123456789abcdef0123456789abcdef";

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn settings(mode: AuthMode) -> AuthSettings {
        let mut settings = AuthSettings { mode, ..AuthSettings::default() };
        settings.jwt_secret.admit(JwtKey::secret(SECRET).unwrap()).unwrap();
        let entry = format!("producer ingest {} {}", TokenHash::of(TOKEN), now().to_rfc3339());
        settings.tokens =
            crate::core::access::TokenList::read(&entry, crate::core::access::Plain::Forbidden);
        settings
    }

    fn jwt(role: &str, expires_in: i64, secret: &[u8]) -> String {
        let claims = json!({ "role": role, "exp": now().timestamp() + expires_in });
        encode(&Header::default(), &claims, &EncodingKey::from_secret(secret)).unwrap()
    }

    #[test]
    fn tokens_that_are_known_here_work_beside_json_web_tokens() {
        let before = now() - TimeDelta::seconds(1);
        let both = Credentials::new(&settings(AuthMode::Jwt));
        let name = |token: &str| both.identify(token, before).map(|it| it.name.unwrap());
        assert_eq!(name(TOKEN), Ok("producer".into()));
        assert_eq!(name(&jwt("anon", 1, SECRET)), Ok("anon".into()));
        assert_eq!(name("sbx_other"), Err(BadToken::Unknown.into()));
        assert_eq!(both.identify(TOKEN, now()), Err(BadToken::Expired { at: now() }.into()));
        let tokens = Credentials::new(&settings(AuthMode::Token));
        assert!(tokens.identify(TOKEN, before).is_ok());
        let other = tokens.identify(&jwt("service_role", 1, SECRET), before);
        assert_eq!(other, Err(BadToken::Unknown.into()), "only where they are asked for");
        let open = Credentials::new(&settings(AuthMode::Open));
        assert_eq!(open.identify("anything", now()), Ok(Identity::anybody()));
    }

    #[test]
    fn a_channel_hears_what_a_token_allows_or_why_it_does_not() {
        let credentials = Credentials::new(&settings(AuthMode::Jwt));
        let grant = |token: &str| credentials.grant(token, now());
        for (role, read, write) in
            [("authenticated", true, false), ("service_role", true, true), ("anon", false, false)]
        {
            let expires = Some(now() + TimeDelta::seconds(9));
            assert_eq!(grant(&jwt(role, 9, SECRET)), Ok(Grant { read, write, expires }), "{role}");
        }
        let expired = TokenFault::Expired { seconds: 7 };
        assert_eq!(grant(&jwt("authenticated", -7, SECRET)), Err(expired));
        assert_eq!(grant(TOKEN), Err(TokenFault::Expired { seconds: 0 }));
        assert_eq!(grant(&jwt("authenticated", 9, &[7; 32])), Err(TokenFault::Signature));
        assert_eq!(grant(&jwt("", 9, SECRET)), Err(TokenFault::MissingClaims));
        for malformed in ["", "sbx_other", "a.b.c", "."] {
            assert_eq!(grant(malformed), Err(TokenFault::Malformed), "{malformed}");
        }
        let open = Credentials::Open.grant("any key", now());
        assert_eq!(open, Ok(Grant { read: true, write: true, expires: None }));
    }
}
