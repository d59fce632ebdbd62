//! A dashboard on the realtime path: the npm client as anybody has it, on the router's own Realtime
//! (`tests/realtime-js/wall.mjs`).

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use serde_json::Value;

use crate::support::router::{PATIENCE, Router};

/// The process; killed when dropped.
pub(crate) struct Wall {
    child: Child,
    lines: Receiver<String>,
}

impl Wall {
    /// Subscribed to a topic.
    pub(crate) fn subscribed(router: &Router, topic: &str) -> Self {
        let mut node = Command::new("node");
        node.args(["tests/realtime-js/wall.mjs", &router.url(""), topic]);
        node.env("NO_PROXY", "127.0.0.1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = node.spawn().expect("what tests/setup.sh installs");
        let out = BufReader::new(child.stdout.take().unwrap());
        let (heard, lines) = channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // Nobody may listen any more.
                drop(heard.send(line));
            }
        });
        let wall = Self { child, lines };
        assert_eq!(wall.next(), "SUBSCRIBED");
        wall
    }

    /// The next broadcast that is an event: its name, and its payload.
    pub(crate) fn event(&self) -> (String, Value) {
        loop {
            let (name, payload) = self.broadcast();
            if name != "signalbox:head" {
                return (name, payload);
            }
        }
    }

    /// The next broadcast that says how far the path is.
    pub(crate) fn head(&self) -> Value {
        let (name, payload) = self.broadcast();
        assert_eq!(name, "signalbox:head", "{payload}");
        payload
    }

    fn broadcast(&self) -> (String, Value) {
        let line = self.next();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        (said["event"].as_str().unwrap().to_owned(), said["payload"].clone())
    }

    fn next(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("something to be heard in time")
    }
}

impl Drop for Wall {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
