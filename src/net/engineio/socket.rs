//! Engine.IO over a WebSocket: from the start, or after the client has tried it beside its polling.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::select;
use tokio::time::{sleep_until, timeout};

use super::super::Net;
use super::super::input;
use super::super::stream::Stream;
use super::session::{Drained, Ending, Session};
use crate::config::Limits;
use crate::wire::engineio::{self, Packet};
use crate::wire::ws::{self, Input, Opcode, Reader};

/// Bytes of messages that are written at once, about.
const WRITE: usize = 64 << 10;

/// Waits for a moment, or for ever.
pub(super) async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}

/// Talks until one side ends it.
pub(in super::super) async fn talk(
    mut stream: Stream,
    arrived: BytesMut,
    session: Arc<Session>,
    net: &Net,
    limits: Limits,
) {
    let mut socket = Socket {
        reader: Reader::new(limits.frame, limits.message),
        input: arrived,
        out: Vec::new(),
        trying: session.is_polling(),
        session: session.clone(),
    };
    let end = loop {
        match socket.read() {
            Ok(()) => {}
            Err(end) => break Some(end),
        }
        let drained = if socket.trying {
            Drained::default()
        } else {
            session.drain(WRITE)
        };
        for packet in &drained.packets {
            ws::write_message(&mut socket.out, Opcode::Text, packet);
        }
        let written = timeout(limits.write_time, stream.write_all(&socket.out)).await;
        socket.out.clear();
        if !matches!(written, Ok(Ok(()))) {
            break None;
        }
        if drained.end.is_some() {
            break drained.end;
        }
        if !drained.packets.is_empty() {
            continue;
        }
        let trying = socket.trying;
        select! {
            read = std::future::poll_fn(|cx| input::poll_read(cx, &mut stream, &mut socket.input)) => {
                if read.is_err() {
                    break None;
                }
            }
            () = session.changed(), if !trying => {}
            () = until(drained.again) => {}
            () = net.shutdown.cancelled() => break Some(Ending::Close(1001, "the server is shutting down".to_owned())),
        }
    };
    // A client that tried and gave up goes on polling.
    if socket.trying {
        session.set_trying(false);
    } else {
        session.end();
    }
    part(stream, end).await;
}

struct Socket {
    reader: Reader,
    input: BytesMut,
    out: Vec<u8>,
    /// The client polls still, and looks whether this way works.
    trying: bool,
    session: Arc<Session>,
}

impl Socket {
    /// Understands all that has arrived.
    fn read(&mut self) -> Result<(), Ending> {
        let bad = || Ending::Close(1002, "no packet of Engine.IO".to_owned());
        loop {
            match self.reader.next(&mut self.input) {
                Ok(None) => return Ok(()),
                Ok(Some(Input::Text(text))) => {
                    let text = std::str::from_utf8(&text).map_err(|_| bad())?;
                    let packet = Packet::decode(text).map_err(|_| bad())?;
                    self.packet(&packet)?;
                }
                Ok(Some(Input::Binary(_))) if self.session.swallow() => {}
                Ok(Some(Input::Binary(_))) => return Err(bad()),
                Ok(Some(Input::Ping(payload))) => ws::write_pong(&mut self.out, &payload),
                Ok(Some(Input::Pong(_))) => {}
                Ok(Some(Input::Close(said))) => {
                    let code = said.map_or(1000, |(code, _)| code);
                    return Err(Ending::Close(code, String::new()));
                }
                Err(violation) => return Err(Ending::Close(violation.code, violation.reason)),
            }
        }
    }

    fn packet(&mut self, packet: &Packet<'_>) -> Result<(), Ending> {
        match packet {
            Packet::Ping(engineio::PROBE) if self.trying => {
                ws::write_message(&mut self.out, Opcode::Text, engineio::PONG_PROBE.as_bytes());
                self.session.set_trying(true);
                Ok(())
            }
            Packet::Upgrade if self.trying => {
                self.trying = false;
                self.session.upgraded();
                Ok(())
            }
            _ if self.trying => Err(Ending::Close(
                1002,
                "neither a probe nor an upgrade".to_owned(),
            )),
            packet if self.session.receive(packet) => Ok(()),
            _ => Err(Ending::Close(1000, String::new())),
        }
    }
}

async fn part(mut stream: Stream, end: Option<Ending>) {
    match end {
        None | Some(Ending::Abort) => stream.abort(),
        Some(Ending::Stall) => {
            // Open and silent until the client gives up.
            let mut waste = BytesMut::new();
            while std::future::poll_fn(|cx| input::poll_read(cx, &mut stream, &mut waste))
                .await
                .is_ok()
            {
                waste.clear();
            }
        }
        Some(Ending::Close(code, reason)) => {
            let mut out = Vec::new();
            ws::write_close(&mut out, Some(code), &reason);
            if let Ok(Ok(())) = timeout(Duration::from_secs(1), stream.write_all(&out)).await {
                input::linger(&mut stream).await;
            }
        }
    }
}
