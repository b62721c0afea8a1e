//! Engine.IO and Socket.IO: any text is read or refused, and what is read can be written and read again.

use ws_mock::wire::{engineio, socketio};

/// The text of one packet, of a payload, and of a Socket.IO packet.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let packets: Vec<_> = engineio::payload(text).collect();
    let broken = packets.iter().position(Result::is_err);
    assert!(
        broken.is_none_or(|at| at + 1 == packets.len()),
        "nothing is read after what is no packet"
    );
    let mut encoded = Vec::new();
    for packet in packets.iter().flatten() {
        let out = encode(packet);
        assert_eq!(engineio::Packet::decode(&out).as_ref(), Ok(packet));
        encoded.push(out);
        if let engineio::Packet::Message(text) = packet {
            message(text);
        }
    }
    let joined = engineio::join(&encoded);
    let joined = std::str::from_utf8(&joined).expect("texts join to a text");
    if !encoded.is_empty() {
        let again: Vec<_> = engineio::payload(joined)
            .map(|packet| packet.expect("a packet"))
            .collect();
        let first: Vec<_> = packets.into_iter().flatten().collect();
        assert_eq!(again, first);
    }
    message(text);
}

fn encode(packet: &engineio::Packet<'_>) -> String {
    use engineio::Packet;
    match packet {
        Packet::Open(rest) => format!("0{rest}"),
        Packet::Close => "1".to_owned(),
        Packet::Ping(rest) => format!("2{rest}"),
        Packet::Pong(rest) => format!("3{rest}"),
        Packet::Message(rest) => format!("4{rest}"),
        Packet::Upgrade => "5".to_owned(),
        Packet::Noop => "6".to_owned(),
        Packet::Binary(rest) => format!("b{rest}"),
    }
}

fn message(text: &str) {
    let Ok(packet) = socketio::SocketPacket::decode(text) else {
        return;
    };
    assert!(packet.namespace.starts_with('/'));
    let main = |body| {
        Ok(socketio::SocketPacket {
            namespace: socketio::MAIN,
            body,
        })
    };
    match packet.body {
        socketio::PacketBody::Event { name, args, .. } => {
            is_json(&args);
            let (mut out, _) = socketio::event_head(&name);
            if args == "[]" {
                out.pop();
            }
            out.push_str(&args[1..]);
            let ack = None;
            assert_eq!(
                inside(&out),
                main(socketio::PacketBody::Event { name, args, ack })
            );
        }
        socketio::PacketBody::Ack { id: Some(id), args } => {
            is_json(args);
            let out = socketio::ack_head(id).0 + &args[1..];
            let id = Some(id);
            assert_eq!(inside(&out), main(socketio::PacketBody::Ack { id, args }));
        }
        socketio::PacketBody::Connect(Some(text)) | socketio::PacketBody::ConnectError(text) => {
            is_json(text);
        }
        socketio::PacketBody::Binary { attachments, .. } => {
            assert!(attachments <= socketio::MAX_ATTACHMENTS);
        }
        _ => {}
    }
    let out = socketio::connect_error(packet.namespace, text);
    let refused = inside(&out).expect("a connect error");
    assert_eq!(refused.namespace, packet.namespace);
    assert!(matches!(
        refused.body,
        socketio::PacketBody::ConnectError(_)
    ));
}

/// The Socket.IO packet inside a whole Engine.IO one.
fn inside(text: &str) -> Result<socketio::SocketPacket<'_>, socketio::SocketPacketError> {
    let Ok(engineio::Packet::Message(text)) = engineio::Packet::decode(text) else {
        panic!("`{text}` is no message");
    };
    socketio::SocketPacket::decode(text)
}

fn is_json(text: &str) {
    if let Err(error) = serde_json::from_str::<&serde_json::value::RawValue>(text) {
        panic!("{text}: {error}");
    }
}
