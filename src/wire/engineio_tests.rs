use proptest::prelude::*;

use super::*;

#[track_caller]
fn decodes(text: &str, packet: Packet<'_>) {
    assert_eq!(Packet::decode(text), Ok(packet));
}

#[test]
fn each_type_is_decoded() {
    decodes("0{\"sid\":\"x\"}", Packet::Open("{\"sid\":\"x\"}"));
    decodes("1", Packet::Close);
    decodes("2", Packet::Ping(""));
    decodes("2probe", Packet::Ping(PROBE));
    decodes("3", Packet::Pong(""));
    decodes("3probe", Packet::Pong(PROBE));
    decodes("4", Packet::Message(""));
    decodes("4hello", Packet::Message("hello"));
    decodes("4уже €", Packet::Message("уже €"));
    decodes("5", Packet::Upgrade);
    decodes("6", Packet::Noop);
    decodes("bAQIDBA==", Packet::Binary("AQIDBA=="));
}

#[test]
fn invalid_packets_are_described() {
    for (text, error) in [
        ("", PacketError::Empty),
        ("abc", PacketError::UnknownType('a')),
        ("7", PacketError::UnknownType('7')),
        ("{}", PacketError::UnknownType('{')),
        ("\u{1e}", PacketError::UnknownType('\u{1e}')),
        ("€", PacketError::UnknownType('€')),
        ("B", PacketError::UnknownType('B')),
    ] {
        assert_eq!(Packet::decode(text), Err(error), "{text:?}");
    }
    assert_eq!(
        PacketError::UnknownType('\n').to_string(),
        "found packet type '\\n'; allowed are `0` to `6` and `b`"
    );
}

#[test]
fn a_payload_is_read_packet_by_packet() {
    let packets: Vec<_> = payload("4test1\u{1e}4test2\u{1e}bAQIDBA==\u{1e}2probe").collect();
    assert_eq!(
        packets,
        [
            Ok(Packet::Message("test1")),
            Ok(Packet::Message("test2")),
            Ok(Packet::Binary("AQIDBA==")),
            Ok(Packet::Ping(PROBE)),
        ]
    );
}

#[test]
fn a_payload_ends_at_what_is_no_packet() {
    for (body, before, error) in [
        ("", 0, PacketError::Empty),
        ("abc", 0, PacketError::UnknownType('a')),
        ("4a\u{1e}", 1, PacketError::Empty),
        ("\u{1e}4a", 0, PacketError::Empty),
        (
            "4a\u{1e}4b\u{1e}x\u{1e}4c\u{1e}4d",
            2,
            PacketError::UnknownType('x'),
        ),
    ] {
        let packets: Vec<_> = payload(body).collect();
        assert_eq!(packets.len(), before + 1, "{body:?}");
        assert_eq!(packets[before], Err(error), "{body:?}");
    }
}

#[test]
fn packets_join_to_a_payload() {
    assert_eq!(join(["4a", "2", "6"]), b"4a\x1e2\x1e6");
    assert_eq!(join(["1"]), b"1");
    assert_eq!(join::<&str>([]), b"");
}

#[test]
fn the_handshake_has_its_five_keys() {
    assert_eq!(
        open(
            "lv_VI97HAXpY6yYWAAAC",
            r#"["websocket"]"#,
            25_000,
            20_000,
            1_000_000
        ),
        r#"0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
    );
}

#[test]
fn refusals_have_the_reference_numbers() {
    for (error, body) in [
        (
            RequestError::UnknownTransport,
            r#"{"code":0,"message":"Transport unknown"}"#,
        ),
        (
            RequestError::UnknownSid,
            r#"{"code":1,"message":"Session ID unknown"}"#,
        ),
        (
            RequestError::BadHandshakeMethod,
            r#"{"code":2,"message":"Bad handshake method"}"#,
        ),
        (
            RequestError::BadRequest,
            r#"{"code":3,"message":"Bad request"}"#,
        ),
        (
            RequestError::UnsupportedVersion,
            r#"{"code":5,"message":"Unsupported protocol version"}"#,
        ),
    ] {
        assert_eq!(error.body(), body);
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        let _ = Packet::decode(&text);
        let pieces = payload(&text).count();
        prop_assert!(pieces <= text.len() + 1);
    }

    #[test]
    fn payloads_come_back(texts in prop::collection::vec("[0-6b][^\u{1e}]{0,12}", 1..8)) {
        let body = String::from_utf8(join(&texts)).unwrap();
        let again: Vec<_> = payload(&body).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(again.len(), texts.len());
        for (packet, text) in again.iter().zip(&texts) {
            prop_assert_eq!(packet, &Packet::decode(text).unwrap());
        }
    }
}
