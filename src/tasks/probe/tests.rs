//! Both probes before servers that do what they are told to: real sockets, and a real WebSocket at
//! the other end.

use actix::prelude::*;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message as Frame};
use uuid::Uuid;

use super::*;
use crate::{
    core::{
        event::Seq,
        numbering::Head,
        rehearsal::{ByFault, Fault, Rehearsal, USUAL, share},
        tail::{Tail, TailLimits},
    },
    settings::Secret,
};

const EPOCH: Uuid = Uuid::from_u128(9);

/// What a probe told.
#[derive(Debug, PartialEq)]
enum News {
    Up(Seq),
    Seen(Vec<Seq>),
    Proven,
    Down(String),
}

/// Whom it is told.
struct Listener(mpsc::UnboundedSender<News>);

impl Actor for Listener {
    type Context = Context<Self>;
}

macro_rules! hears {
    ($($message:ident => $news:expr;)+) => { $(
        impl Handler<$message> for Listener {
            type Result = ();

            fn handle(&mut self, message: $message, _: &mut Self::Context) {
                let news: fn($message) -> News = $news;
                drop(self.0.send(news(message)));
            }
        }
    )+ };
}

hears! {
    ProbeUp => |up| News::Up(up.from);
    ProbeProven => |_| News::Proven;
    ProbeDown => |down| News::Down(down.reason.into());
    Receipts => |it| News::Seen(it.seen.iter().map(|(shown, _)| shown.seq.unwrap()).collect());
}

/// A server for each probe, and what they tell.
struct Stage {
    direct: TcpListener,
    realtime: TcpListener,
    tail: Arc<SharedTail>,
    rehearsals: Arc<Rehearsals>,
    metrics: Arc<Metrics>,
    news: mpsc::UnboundedReceiver<News>,
    _probes: Probes,
}

impl Stage {
    /// The journal's head is 7.
    async fn set(rows: bool) -> Self {
        let listen = || TcpListener::bind("127.0.0.1:0");
        let (direct, realtime) = (listen().await.unwrap(), listen().await.unwrap());
        let destination = |listener: &TcpListener| Destination {
            url: format!("http://{}", listener.local_addr().unwrap()),
            key: Secret::new("s3cret".to_owned()),
            topic: "wall".to_owned(),
            timeout: Duration::from_secs(30),
            request_bytes: 0,
        };
        let tail = Arc::new(SharedTail::new(tail_at(7)));
        let metrics = Arc::<Metrics>::default();
        let rehearsals = Arc::new(Rehearsals::new(metrics.clone()));
        let (sender, news) = mpsc::unbounded_channel();
        let listener = Listener(sender).start();
        let options = ProbeOptions {
            direct: destination(&direct),
            realtime: destination(&realtime),
            rows,
            canary: Duration::from_millis(20),
            tail: tail.clone(),
            rehearsals: rehearsals.clone(),
            metrics: metrics.clone(),
            told: ProbeRecipients {
                up: listener.clone().recipient(),
                seen: listener.clone().recipient(),
                proven: listener.clone().recipient(),
                down: listener.recipient(),
            },
        };
        let probes = Probes::start(&options).unwrap();
        Self { direct, realtime, tail, rehearsals, metrics, news, _probes: probes }
    }

    /// The next news, without proofs.
    async fn news(&mut self) -> News {
        loop {
            match self.any_news().await {
                News::Proven => {}
                news => return news,
            }
        }
    }

    async fn any_news(&mut self) -> News {
        // The other probe is never let in.
        self.news.recv().await.unwrap()
    }

    async fn until_proven(&mut self) {
        assert_eq!(self.any_news().await, News::Proven);
    }
}

fn tail_at(seq: Seq) -> Tail {
    let head = Head { head_seq: seq, ..Head::empty(EPOCH) };
    Tail::empty(head, TailLimits { events: 10, bytes: 1000 })
}

/// The server's end of a socket.
struct Peer(WebSocketStream<TcpStream>);

impl Peer {
    async fn accept(listener: &TcpListener) -> Self {
        let (socket, _) = listener.accept().await.unwrap();
        Self(accept_async(socket).await.unwrap())
    }

    async fn hear(&mut self) -> Value {
        let message = self.0.next().await.unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Frame::text(message.to_string())).await.unwrap();
    }

    /// Hears a ping, and answers it.
    async fn pong(&mut self) {
        assert_eq!(self.hear().await, json!({ "type": "ping" }));
        self.say(json!({ "type": "pong" })).await;
    }

    /// Hears a subscription, and answers it; where it begins.
    async fn subscribed(&mut self, seq: Seq, recovered: bool) -> Value {
        self.say(json!({ "type": "welcome", "heartbeat_ms": 1000 })).await;
        let subscribe = self.hear().await;
        assert_eq!(subscribe["type"], "subscribe");
        let answer = json!({
            "type": "subscribed", "epoch": EPOCH, "seq": seq, "recovered": recovered,
        });
        self.say(answer).await;
        subscribe["from"].clone()
    }

    async fn event(&mut self, seq: Seq) {
        self.say(json!({ "type": "event", "event": event(seq) })).await;
    }

    /// Hears both joins, and answers them.
    async fn joined(&mut self) -> [Value; 2] {
        let joins = [self.hear().await, self.hear().await];
        for join in &joins {
            let payload = json!({ "status": "ok", "response": { "postgres_changes": [] } });
            self.say(json!([join[0], join[1], join[2], "phx_reply", payload])).await;
        }
        joins
    }

    async fn broadcast(&mut self, topic: &str, name: &str, payload: Value) {
        let payload = json!({ "type": "broadcast", "event": name, "payload": payload });
        self.say(json!([null, null, topic, "broadcast", payload])).await;
    }

    /// Hears what the probe says to itself, and says it back.
    async fn echo(&mut self) {
        let said = self.hear().await;
        self.say(json!([null, null, said[2], "broadcast", said[4]])).await;
    }
}

fn event(seq: Seq) -> Value {
    json!({
        "id": Uuid::from_u128(seq.into()), "seq": seq, "epoch": EPOCH, "event_type": "t",
        "data": { "n": seq },
    })
}

const TOPIC: &str = "realtime:wall";

#[actix::test]
async fn a_session_goes_on_where_it_was_and_nothing_is_missed() {
    let mut stage = Stage::set(false).await;
    let mut peer = Peer::accept(&stage.direct).await;
    assert_eq!(peer.subscribed(5, true).await, "now");
    assert_eq!(stage.news().await, News::Up(5));
    peer.event(6).await;
    peer.event(7).await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let News::Seen(more) = stage.news().await else { panic!("nothing was seen") };
        seen.extend(more);
    }
    assert_eq!(seen, [6, 7]);
    peer.pong().await;
    stage.until_proven().await;
    drop(peer);
    let mut peer = Peer::accept(&stage.direct).await;
    assert_eq!(peer.subscribed(7, true).await, json!({ "epoch": EPOCH, "seq": 7 }));
    peer.event(8).await;
    assert_eq!(stage.news().await, News::Seen(vec![8]), "nothing was broken");
}

#[actix::test]
async fn a_session_that_cannot_go_on_broke_and_so_did_one_with_a_gap() {
    let mut stage = Stage::set(false).await;
    let mut peer = Peer::accept(&stage.direct).await;
    peer.subscribed(5, true).await;
    assert_eq!(stage.news().await, News::Up(5));
    drop(peer);
    let mut peer = Peer::accept(&stage.direct).await;
    assert_eq!(peer.subscribed(20, false).await["seq"], 5);
    let gap = |from: Seq, to: Seq| json!({ "type": "gap", "from_seq": from, "to_seq": to, "reason": "retention" });
    peer.say(gap(6, 20)).await;
    let why = "the session could not go on where it was";
    assert_eq!(stage.news().await, News::Down(why.to_owned()));
    assert_eq!(stage.news().await, News::Up(20), "once");
    peer.event(21).await;
    peer.say(gap(22, 30)).await;
    assert_eq!(stage.news().await, News::Seen(vec![21]));
    assert_eq!(stage.news().await, News::Down("a gap from 22 to 30: retention".to_owned()));
    assert_eq!(stage.news().await, News::Up(30));
}

#[actix::test]
async fn what_is_behind_is_not_proven_by_a_pong() {
    let mut stage = Stage::set(false).await;
    stage.tail.store(tail_at(9));
    let mut peer = Peer::accept(&stage.direct).await;
    peer.subscribed(7, true).await;
    assert_eq!(stage.news().await, News::Up(7));
    peer.pong().await;
    peer.pong().await;
    peer.event(8).await;
    assert_eq!(stage.any_news().await, News::Seen(vec![8]), "and no proof");
    peer.event(9).await;
    assert_eq!(stage.any_news().await, News::Seen(vec![9]));
    stage.until_proven().await;
}

#[actix::test]
async fn a_session_that_does_not_answer_is_left() {
    let stage = Stage::set(false).await;
    let mut peer = Peer::accept(&stage.direct).await;
    peer.subscribed(7, true).await;
    // It says pings, and comes back with another connection.
    let again = async { Peer::accept(&stage.direct).await.subscribed(7, true).await };
    let pings = async { while peer.0.next().await.is_some_and(|it| it.is_ok()) {} };
    let (from, ()) = tokio::join!(again, pings);
    assert_eq!(from["seq"], 7);
}

#[actix::test]
async fn faults_of_the_direct_path_are_planted_at_its_ear() {
    let mut stage = Stage::set(false).await;
    let mut peer = Peer::accept(&stage.direct).await;
    peer.subscribed(7, true).await;
    assert_eq!(stage.news().await, News::Up(7));
    let rehearsals = stage.rehearsals.clone();
    let begin = |fault| {
        let shares = ByFault::of(|it| share(if it == fault { 1.0 } else { 0.0 }).unwrap());
        let delay = Duration::from_mins(5);
        let rehearsal = Rehearsal::try_new(Path::Websocket, shares, delay, USUAL).unwrap();
        rehearsals.begin(rehearsal, "somebody".into(), chrono::Utc::now()).0
    };
    let running = begin(Fault::Drop);
    stage.tail.store(tail_at(8));
    peer.event(8).await;
    // It hears all the same, and so it is proven.
    while running.planted().get(Fault::Drop) == 0 {
        tokio::task::yield_now().await;
    }
    let running = begin(Fault::Delay);
    peer.event(9).await;
    while running.planted().get(Fault::Delay) == 0 {
        tokio::task::yield_now().await;
    }
    peer.pong().await;
    stage.until_proven().await;
    rehearsals.end(None);
    assert_eq!(stage.news().await, News::Seen(vec![9]), "it is over");
    begin(Fault::Duplicate);
    peer.event(10).await;
    assert_eq!(stage.news().await, News::Seen(vec![10, 10]));
}

#[actix::test]
async fn a_channel_hears_events_and_itself() {
    let mut stage = Stage::set(false).await;
    let mut peer = Peer::accept(&stage.realtime).await;
    let [events, echo] = peer.joined().await;
    assert_eq!((&events[2], &events[4]["access_token"]), (&json!(TOPIC), &json!("s3cret")));
    assert_eq!(events[4]["config"]["broadcast"]["self"], false);
    assert!(echo[2].as_str().unwrap().starts_with("realtime:signalbox:probe:"), "{echo}");
    assert_eq!(echo[4]["config"]["broadcast"]["self"], true);
    assert_eq!(stage.news().await, News::Up(7));
    peer.broadcast(TOPIC, "signalbox:head", json!({ "epoch": EPOCH, "seq": 7 })).await;
    peer.broadcast("realtime:another", "t", event(1)).await;
    peer.broadcast(TOPIC, "t", json!({ "no": "event" })).await;
    peer.broadcast(TOPIC, "t", event(8)).await;
    assert_eq!(stage.news().await, News::Seen(vec![8]));
    peer.echo().await;
    stage.until_proven().await;
    let unreadable = "signalbox_probe_unreadable_total{path=\"realtime\"} 1\n";
    assert!(stage.metrics.render().contains(unreadable));
    peer.say(json!(["1", "1", TOPIC, "phx_error", {}])).await;
    assert_eq!(stage.news().await, News::Down("the channel crashed".to_owned()));
    let mut peer = Peer::accept(&stage.realtime).await;
    peer.joined().await;
    assert_eq!(stage.news().await, News::Up(7));
    peer.say(json!(["2", "2", echo[2], "phx_close", {}])).await;
    assert_eq!(stage.news().await, News::Down("the channel was closed".to_owned()));
    drop(peer);
    // An echo that does not come back.
    let mut peer = Peer::accept(&stage.realtime).await;
    peer.joined().await;
    assert_eq!(stage.news().await, News::Up(7));
    let why = "what the probe says does not come back";
    assert_eq!(stage.news().await, News::Down(why.to_owned()));
}

#[actix::test]
async fn rows_are_heard_once_they_are_told() {
    let mut stage = Stage::set(true).await;
    let mut peer = Peer::accept(&stage.realtime).await;
    let [events, _] = peer.joined().await;
    let rows = &events[4]["config"]["postgres_changes"];
    let wanted =
        json!([{ "event": "INSERT", "schema": "monitoring", "table": "monitoring_events" }]);
    assert_eq!(*rows, wanted);
    let change = |seq| {
        let data = json!({ "type": "INSERT", "record": event(seq), "errors": null });
        json!([null, null, TOPIC, "postgres_changes", { "ids": [1], "data": data }])
    };
    peer.say(change(7)).await;
    let system = |status, message| {
        let payload =
            json!({ "extension": "postgres_changes", "status": status, "message": message });
        json!(["1", null, TOPIC, "system", payload])
    };
    peer.say(system("ok", "Subscribed to PostgreSQL")).await;
    assert_eq!(stage.news().await, News::Up(7), "not before");
    peer.broadcast(TOPIC, "t", event(9)).await;
    peer.say(change(8)).await;
    assert_eq!(stage.news().await, News::Seen(vec![8]));
    peer.say(system("error", "no table s3cret")).await;
    assert_eq!(stage.news().await, News::Down("no table ***".to_owned()));
}

#[actix::test]
async fn a_refused_join_is_no_subscription() {
    let mut stage = Stage::set(false).await;
    let mut peer = Peer::accept(&stage.realtime).await;
    let joins = [peer.hear().await, peer.hear().await];
    let refusal = json!({ "status": "error", "response": { "reason": "Unauthorized" } });
    peer.say(json!(["1", "1", joins[0][2], "phx_reply", refusal])).await;
    let mut peer = Peer::accept(&stage.realtime).await;
    peer.joined().await;
    assert_eq!(stage.news().await, News::Up(7), "and nothing went down");
}
