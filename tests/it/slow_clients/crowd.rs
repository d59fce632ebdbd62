//! Clients that read nothing, or little, but never stop; and what they have got in the end.

use std::{
    hash::{DefaultHasher, Hasher},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle, time::interval};

use crate::support::{
    router::Router,
    wire::{PING, PONG, TEXT, Wire, masked},
};

/// A subscribed client, and all it has got.
pub(super) struct Reader {
    wire: Wire,
    /// The last place it saw.
    pub(super) seq: u64,
    /// Of every event's frame, in order.
    digest: DefaultHasher,
}

/// How fast a slow client reads.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) bytes: usize,
    pub(super) every: Duration,
}

/// A client that reads slowly by itself, until it is told to catch up.
pub(super) struct Trickle {
    catch_up: watch::Sender<Option<u64>>,
    task: JoinHandle<Reader>,
}

impl Reader {
    /// Subscribes after what the journal holds now, or after `seq` of it.
    pub(super) async fn subscribed(router: &Router, after: Option<u64>) -> Self {
        let mut wire = Wire::session(router).await;
        let mut subscribe = json!({ "type": "subscribe" });
        if let Some(seq) = after {
            let epoch = router.get("/v1/stats").await["journal"]["epoch"].clone();
            subscribe["from"] = json!({ "epoch": epoch, "seq": seq });
        }
        wire.send(&masked(TEXT, subscribe.to_string().as_bytes())).await;
        let answer = wire.json().await;
        assert_eq!((&answer["type"], &answer["recovered"]), (&json!("subscribed"), &json!(true)));
        let seq = answer["seq"].as_u64().unwrap();
        Self { wire, seq, digest: DefaultHasher::new() }
    }

    pub(super) fn port(&self) -> u16 {
        self.wire.port()
    }

    /// What it has got, in a number: the same for all that got the same.
    pub(super) fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// Reads until it has the event `seq`: each one once and in order.
    pub(super) async fn read_to(&mut self, seq: u64) {
        while self.seq < seq {
            let frame = self.wire.frame().await.expect("it reads, and so is not cut");
            self.take(frame).await;
        }
    }

    async fn sip(&mut self, bytes: usize) {
        assert!(self.wire.sip(bytes).await, "it reads, and so is not cut");
        while let Some(frame) = self.wire.whole_frame() {
            self.take(frame).await;
        }
    }

    async fn take(&mut self, (first, payload): (u8, Vec<u8>)) {
        match first {
            TEXT => {
                let frame: Value = serde_json::from_slice(&payload).unwrap();
                assert_eq!(frame["event"]["seq"], self.seq + 1, "each once and in order: {frame}");
                self.seq += 1;
                self.digest.write(&payload);
            }
            PING => self.wire.send(&masked(PONG, &payload)).await,
            _ => panic!("{first:x} {payload:?}"),
        }
    }
}

impl Trickle {
    pub(super) fn start(mut reader: Reader, pace: Pace) -> Self {
        let (catch_up, mut told) = watch::channel(None);
        let task = tokio::spawn(async move {
            let mut sips = interval(pace.every);
            loop {
                sips.tick().await;
                let until = *told.borrow_and_update();
                if let Some(seq) = until {
                    reader.read_to(seq).await;
                    return reader;
                }
                tokio::select! {
                    () = reader.sip(pace.bytes) => {}
                    told = told.changed() => told.unwrap(),
                }
            }
        });
        Self { catch_up, task }
    }

    /// Reads as fast as it can from now on, up to the event `seq`.
    pub(super) async fn catch_up(self, seq: u64) -> Reader {
        self.catch_up.send_replace(Some(seq));
        self.task.await.unwrap()
    }
}
