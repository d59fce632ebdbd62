//! JSON Web Tokens on the command line: made with a key, and checked by the settings as the router
//! does it.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;

use super::{CliError, scope_names, signer::Signer};
use crate::{
    core::{
        access::{JwtRules, Scopes, Verified},
        event::rfc3339,
    },
    settings::{AuthMode, AuthSettings},
};

/// What a JSON Web Token says, and who signs it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "JSON Web Tokens")]
pub(super) struct JwtArgs {
    /// Make a JSON Web Token, for `auth.mode = "jwt"`; it has no line in a file
    #[arg(long, requires_all = ["role", "expires_in"])]
    pub(super) jwt: bool,
    /// Its role, to which `auth.jwt_roles` gives scopes
    #[arg(long, requires = "jwt")]
    role: Option<String>,
    /// Who will have it; without it, it is known by its role
    #[arg(long, requires = "jwt")]
    sub: Option<String>,
    /// For whom it is; without it, as `auth.jwt_audience` says
    #[arg(long, requires = "jwt")]
    aud: Option<String>,
    /// The name of its key in a JSON Web Key Set
    #[arg(long, requires = "jwt")]
    kid: Option<String>,
    /// The file of a secret, or of a private key in PEM; without it, `SIGNALBOX_JWT_KEY` holds one, or
    /// the secret of the settings is taken
    #[arg(long, requires = "jwt", value_name = "PATH")]
    key_file: Option<PathBuf>,
}

/// What is signed.
#[derive(Serialize)]
struct Claims {
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    iat: i64,
    exp: i64,
}

impl JwtArgs {
    /// Makes the token; what is said of it, and what these settings say of it.
    pub(super) fn mint(
        self,
        settings: &AuthSettings,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
        json: bool,
    ) -> Result<String, CliError> {
        let signer = Signer::find(self.key_file.as_deref(), settings)?;
        let claims = Claims {
            role: self.role.unwrap_or_default(),
            sub: self.sub,
            aud: self.aud.or_else(|| settings.jwt_audience.clone()),
            iss: settings.jwt_issuer.clone(),
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
        };
        let token = signer.sign(&claims, self.kid)?;
        let rules = settings.jwt_rules();
        let (scopes, fault) = match verify(&rules, settings.mode, &token, now) {
            Ok(verified) => (Some(verified.identity.scopes), None),
            Err(fault) => (None, Some(fault)),
        };
        let (algorithm, until) = (signer.algorithm(), rfc3339(expires_at));
        if json {
            let scopes = scopes.map(scope_names);
            let said = json!({
                "token": token, "algorithm": algorithm, "claims": claims, "expires_at": until,
                "scopes": scopes, "fault": fault,
            });
            return Ok(format!("{said}\n"));
        }
        let said = match (scopes, fault) {
            (Some(scopes), _) => format!("they let it {}", allowed(scopes)),
            (None, fault) => format!("they do not take it: {}", fault.unwrap_or_default()),
        };
        Ok(format!(
            "{token}\n\nThis is a JSON Web Token, signed by {algorithm} and good until {until}: it is shown \
             this once,\nand stored nowhere. By these settings, {said}.\n"
        ))
    }
}

/// Whose a token is by these settings, or why it is not taken.
fn verify<'a>(
    rules: &'a JwtRules,
    mode: AuthMode,
    token: &str,
    now: DateTime<Utc>,
) -> Result<Verified<'a>, String> {
    if mode != AuthMode::Jwt {
        return Err("JSON Web Tokens are taken with auth.mode = \"jwt\" only".to_owned());
    }
    rules.verify(token, now).map_err(|fault| fault.to_string())
}

/// Whose a token is, and with which key it is signed.
pub(super) fn check(
    token: &str,
    settings: &AuthSettings,
    now: DateTime<Utc>,
    json: bool,
) -> Result<String, CliError> {
    let rules = settings.jwt_rules();
    let verified = verify(&rules, settings.mode, token, now).map_err(CliError::failed)?;
    let Verified { key, role, identity } = verified;
    let (name, until) = (identity.name.unwrap_or_default(), identity.expires_at.map(rfc3339));
    if json {
        let said = json!({
            "name": name, "scopes": scope_names(identity.scopes), "expires_at": until, "role": role,
            "algorithm": key.algorithm().as_str(), "key": key.source(), "kid": key.kid(),
        });
        return Ok(format!("{said}\n"));
    }
    let kid = key.kid().map(|kid| format!(" (kid {kid})")).unwrap_or_default();
    Ok(format!(
        "{name} may {}, until {}: role {role}, signed by {} with the key of {}{kid}\n",
        allowed(identity.scopes),
        until.unwrap_or_default(),
        key.algorithm(),
        key.source(),
    ))
}

/// The scopes, to follow "may".
fn allowed(scopes: Scopes) -> String {
    if scopes.is_empty() { "do nothing".to_owned() } else { scopes.to_string() }
}
