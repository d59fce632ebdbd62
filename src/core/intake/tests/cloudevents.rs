//! What a CloudEvent becomes, in every mode, and its faults.

use super::*;

const LEAST: &str = r#""specversion":"1.0","id":"A-1","source":"/s","type":"t","data":{"n": 1.50}"#;

fn read(fields: &str) -> Result<Draft, Faults> {
    let event = format!("{{{LEAST}{}{fields}}}", if fields.is_empty() { "" } else { "," });
    let parsed = read_cloudevent(event.as_bytes(), &CONTEXT)?.all_or_nothing()?;
    assert!(!parsed.many);
    Ok(parsed.drafts.into_iter().next().unwrap())
}

fn binary(attributes: &[(&str, &[u8])], body: &str) -> Result<Draft, Faults> {
    let attribute =
        |(name, value): &(&str, &[u8])| Attribute { name: (*name).into(), value: value.to_vec() };
    let attributes: Vec<_> = attributes.iter().map(attribute).collect();
    let batch = read_binary_cloudevent(&attributes, body.as_bytes(), &CONTEXT)?;
    Ok(batch.all_or_nothing()?.drafts.remove(0))
}

const REQUIRED: [(&str, &[u8]); 4] =
    [("specversion", b"1.0"), ("id", b"A-1"), ("source", b"/s"), ("type", b"t")];

#[test]
fn the_least_event_is_completed() {
    let draft = read("").unwrap();
    let id = Uuid::new_v5(&Uuid::new_v5(&NAMESPACE, b"/s"), b"A-1");
    let expected = Draft {
        id,
        event_type: "t".into(),
        timestamp: RECEIVED,
        source: "/s".into(),
        category: draft.category,
        data: r#"{"n":1.50}"#.into(),
        metadata: r#"{"ce_id":"A-1","broadcast_mode":"direct"}"#.into(),
        checksum: draft.checksum.clone(),
    };
    assert_eq!(draft, expected);
    assert_eq!(binary(&REQUIRED, "\u{feff}{\"n\": 1.50} ").unwrap(), draft);
}

#[test]
fn other_attributes_become_metadata() {
    let draft = read(
        r#""time":"2018-04-05T17:31:00+02:00","subject":"a\"b","dataschema":"/d","ext1":-7,"ext2":true,"ext3":null"#,
    )
    .unwrap();
    assert_eq!(rfc3339(draft.timestamp), "2018-04-05T15:31:00.000000Z");
    assert_eq!(
        &*draft.metadata,
        r#"{"ce_subject":"a\"b","ce_dataschema":"/d","ce_ext1":-7,"ce_ext2":true,"ce_id":"A-1","broadcast_mode":"direct"}"#
    );
}

#[test]
fn ids_of_different_sources_are_different() {
    let id = |source: &[u8], id: &[u8]| {
        let attributes = [REQUIRED[0], ("id", id), ("source", source), REQUIRED[3]];
        binary(&attributes, "{}").unwrap().id
    };
    assert_eq!(id(b"/s", b"1"), id(b"/s", b"1"));
    assert_ne!(id(b"/s", b"1"), id(b"/s1", b"1"));
    assert_ne!(id(b"/s1", b"1"), id(b"/s", b"11"));
}

#[test]
fn headers_are_decoded() {
    let subject = |value: &[u8]| {
        let attributes = [&REQUIRED[..], &[("subject", value)]].concat();
        let draft = binary(&attributes, "{}").unwrap();
        let metadata: Value = serde_json::from_str(&draft.metadata).unwrap();
        metadata["ce_subject"].as_str().unwrap().to_owned()
    };
    for (value, expected) in [
        (&b"plain"[..], "plain"),
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro \u{20ac} \u{1f600}"),
        (b"%41%4a%4A", "AJJ"),
        ("\u{e9}".as_bytes(), "\u{e9}"),
        (b"100%", "100%"),
        (b"%4", "%4"),
        (b"%+1%g0", "%+1%g0"),
        (b"%2541", "%41"),
        (br#""a \"b\" \\c""#, r#"a "b" \c"#),
        (b"\"", "\""),
        (b"", ""),
    ] {
        assert_eq!(subject(value), expected);
    }
}

#[test]
fn every_fault_of_a_cloudevent_is_named() {
    let faults = |json: &str| {
        let batch = read_cloudevent(json.as_bytes(), &CONTEXT).unwrap();
        let faults = batch.all_or_nothing().unwrap_err();
        let list = told(&faults).into_iter();
        list.map(|(pointer, code, _)| format!("{pointer} {code}")).collect::<Vec<_>>()
    };
    assert_eq!(
        faults("{}"),
        ["/specversion", "/id", "/source", "/type", "/data"].map(|at| format!("{at} required"))
    );
    assert_eq!(
        faults(
            r#"{"specversion":1.0,"id":7,"source":[],"type":"","time":0,"data":"{}","ext":{},"float":1.5,"Upper":1,"":1,"id":1}"#
        ),
        [
            "/ext wrong_type",
            "/float wrong_type",
            "/Upper unknown_field",
            "/ unknown_field",
            "/id duplicate_key",
            "/specversion wrong_type",
            "/id wrong_type",
            "/source wrong_type",
            "/type length",
            "/time wrong_type",
            "/data wrong_type",
        ]
    );
    let fault = |fields: &str| read(fields).unwrap_err().list[0].code.as_str();
    assert_eq!(fault(r#""data_base64":"AA==""#), "binary_data");
    assert_eq!(fault(r#""ext":9223372036854775808"#), "wrong_type");
    assert!(read(r#""a":1.0,"b":-1e3,"c":9223372036854775807,"d":true"#).is_ok());
    assert_eq!(fault(r#""ext":"\u0000""#), "nul_character");
    assert_eq!(fault(r#""ext":"\ud800""#), "lone_surrogate");
    assert_eq!(fault(&format!(r#""ext":"{}""#, "x".repeat(400))), "event_too_large");
}

#[test]
fn what_is_not_one_json_value_is_not_spliced_into_the_event() {
    for body in ["{", "{} {}", r#"{},"subject":"s""#, "{}}"] {
        let faults = binary(&REQUIRED, body).unwrap_err();
        assert_eq!(
            (&*faults.list[0].pointer, faults.list[0].code.as_str()),
            ("/data", "syntax"),
            "{body}"
        );
    }
    assert_eq!(binary(&REQUIRED, " ").unwrap_err().list[0].code.as_str(), "required");
}

proptest! {
    #[test]
    fn both_modes_of_an_event_are_the_same(
        data in object(),
        texts in prop::collection::vec("[ -~é€😀]{1,20}", 3),
    ) {
        let encode = |text: &String| -> Vec<u8> {
            text.bytes().flat_map(|byte| format!("%{byte:02X}").into_bytes()).collect()
        };
        let limits = Limits { batch_events: 1, event_bytes: 1_000_000 };
        let ctx = Context { limits, ..CONTEXT };
        let names = ["id", "source", "type"];
        let mut event = json!({ "specversion": "1.0", "data": data });
        let mut attributes = vec![Attribute { name: "specversion".into(), value: b"1.0".to_vec() }];
        for (name, text) in names.into_iter().zip(&texts) {
            event[name] = json!(text);
            attributes.push(Attribute { name: name.to_owned(), value: encode(text) });
        }
        let structured = read_cloudevent(event.to_string().as_bytes(), &ctx).unwrap();
        let binary = read_binary_cloudevent(&attributes, data.to_string().as_bytes(), &ctx);
        prop_assert!(structured.events[0].is_ok());
        prop_assert_eq!(binary.unwrap(), structured);
    }
}
