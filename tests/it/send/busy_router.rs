//! A router that is busy a few times, and then stores; it keeps what it was sent.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
};

const BUSY: &str = r#"{"code":"queue_full","detail":"busy"}"#;
const STORED: &str = r#"{"epoch":"00000000-0000-0000-0000-000000000009","accepted":1,"duplicates":0,"rejected":[],"first_seq":1,"last_seq":1}"#;

pub struct BusyRouter {
    pub url: String,
    /// The bodies, as they come.
    pub bodies: Receiver<String>,
}

impl BusyRouter {
    /// It is busy so many times. One connection is all it takes: a client keeps it.
    pub fn start(times: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, bodies) = channel();
        thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut requests = BufReader::new(client.try_clone().unwrap());
            for n in 0.. {
                let Some(body) = body(&mut requests) else { return };
                drop(sender.send(body));
                let (status, body) = if n < times {
                    ("503 Service Unavailable\r\nretry-after: 0", BUSY)
                } else {
                    ("202 Accepted", STORED)
                };
                let length = body.len();
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
                client.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { url, bodies }
    }
}

/// The body of the next request.
fn body(requests: &mut BufReader<TcpStream>) -> Option<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if requests.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.to_lowercase().trim().split_once(':') {
            Some(("content-length", n)) => length = n.trim().parse().unwrap(),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    requests.read_exact(&mut body).ok()?;
    Some(String::from_utf8(body).unwrap())
}
