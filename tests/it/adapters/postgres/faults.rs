//! What the other database refuses, and what follows for the batch.

use signalbox::{
    adapters::Transport as _,
    core::delivery::{Delivered, DeliveryError, Which},
};

use super::place::{There, batch, event, events, transport};

/// An event that ingest would refuse, because no PostgreSQL can hold it.
fn poison(seq: u64) -> signalbox::core::event::Event {
    event(seq, "2025-11-03T09:32:55Z", r#"{"text":"\u0000"}"#, "{}")
}

#[actix::test]
async fn a_poison_row_is_refused_and_nothing_of_its_batch_is_there() {
    let there = There::new().await;
    let transport = transport(&there.url);
    let mut mixed = events(1..=3);
    mixed[1] = poison(2);
    let refused = transport.deliver(&batch(&mixed)).await;
    let Err(DeliveryError::Rejected { which: Which::Unknown, reason }) = refused else {
        panic!("{refused:?}")
    };
    assert!(reason.contains("22P05"), "{reason}");
    assert_eq!(there.count().await, 0);

    let alone = transport.deliver(&batch(&mixed[1..2])).await;
    let these = |which: &Which| *which == Which::These(vec![0]);
    assert!(
        matches!(&alone, Err(DeliveryError::Rejected { which, .. }) if these(which)),
        "{alone:?}"
    );
    let rest = batch(&[mixed[0].clone(), mixed[2].clone()]);
    assert_eq!(transport.deliver(&rest).await, Ok(Delivered { events: 2, known: 0 }));
    assert_eq!(there.seqs().await, [1, 3]);
}

#[actix::test]
async fn what_the_server_says_decides_whether_it_may_pass() {
    let there = There::new().await;
    there
        .sql(
            "CREATE TABLE answer (code TEXT); INSERT INTO answer VALUES ('');
             CREATE FUNCTION answer() RETURNS trigger LANGUAGE plpgsql AS $$
             DECLARE told TEXT := (SELECT code FROM public.answer); BEGIN
             RAISE EXCEPTION USING ERRCODE = told, MESSAGE = 'so it is',
                 DETAIL = 'a detail may quote an event'; END $$;
             CREATE TRIGGER answer BEFORE INSERT ON monitoring.monitoring_events
             FOR EACH ROW EXECUTE FUNCTION answer()",
        )
        .await;
    let transport = transport(&there.url);
    let (transient, rejected, misconfigured) = ("transient", "rejected", "misconfigured");
    for (code, expected) in [
        ("40001", transient),
        ("40P01", transient),
        ("53100", transient),
        ("53300", transient),
        ("55P03", transient),
        ("57P01", transient),
        ("22001", rejected),
        ("23514", rejected),
        ("54000", rejected),
        ("P0001", rejected),
        ("42501", misconfigured),
        ("42P01", misconfigured),
        ("42703", misconfigured),
    ] {
        there.client.execute("UPDATE answer SET code = $1", &[&code]).await.unwrap();
        let error = transport.deliver(&batch(&events(1..=2))).await.unwrap_err();
        let (said, reason) = match error {
            DeliveryError::Transient { reason } => (transient, reason),
            DeliveryError::Rejected { which: Which::Unknown, reason } => (rejected, reason),
            DeliveryError::Misconfigured { reason } => (misconfigured, reason),
            other => panic!("{code}: {other:?}"),
        };
        assert_eq!(said, expected, "{code}: {reason}");
        assert!(reason.contains("so it is") && !reason.contains("quote"), "{reason}");
    }
    there.sql("DROP TRIGGER answer ON monitoring.monitoring_events").await;
    assert!(transport.deliver(&batch(&events(1..=2))).await.is_ok());
}

#[actix::test]
async fn a_place_that_is_another_events_there_is_of_another_journal() {
    let there = There::new().await;
    transport(&there.url).deliver(&batch(&events(1..=3))).await.unwrap();
    there
        .sql(
            "UPDATE monitoring.monitoring_events SET id = gen_random_uuid() WHERE seq = 2;
             DELETE FROM monitoring.monitoring_events WHERE seq <> 2",
        )
        .await;
    let error = transport(&there.url).deliver(&batch(&events(1..=3))).await.unwrap_err();
    let DeliveryError::Misconfigured { reason } = error else { panic!("{error:?}") };
    assert!(reason.contains("another journal: seq 2 is"), "{reason}");
    assert_eq!(there.count().await, 1);
}

#[actix::test]
async fn an_event_whose_text_speaks_of_poolers_is_only_refused() {
    let there = There::new().await;
    there
        .sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION '%', NEW.data ->> 'text'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON monitoring.monitoring_events
             FOR EACH ROW EXECUTE FUNCTION refuse()",
        )
        .await;
    let data = r#"{"text":"prepared statement \"s0\" does not exist"}"#;
    let event = event(1, "2025-11-03T09:32:55Z", data, "{}");
    let refused = transport(&there.url).deliver(&batch(&[event])).await;
    assert!(matches!(refused, Err(DeliveryError::Rejected { .. })), "{refused:?}");
}
