//! `signalbox token`: makes a token, once to be seen, and its line for the file of tokens.
//! With `--jwt`, makes a JSON Web Token. `signalbox token check`: says whose a token is.
//!
//! A token never stands on a command line: every process of the machine could read it there.

mod jwt;
mod signer;

use std::{
    io::{self, Read, Write},
    path::Path,
    time::Duration,
};

use chrono::{DateTime, Datelike, SubsecRound, TimeDelta, Utc};
use serde_json::{Value, json};

use self::jwt::JwtArgs;
use super::{CliError, load};
use crate::{
    core::{
        access::{MAX_JWT, Scope, Scopes, TokenEntry, TokenHash, TokenTable, is_token_name},
        event::rfc3339,
    },
    http::auth,
};

/// What a token of ours begins with: so that one that lies around is recognised.
const PREFIX: &str = "sbx_";
/// Longest input that is read as a token, in bytes: enough to say that it is too large.
const MAX_INPUT: u64 = 2 * MAX_JWT as u64;

/// Makes a token: one of ours with its line for `auth.tokens_file`, or a JSON Web Token.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    command: Option<Command>,
    /// Who will have it: letters, digits, dots, hyphens and underscores
    #[arg(long, required_unless_present = "jwt", conflicts_with = "jwt", value_parser = name)]
    name: Option<String>,
    /// What it allows: ingest, read or admin, which includes the others; may be given several times
    #[arg(long, required_unless_present = "jwt", conflicts_with = "jwt", value_delimiter = ',')]
    scope: Vec<Scope>,
    /// How long it is good, such as 90d; without it, until its line is taken out
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    expires_in: Option<Duration>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    jwt: JwtArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Read a token from standard input, and say whose it is by these settings
    Check {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

fn name(text: &str) -> Result<String, String> {
    let allowed = "1 to 64 letters, digits, dots, hyphens and underscores";
    if is_token_name(text) { Ok(text.to_owned()) } else { Err(allowed.to_owned()) }
}

impl TokenArgs {
    pub(super) fn run(self, config: Option<&Path>) -> Result<(), CliError> {
        let text = match &self.command {
            Some(Command::Check { json }) => check(config, *json)?,
            None => self.mint(config, Utc::now())?,
        };
        io::stdout().write_all(text.as_bytes()).map_err(CliError::Output)
    }

    fn mint(self, config: Option<&Path>, now: DateTime<Utc>) -> Result<String, CliError> {
        let expires_at = self.expires_in.map(|time| expiry(now, time)).transpose()?;
        if self.jwt.jwt {
            // Never without it: clap asks for it.
            let expires_at = expires_at.unwrap_or(now);
            return self.jwt.mint(&load(config)?.settings.auth, now, expires_at, self.json);
        }
        let random = auth::random::<32>().map_err(CliError::failed)?;
        let token = format!("{PREFIX}{}", hex::encode(random));
        let entry = TokenEntry {
            name: self.name.unwrap_or_default().into(),
            scopes: self.scope.into_iter().collect(),
            hash: TokenHash::of(&token),
            expires_at,
        };
        if self.json {
            let mut shown = described(&entry);
            if let Some(members) = shown.as_object_mut() {
                members.insert("token".into(), token.into());
                members.insert("line".into(), entry.to_string().into());
            }
            return Ok(format!("{shown}\n"));
        }
        Ok(format!(
            "{token}\n\nThis is the token of {}: it is shown this once, and stored nowhere.\n\
             Its line for the file of auth.tokens_file, which the router reads when it starts:\n\n\
             {entry}\n",
            entry.name
        ))
    }
}

/// When something ends that begins now, to the second.
fn expiry(now: DateTime<Utc>, time: Duration) -> Result<DateTime<Utc>, CliError> {
    let time = TimeDelta::from_std(time).ok();
    let at = time.and_then(|time| now.checked_add_signed(time)).filter(|at| at.year() < 10_000);
    let too_long = || CliError::Usage("--expires-in reaches beyond every calendar".into());
    at.map(|at| at.trunc_subsecs(0)).ok_or_else(too_long)
}

/// Whose the token on standard input is.
fn check(config: Option<&Path>, json: bool) -> Result<String, CliError> {
    let settings = load(config)?.settings.auth;
    let table = TokenTable::new(settings.tokens.entries.clone());
    let mut text = String::new();
    let unread = |error| CliError::failed(format!("standard input cannot be read: {error}"));
    io::stdin().take(MAX_INPUT).read_to_string(&mut text).map_err(unread)?;
    let (token, now) = (text.trim(), Utc::now());
    let Some(entry) = table.find(token) else {
        if token.contains('.') {
            return jwt::check(token, &settings, now, json);
        }
        return Err(CliError::failed("the token is none of those in these settings"));
    };
    if let Err(error) = table.identify(token, now) {
        return Err(CliError::failed(format!("{error}: it was that of {}", entry.name)));
    }
    if json {
        return Ok(format!("{}\n", described(entry)));
    }
    let until = entry.expires_at.map(|at| format!(", until {}", rfc3339(at)));
    let until = until.unwrap_or_default();
    Ok(format!("{} may {}{until}\n", entry.name, entry.scopes))
}

fn described(entry: &TokenEntry) -> Value {
    json!({
        "name": entry.name,
        "scopes": scope_names(entry.scopes),
        "hash": entry.hash.to_string(),
        "expires_at": entry.expires_at.map(rfc3339),
    })
}

fn scope_names(scopes: Scopes) -> Vec<&'static str> {
    scopes.iter().map(Scope::as_str).collect()
}
