//! `signalbox explain`: the whole path of one event, for people.
//!
//! What is printed is `GET /v1/events/{id}/trace`. A part says where the router has it from:
//! `storage` is durable, `recent` is a bounded record in memory, `now` is of who is connected now.

mod told;

use std::{
    io::{self, Write},
    time::Duration,
};

use uuid::Uuid;

use super::{
    client::{ClientError, Target, answer, root_cause},
    reply::Reply,
};

/// How long the router may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Shows the whole path of an event that is still in the journal.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    target: Target,
    /// The event's id
    #[arg(value_name = "EVENT ID")]
    id: Uuid,
    /// Print the router's answer as it is: one JSON object
    #[arg(long)]
    json: bool,
}

/// Asks, and prints the answer.
///
/// # Errors
/// When the router cannot be reached, does not know the event, or standard output is gone.
pub async fn run(args: ExplainArgs) -> Result<(), ClientError> {
    let body = ask(&args.target, args.id).await?;
    let text = if args.json {
        format!("{}\n", String::from_utf8_lossy(&body).trim_end())
    } else {
        let trace = serde_json::from_slice(&body);
        let unclear = |error| args.target.refused(format!("its answer is not understood: {error}"));
        told::told(&trace.map_err(unclear)?)
    };
    Ok(io::stdout().write_all(text.as_bytes())?)
}

async fn ask(target: &Target, id: Uuid) -> Result<bytes::Bytes, ClientError> {
    let lost = |error: &dyn std::error::Error| target.unreachable(root_cause(error));
    let url = target.url.route(&format!("/v1/events/{id}/trace"));
    let response = target.http()?.get(url).timeout(PATIENCE).send().await.map_err(|e| lost(&e))?;
    let Reply { status, body, .. } = Reply::read(response).await.map_err(|e| lost(&e))?;
    if status.is_success() {
        return Ok(body);
    }
    let said = answer(status, &body);
    let may_pass = status.is_server_error() || status.as_u16() == 429;
    Err(if may_pass { target.unreachable(said) } else { target.refused(said) })
}
