use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, namespace: &str, body: PacketBody<'_>) {
    assert_eq!(
        SocketPacket::decode(text),
        Ok(SocketPacket { namespace, body }),
        "{text}"
    );
}

#[track_caller]
fn refused(text: &str, error: SocketPacketError) {
    assert_eq!(SocketPacket::decode(text), Err(error), "{text:?}");
}

fn event_of(name: &str, args: &str, ack: Option<u64>) -> PacketBody<'static> {
    PacketBody::Event {
        name: name.to_owned(),
        args: args.to_owned(),
        ack,
    }
}

#[test]
fn entering_and_leaving_a_namespace() {
    check("0", "/", PacketBody::Connect(None));
    check(
        r#"0{"token":"123"}"#,
        "/",
        PacketBody::Connect(Some(r#"{"token":"123"}"#)),
    );
    check("0/custom,", "/custom", PacketBody::Connect(None));
    check("0/random", "/random", PacketBody::Connect(None));
    check(
        "0/тест?a=b,{}",
        "/тест?a=b",
        PacketBody::Connect(Some("{}")),
    );
    check("1", "/", PacketBody::Disconnect);
    check("1/woot,", "/woot", PacketBody::Disconnect);
    check("1/woot", "/woot", PacketBody::Disconnect);
    check(
        r#"4{"message":"Unauthorized"}"#,
        "/",
        PacketBody::ConnectError(r#"{"message":"Unauthorized"}"#),
    );
    check(
        r#"4"Unauthorized""#,
        "/",
        PacketBody::ConnectError(r#""Unauthorized""#),
    );
}

#[test]
fn events_keep_the_text_of_their_arguments() {
    check(
        r#"2["message",1,"2",{"3":[true]}]"#,
        "/",
        event_of("message", r#"[1,"2",{"3":[true]}]"#, None),
    );
    check(
        r#"2456["message-with-ack",1,"2",{"3":[false]}]"#,
        "/",
        event_of("message-with-ack", r#"[1,"2",{"3":[false]}]"#, Some(456)),
    );
    check(
        r#"2/test,1["a",1,{}]"#,
        "/test",
        event_of("a", "[1,{}]", Some(1)),
    );
    check(r#"2["only"]"#, "/", event_of("only", "[]", None));
    check(r#"2[1,"a",{}]"#, "/", event_of("1", r#"["a",{}]"#, None));
    check(
        "2 [ \"a\" ,\n 1.50 , 12345678901234567 ] ",
        "/",
        event_of("a", "[1.50 , 12345678901234567 ]", None),
    );
    check(
        r#"2["ключ\n\"","]["]"#,
        "/",
        event_of("ключ\n\"", r#"["]["]"#, None),
    );
    check(r#"20["a"]"#, "/", event_of("a", "[]", Some(0)));
    check(
        r#"218446744073709551615["a"]"#,
        "/",
        event_of("a", "[]", Some(u64::MAX)),
    );
    check(r#"2["",null]"#, "/", event_of("", "[null]", None));
}

#[test]
fn answers_to_events() {
    check(
        r#"3123["a",1,{}]"#,
        "/",
        PacketBody::Ack {
            id: Some(123),
            args: r#"["a",1,{}]"#,
        },
    );
    check(
        "3/x,7[]",
        "/x",
        PacketBody::Ack {
            id: Some(7),
            args: "[]",
        },
    );
    check(
        "3[]",
        "/",
        PacketBody::Ack {
            id: None,
            args: "[]",
        },
    );
}

#[test]
fn attachments_are_recognised() {
    let two = r#"["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    let name = || Some("message".to_owned());
    check(
        &format!("52-{two}"),
        "/",
        PacketBody::Binary {
            name: name(),
            attachments: 2,
            ack: None,
        },
    );
    check(
        &format!("52-789{two}"),
        "/",
        PacketBody::Binary {
            name: name(),
            attachments: 2,
            ack: Some(789),
        },
    );
    check(
        &format!("510-/x,5{two}"),
        "/x",
        PacketBody::Binary {
            name: name(),
            attachments: 10,
            ack: Some(5),
        },
    );
    check(
        r#"61-789[{"_placeholder":true,"num":0}]"#,
        "/",
        PacketBody::Binary {
            name: None,
            attachments: 1,
            ack: Some(789),
        },
    );
    check(
        "50-[\"message\"]",
        "/",
        PacketBody::Binary {
            name: name(),
            attachments: 0,
            ack: None,
        },
    );
}

#[test]
fn unknown_types_are_refused() {
    refused("", SocketPacketError::Empty);
    refused("abc", SocketPacketError::UnknownType('a'));
    refused("999", SocketPacketError::UnknownType('9'));
    refused("7", SocketPacketError::UnknownType('7'));
    refused("€", SocketPacketError::UnknownType('€'));
}

#[test]
fn payloads_of_the_wrong_kind_are_refused() {
    let event = SocketPacketError::Payload(AN_EVENT);
    for text in [
        "2",
        "2{}",
        "2/admin,{}",
        "2/admin,\"invalid",
        "2[]",
        "2[true,\"foo\"]",
        "2[null,\"bar\"]",
        "2[{\"toString\":\"foo\"}]",
        "2[[\"a\"]]",
        "242[\"some\",\"data\"",
        "2[\"a\"]]",
        "2[\"a\"]x",
        "2[\"a\",]",
        "2[\"a\" 1]",
        "2[\"a\",\"\u{1}\"]",
        "2abc[\"message-with-ack\",1]",
        "2-1[\"a\"]",
        "2\u{a0}[\"a\"]",
        "51-{}",
        "51-",
    ] {
        refused(text, event.clone());
    }
    for text in [
        "0[]",
        "0\"invalid\"",
        "0/admin,\"invalid\"",
        "0{",
        "0x",
        "0{}{}",
    ] {
        refused(text, SocketPacketError::Payload("an object"));
    }
    for text in ["1{}", "1/admin,{}", "1x", "1[]"] {
        refused(text, SocketPacketError::NotEmpty);
    }
    for text in ["3", "31", "31{}", "31[", "61-{}"] {
        refused(text, SocketPacketError::Payload(A_LIST));
    }
    for text in ["4", "4[]", "41", "4nul"] {
        refused(text, SocketPacketError::Payload("a text or an object"));
    }
}

#[test]
fn bad_counts_and_ids_are_refused() {
    for text in [
        "5",
        "51",
        "5a-",
        "51.23-",
        "5-[\"a\"]",
        "5-1-[\"a\"]",
        "6",
        "5/x,",
    ] {
        refused(text, SocketPacketError::Attachments);
    }
    refused("511-[\"a\"]", SocketPacketError::TooManyAttachments(11));
    refused(
        &format!("5{}-[\"a\"]", "9".repeat(40)),
        SocketPacketError::TooManyAttachments(u64::MAX),
    );
    refused("218446744073709551616[\"a\"]", SocketPacketError::AckId);
    refused(
        &format!("2{}[\"a\"]", "1".repeat(100_000)),
        SocketPacketError::AckId,
    );
}

#[test]
fn names_the_protocol_keeps_are_refused() {
    for word in RESERVED {
        refused(
            &format!("2[\"{word}\",\"123\"]"),
            SocketPacketError::Reserved(word),
        );
    }
    refused(
        r#"2["\u0063onnect"]"#,
        SocketPacketError::Reserved("connect"),
    );
}

#[test]
fn errors_tell_what_is_allowed() {
    assert_eq!(
        SocketPacket::decode("4711").unwrap_err().to_string(),
        "found a payload that is not a text or an object"
    );
    assert_eq!(
        SocketPacket::decode("511-[]").unwrap_err().to_string(),
        "found `11` attachments; allowed are at most `10`"
    );
}

#[test]
fn depth_costs_no_stack() {
    let text = format!("2[\"a\",{}{}]", "[".repeat(500_000), "]".repeat(500_000));
    assert!(SocketPacket::decode(&text).is_ok());
    assert!(SocketPacket::decode(&text[..400_000]).is_err());
}

fn event(name: &str, args: &str) -> String {
    let (mut head, _) = event_head(name);
    if args == "[]" {
        head.pop();
    }
    head + &args[1..]
}

fn ack(id: u64, args: &str) -> String {
    ack_head(id).0 + &args[1..]
}

#[test]
fn packets_are_written_as_whole_frames() {
    for (written, wanted) in [
        (event("hello", "[]"), r#"42["hello"]"#),
        (
            event("hello", r#"[1,{"a":[]}]"#),
            r#"42["hello",1,{"a":[]}]"#,
        ),
        (event("a\"\n", "[[]]"), "42[\"a\\\"\\n\",[]]"),
        (ack(456, r#"[1,"2"]"#), r#"43456[1,"2"]"#),
        (ack(0, "[]"), "430[]"),
        (connect("x-_1"), r#"40{"sid":"x-_1"}"#),
        (
            connect_error("/random", INVALID_NAMESPACE),
            r#"44/random,{"message":"Invalid namespace"}"#,
        ),
        (connect_error(MAIN, "нет"), r#"44{"message":"нет"}"#),
    ] {
        assert_eq!(written, wanted);
    }
    assert_eq!((event_head("a").1, ack_head(45).1), (2, 4));
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn allowed_name() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("kept by the protocol", |name| {
        !RESERVED.contains(&name.as_str())
    })
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        let _ = SocketPacket::decode(&text);
    }

    #[test]
    fn texts_that_look_right_are_survived(text in "[0-6]([0-9]{1,3}-)?(/[a-z?]{0,4},?)?[0-9]{0,22}[\\[\\]{}\",: a\\\\u0-9-]{0,24}") {
        let _ = SocketPacket::decode(&text);
    }

    #[test]
    fn events_come_back(name in allowed_name(), args in prop::collection::vec(json(), 0..4)) {
        let args = serde_json::to_string(&args).unwrap();
        let frame = event(&name, &args);
        let packet = SocketPacket::decode(frame.strip_prefix('4').unwrap()).unwrap();
        prop_assert_eq!(packet.body, PacketBody::Event { name, args, ack: None });
    }

    #[test]
    fn spaced_events_mean_the_same(name in allowed_name(), args in prop::collection::vec(json(), 0..4), id in any::<Option<u64>>()) {
        let mut whole = vec![serde_json::Value::from(name.as_str())];
        whole.extend(args.iter().cloned());
        let id_text = id.map(|id| id.to_string()).unwrap_or_default();
        let text = format!("2/room,{id_text}{}", serde_json::to_string_pretty(&whole).unwrap());
        let PacketBody::Event { name: read, args: text, ack } = SocketPacket::decode(&text).unwrap().body else {
            return Err(TestCaseError::fail("no event"));
        };
        prop_assert_eq!((read, ack), (name, id));
        prop_assert_eq!(serde_json::from_str::<Vec<serde_json::Value>>(&text).unwrap(), args);
    }

    #[test]
    fn answers_come_back(id in any::<u64>(), args in prop::collection::vec(json(), 0..4)) {
        let args = serde_json::to_string(&args).unwrap();
        let frame = ack(id, &args);
        let packet = SocketPacket::decode(&frame[1..]).unwrap();
        prop_assert_eq!(packet.body, PacketBody::Ack { id: Some(id), args: &args });
    }
}
