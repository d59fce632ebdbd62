//! Looks whether the settings file is another.
//!
//! Its content is read again twice a second, and compared. Editors put another file in its place,
//! Kubernetes another folder behind a link, and containers and network mounts tell nobody of either:
//! what a reader would see is the only thing that all of them change. The file is a few kilobytes
//! long, in the kernel's memory.

use std::{collections::BTreeMap, fs, io, path::PathBuf, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use super::{Change, FileText, LiveSettings, Reloader, Source};
use crate::settings::DEFAULT_FILE;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(500);
/// How long nothing more may be written before it is read in earnest.
const SETTLED: Duration = Duration::from_millis(200);
/// The longest that is waited for that.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long after settings that could not be followed they are tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// What the files hold, or why they cannot be read.
pub(super) type Contents = BTreeMap<PathBuf, Result<Vec<u8>, io::ErrorKind>>;

impl Reloader {
    /// Reloads when the files are others than at the last attempt, whoever made that, for as long as
    /// the process lives.
    pub async fn watch(self: Arc<Self>) {
        let mut again: Option<Instant> = None;
        loop {
            sleep(LOOK).await;
            let is_due = again.is_some_and(|at| at <= Instant::now());
            if !is_due && !self.are_others(&self.contents()).await {
                continue;
            }
            let settled = self.settled().await;
            if !is_due && !self.are_others(&settled).await {
                continue;
            }
            let result = self.apply(Change::Reload).await;
            let may_pass = result.is_err_and(|error| error.may_pass());
            again = may_pass.then(|| Instant::now() + AGAIN);
        }
    }

    async fn are_others(&self, now: &Contents) -> bool {
        self.turn.lock().await.seen != *now
    }

    pub(super) fn contents(&self) -> Contents {
        contents(&self.source, &self.live)
    }

    /// What they hold once nobody writes any more.
    async fn settled(&self) -> Contents {
        let began = Instant::now();
        let mut now = self.contents();
        loop {
            sleep(SETTLED).await;
            let then = std::mem::replace(&mut now, self.contents());
            if then == now || began.elapsed() >= PATIENCE {
                return now;
            }
        }
    }
}

/// What the settings file holds now, and the key's, which is a setting too.
fn contents(source: &Source, live: &LiveSettings) -> Contents {
    let file = source.path.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let files = [Some(file), live.load().realtime.key_file.clone()];
    // A pipe is read once, and is no file that somebody edits.
    let may_change = |path: &PathBuf| fs::metadata(path).map_or(true, |it| it.is_file());
    let read = |path: PathBuf| {
        let content = fs::read(&path).map_err(|error| error.kind());
        (path, content)
    };
    files.into_iter().flatten().filter(may_change).map(read).collect()
}

/// The same as it was when `read` was, which may be otherwise by now.
pub(super) fn at_start(source: &Source, live: &LiveSettings, read: &FileText) -> Contents {
    let text = match &read.text {
        Ok(Some(text)) => Ok(text.as_bytes().to_vec()),
        Ok(None) => Err(io::ErrorKind::NotFound),
        Err(error) => Err(error.kind()),
    };
    let mut contents = contents(source, live);
    if let Some(content) = contents.get_mut(&*read.path) {
        *content = text;
    }
    contents
}
