//! Peers that echo a payload of a given size: whatever comes is answered with the same ready bytes, and nothing is
//! decided. So they show what any server could at best reach on this runtime, with the traffic of the others. They run
//! in a process of their own, which is this same program.

use std::io;
use std::sync::Arc;

use anyhow::Result;
use bytes::BytesMut;
use clap::ValueEnum;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use ws_mock::wire::ws::{self, FrameReader, FrameWriter, Opcode, Received};

const LIMIT: usize = 1 << 20;
const READ_BUFFER: usize = 4096;

/// Which code carries the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Carrier {
    /// tokio-tungstenite, as it comes.
    Tungstenite,
    /// ws-mock's own frame codec.
    Codec,
}

/// Serves until it is killed; its first line on standard output is its port.
pub(crate) async fn serve(carrier: Carrier, size: usize) -> Result<()> {
    let answer = "x".repeat(size);
    let (ready, raw) = (Utf8Bytes::from(answer.as_str()), Arc::from(answer.as_str()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        match carrier {
            Carrier::Tungstenite => drop(tokio::spawn(with_tungstenite(stream, ready.clone()))),
            Carrier::Codec => drop(tokio::spawn(with_codec(stream, Arc::clone(&raw)))),
        }
    }
}

async fn with_tungstenite(stream: TcpStream, answer: Utf8Bytes) -> Result<()> {
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    while let Some(message) = socket.next().await {
        if matches!(message?, Message::Text(_) | Message::Binary(_)) {
            socket.send(Message::Text(answer.clone())).await?;
        }
    }
    Ok(())
}

async fn with_codec(mut stream: TcpStream, answer: Arc<str>) -> Result<()> {
    let mut input = BytesMut::with_capacity(READ_BUFFER);
    let mut output = accept(&mut stream, &mut input).await?;
    let mut reader = FrameReader::new(LIMIT, LIMIT);
    loop {
        while let Some(message) = reader.next(&mut input)? {
            match message {
                Received::Text(_) | Received::Binary(_) => {
                    FrameWriter.message(&mut output, Opcode::Text, answer.as_bytes());
                }
                Received::Ping(payload) => FrameWriter.pong(&mut output, &payload),
                Received::Pong(_) => {}
                Received::Close(_) => {
                    FrameWriter.close(&mut output, Some(1000), "");
                    return Ok(stream.write_all(&output).await?);
                }
            }
        }
        stream.write_all(&output).await?;
        output.clear();
        input.reserve(READ_BUFFER);
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// Reads a request's head, which it trusts, and answers with the 101 to send.
async fn accept(stream: &mut TcpStream, input: &mut BytesMut) -> Result<Vec<u8>> {
    let end = loop {
        if stream.read_buf(input).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        if let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&input.split_to(end)).into_owned();
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .unwrap_or_default();
    let accept = ws::accept_key(key.as_bytes());
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    )
    .into_bytes())
}
