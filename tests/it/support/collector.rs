//! A collector of traces: takes OTLP over HTTP, as protobuf, and keeps it.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message;

/// A collector; its threads end with the test.
pub struct Collector {
    pub address: SocketAddr,
    taken: Arc<Mutex<Vec<Taken>>>,
}

/// One message, as it came.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The head of the request, in lower case.
    pub head: String,
    pub body: Vec<u8>,
    pub request: ExportTraceServiceRequest,
}

impl Collector {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = Self { address: listener.local_addr().unwrap(), taken: Arc::default() };
        let taken = collector.taken.clone();
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let taken = taken.clone();
                thread::spawn(move || while take(&socket, &taken).is_some() {});
            }
        });
        collector
    }

    /// The variable that sends traces here.
    pub fn endpoint(&self) -> String {
        format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{}", self.address)
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }

    /// Every span that has come.
    pub fn spans(&self) -> Vec<Span> {
        let taken = self.taken();
        let resources = taken.into_iter().flat_map(|taken| taken.request.resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// Every span of that name.
    pub fn named(&self, name: &str) -> Vec<Span> {
        self.spans().into_iter().filter(|span| span.name == name).collect()
    }

    /// What a message says about who sent it.
    pub fn resource(&self) -> HashMap<String, String> {
        let taken = self.taken();
        attributes(&taken[0].request.resource_spans[0].resource.as_ref().unwrap().attributes)
    }
}

/// Attributes as text, by name.
pub fn attributes(list: &[KeyValue]) -> HashMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|it| it.value.clone()) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    list.iter().map(|pair| (pair.key.clone(), text(&pair.value))).collect()
}

/// Takes one message; none when the connection ends.
fn take(socket: &TcpStream, taken: &Mutex<Vec<Taken>>) -> Option<()> {
    let mut reader = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let head = head.to_lowercase();
    let (_, length) = head.split_once("content-length: ").unwrap();
    let mut body = vec![0; length.lines().next().unwrap().parse().unwrap()];
    reader.read_exact(&mut body).ok()?;
    let request = ExportTraceServiceRequest::decode(&*body).unwrap();
    taken.lock().unwrap().push(Taken { head, body, request });
    let answer =
        "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
    (&mut &*socket).write_all(answer.as_bytes()).ok()
}
