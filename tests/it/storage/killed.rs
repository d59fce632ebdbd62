//! A writer that is killed while it sets events aside: a dead letter and the cursor behind it are
//! both there, or neither is.

use std::{
    env,
    io::{self, BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use signalbox::{
    core::{cursor::durable::CursorStep, event::Position},
    storage::{DeadLetterQuery, From, NewDeadLetter, Note, open},
};

use super::{
    on_both,
    place::{Place, at, draft, id, options, request},
};
use crate::crash::seed;

on_both! {
    a_dead_letter_and_its_cursor_survive_kill_9_together,
}

/// Tells the program of the tests that it is the writer, and of which database.
const WRITES_TO: &str = "SIGNALBOX_TEST_BURIES_IN";
const EVENTS: u32 = 900;
const ROUNDS: u64 = 4;

async fn a_dead_letter_and_its_cursor_survive_kill_9_together(place: Place) {
    seed();
    let mut writer = place.writer().await.writer;
    let drafts: Vec<_> = (1..=EVENTS).map(draft).collect();
    writer.commit(&drafts, &[], at(1)).await.unwrap();
    drop(writer);
    let mut done = 0;
    for round in 1..=ROUNDS {
        if done == u64::from(EVENTS) {
            return; // It was quicker than this test.
        }
        let goal = (done + fastrand::u64(1..u64::from(EVENTS) / ROUNDS / 2)).min(EVENTS.into());
        let url = place.url.clone();
        // The writer before lets its lock go only while this thread has time for it.
        let killing = tokio::task::spawn_blocking(move || buried_until(&url, goal));
        let killed = killing.await.unwrap();
        let cursor = place.storage.cursor("realtime").await.unwrap().unwrap();
        done = cursor.through;
        assert!(done >= killed, "round {round}: {done} is less than {killed}, which was answered");
        assert_eq!(letters(&place).await, (1..=done).collect::<Vec<_>>(), "round {round}");
    }
}

async fn letters(place: &Place) -> Vec<u64> {
    let query = DeadLetterQuery {
        from: From::After(0),
        limit: EVENTS as usize,
        adapter: None,
        status: None,
    };
    let letters = place.storage.dead_letters(&query).await.unwrap().records;
    letters.iter().map(|letter| letter.position.seq).collect()
}

/// Kills the writer once it says that `seq` is set aside; the last that it said.
fn buried_until(url: &str, seq: u64) -> u64 {
    let mut child = Writer::start(url);
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let mut said = lines.map_while(Result::ok).filter_map(|line| line.parse::<u64>().ok());
    let reached = said.find(|said| *said >= seq).expect("the writer ended by itself");
    child.0.kill().unwrap();
    said.last().unwrap_or(reached)
}

struct Writer(Child);

impl Writer {
    fn start(url: &str) -> Self {
        let mut program = Command::new(env::current_exe().unwrap());
        program.args(["--exact", "--nocapture", "storage::killed::the_writer_when_asked_to_be"]);
        program.env(WRITES_TO, url).stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(program.spawn().unwrap())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.0.kill());
        self.0.wait().unwrap();
    }
}

/// Nothing, but in the process that is to be killed: there it sets one event aside after another.
#[actix::test]
async fn the_writer_when_asked_to_be() {
    let Ok(url) = env::var(WRITES_TO) else { return };
    let storage = open(&options(&url)).await.unwrap();
    let opened = storage.open_writer(request()).await.unwrap();
    let (mut writer, epoch) = (opened.writer, opened.head.epoch);
    let done = storage.cursor("realtime").await.unwrap().map_or(0, |cursor| cursor.through);
    for seq in done + 1..=EVENTS.into() {
        let event = storage.event(id(u32::try_from(seq).unwrap())).await.unwrap().unwrap();
        let (adapter, reason) = ("realtime".into(), "too large".into());
        let letter = NewDeadLetter { adapter, epoch, event: event.into(), reason, attempts: 1 };
        let step = CursorStep::new("realtime", Position { epoch, seq });
        let note = Note::Bury { letters: vec![letter], step };
        writer.note(&[note], at(2)).await.unwrap();
        writeln!(io::stdout(), "{seq}").unwrap();
    }
    // Until it is killed, or the test is gone.
    io::stdin().read_line(&mut String::new()).unwrap();
}
