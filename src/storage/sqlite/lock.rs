//! The lock file beside the database: one writer at a time, and a witness of what it wrote.
//!
//! The witness says which database this is and the newest position that was committed to it. A
//! database that was restored, copied or replaced does not agree with it, and begins a new epoch.
//! It is written after each commit and not synced: one that lags behind is merely weaker.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use crate::{
    core::event::{Position, Seq},
    storage::fault::Fault,
};

/// The lock, held until it is dropped.
pub(super) struct Lock {
    file: File,
}

/// What the lock file says about the database beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Witness {
    /// Made with the epoch; a part of the identity in the `journal` row.
    pub(super) token: Uuid,
    /// The newest position committed.
    pub(super) last: Position,
}

impl Lock {
    /// The lock file of a database, made when absent.
    pub(super) fn file(database: &Path) -> Result<File, Fault> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        file.map_err(|error| Fault::Lost(format!("{} cannot be written: {error}", path.display())))
    }

    /// Takes the lock; none when another writer has it.
    pub(super) fn try_take(database: &Path) -> Result<Option<Self>, Fault> {
        let file = Self::file(database)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(Fault::Lost(format!("the lock file cannot be locked: {error}")))
            }
        }
    }

    /// What is written there; none when it cannot be made out.
    pub(super) fn witness(&mut self) -> Option<Witness> {
        let mut text = String::new();
        self.file.rewind().ok()?;
        self.file.read_to_string(&mut text).ok()?;
        Witness::parse(&text)
    }

    /// Overwrites the witness.
    pub(super) fn record(&mut self, witness: &Witness) -> std::io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(witness.line().as_bytes())
    }
}

impl Witness {
    /// Always of one length, so that it is overwritten whole.
    fn line(&self) -> String {
        format!("{} {} {:020}\n", self.token, self.last.epoch, self.last.seq)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.strip_suffix('\n')?.split(' ');
        let token = Uuid::parse_str(words.next()?).ok()?;
        let epoch = Uuid::parse_str(words.next()?).ok()?;
        let seq = words.next()?.parse::<Seq>().ok()?;
        words.next().is_none().then_some(Self { token, last: Position { epoch, seq } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_witness_reads_as_it_was_written_and_nothing_else_does() {
        let last = Position { epoch: Uuid::from_u128(5), seq: 42 };
        let witness = Witness { token: Uuid::from_u128(7), last };
        assert_eq!(Witness::parse(&witness.line()), Some(witness));
        let line = witness.line();
        for text in ["", "\n", "a 1\n", line.trim_end(), &format!("{} x\n", line.trim_end())] {
            assert_eq!(Witness::parse(text), None, "{text:?}");
        }
    }
}
