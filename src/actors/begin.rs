//! Where a subscription begins that is not told by a position: at a time, or at the newest n.

use crate::{
    core::{event::Seq, fanout::Begin, filter::Filter, protocol},
    storage::{From, PageQuery, Storage, StorageError},
};

/// Events looked at in one page when the newest matching ones are searched.
const PAGE: usize = 1000;
/// Events looked at in all: a filter that matches rarely gets fewer than it asked for.
const MAX_SCANNED: usize = 100_000;

/// Storage cannot tell now.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("events of before cannot be read now; subscribe from \"now\", or try again")]
pub struct Unavailable;

/// Finds the beginning of a subscription.
///
/// # Errors
/// When storage cannot be read.
pub async fn find(
    storage: &dyn Storage,
    filter: &Filter,
    from: protocol::From,
) -> Result<Begin, Unavailable> {
    match from {
        protocol::From::Now => Ok(Begin::Now),
        protocol::From::After(position) => Ok(Begin::After(position)),
        protocol::From::Time(time) => {
            storage.first_since(time).await.map(Begin::At).map_err(failed)
        }
        protocol::From::Last(n) => newest(storage, filter, n).await.map(Begin::At).map_err(failed),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
fn failed(error: StorageError) -> Unavailable {
    tracing::warn!(%error, "the beginning of a subscription cannot be read");
    Unavailable
}

/// The `seq` of the oldest of the newest `n` matching events.
async fn newest(storage: &dyn Storage, filter: &Filter, n: usize) -> Result<Seq, StorageError> {
    let head = storage.head().await?;
    let (mut before, mut found, mut scanned) = (head.head_seq + 1, 0, 0);
    let mut first = before;
    // Most filters match most events: a storm of clients that want a few must not read thousands.
    let mut limit = n.min(PAGE);
    while found < n && scanned < MAX_SCANNED && before > head.first_seq {
        let query = PageQuery { from: From::Before(before), limit, ..PageQuery::default() };
        let page = storage.page(&query).await?;
        for event in page.events.iter().filter(|event| filter.matches(event)).take(n - found) {
            found += 1;
            first = event.seq;
        }
        scanned += page.events.len();
        if page.scanned_through >= before {
            break;
        }
        before = page.scanned_through;
        limit = PAGE;
    }
    Ok(first)
}
