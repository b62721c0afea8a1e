//! Clients that do not behave: they vanish, stall, flood, send rubbish, or have faults happen to them.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use ws_mock::base::Chance;

use crate::ledger::{Ledger, add};
use crate::link::{Heard, Link, Way};
use crate::mock::{Mock, http};

/// What breaks no promise to others; all that must hold is that the mock lives, and counts.
pub(crate) async fn visit(
    mock: &Mock,
    way: Way,
    ledger: &Ledger,
    chance: &mut Chance,
) -> Result<()> {
    match chance.below(if way == Way::Json { 7 } else { 4 }) {
        0 => vanish(mock, way, ledger, chance).await,
        1 => suffer(mock, way, ledger).await,
        2 => scribble(mock, chance).await,
        3 if way == Way::Polling => post_rubbish(mock, ledger).await,
        3 if way == Way::SocketIo => break_protocol(mock, ledger).await,
        3 => talk_rubbish(mock, ledger, chance).await,
        4 | 5 => stall(mock, ledger, chance).await,
        _ => flood(mock, ledger).await,
    }
}

/// Asks and is gone before the answers.
async fn vanish(mock: &Mock, way: Way, ledger: &Ledger, chance: &mut Chance) -> Result<()> {
    add(&ledger.perhaps_connections, 1);
    let Some(mut link) = Link::open(way, mock.address).await? else {
        return Ok(());
    };
    for id in 0..chance.below(8) {
        add(&ledger.perhaps_said, 1);
        // Polling asks one by one, and its session may have ended.
        if link.ask(id, "bump", json!({})).await.is_err() {
            break;
        }
    }
    drop(link);
    Ok(())
}

/// Whatever faults are on happen to it.
async fn suffer(mock: &Mock, way: Way, ledger: &Ledger) -> Result<()> {
    add(&ledger.perhaps_connections, 1);
    let Some(mut link) = Link::open(way, mock.address).await? else {
        return Ok(());
    };
    for id in 0..6 {
        add(&ledger.perhaps_said, 1);
        if link.ask(id, "victim", json!({})).await.is_err() {
            return Ok(());
        }
        if !matches!(
            timeout(Duration::from_millis(300), link.hear()).await,
            Ok(Ok(_))
        ) {
            return Ok(());
        }
    }
    Ok(())
}

/// Bytes instead of a request, or instead of frames after it.
async fn scribble(mock: &Mock, chance: &mut Chance) -> Result<()> {
    let mut stream = TcpStream::connect(mock.address).await?;
    let head = match chance.below(4) {
        0 => {
            "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        }
        1 => "GET /__mock/health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /",
        2 => {
            "POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n4"
        }
        _ => "\u{16}\u{3}\u{1}",
    };
    let _ = stream.write_all(head.as_bytes()).await;
    let rubbish: Vec<u8> = (0..chance.below(600))
        .map(|_| chance.bits() as u8)
        .collect();
    let _ = stream.write_all(&rubbish).await;
    let mut answer = [0; 1000];
    let _ = timeout(Duration::from_millis(200), stream.read(&mut answer)).await;
    Ok(())
}

/// Texts that are no JSON, each of which is answered; then a frame that is none.
async fn talk_rubbish(mock: &Mock, ledger: &Ledger, chance: &mut Chance) -> Result<()> {
    let Some(mut link) = Link::open(Way::Json, mock.address).await? else {
        return Ok(());
    };
    add(&ledger.connections, 1);
    for _ in 0..5 {
        let text = format!("{{\"action\":{}", "[".repeat(chance.below(300) as usize));
        link.say(text).await?;
        loop {
            match link.hear().await? {
                Heard::Answer(answer) if answer["error"] == "INVALID_JSON" => break,
                Heard::Answer(answer) => bail!("rubbish was answered with {answer}"),
                Heard::Push(_) => {}
            }
        }
        add(&ledger.said, 1);
        add(&ledger.rubbish, 1);
    }
    // Larger than a message may be.
    link.say("x".repeat(70 << 10)).await?;
    match link.hear().await {
        Err(error) if error.to_string().contains("Size") => Ok(()),
        other => bail!("a message that is too large: {other:?}"),
    }
}

async fn post_rubbish(mock: &Mock, ledger: &Ledger) -> Result<()> {
    add(&ledger.perhaps_connections, 1);
    let target = "/socket.io/?EIO=4&transport=polling";
    let unknown = http(mock.address, "POST", &format!("{target}&sid=nobody"), "40").await?;
    ensure!(
        unknown.status == 400,
        "an unknown session: {}",
        unknown.status
    );
    let Some(mut link) = Link::open(Way::Polling, mock.address).await? else {
        return Ok(());
    };
    ensure!(link.say("9".to_owned()).await.is_err(), "rubbish was taken");
    Ok(())
}

async fn break_protocol(mock: &Mock, ledger: &Ledger) -> Result<()> {
    add(&ledger.perhaps_connections, 1);
    let Some(mut link) = Link::open(Way::SocketIo, mock.address).await? else {
        return Ok(());
    };
    link.say("42{".to_owned()).await?;
    loop {
        match link.hear().await {
            Ok(Heard::Answer(answer)) => bail!("rubbish was answered with {answer}"),
            Ok(Heard::Push(_)) => {}
            Err(_) => return Ok(()),
        }
    }
}

/// Has much pushed to it and reads nothing: it is cut off, and told so once it reads.
async fn stall(mock: &Mock, ledger: &Ledger, chance: &mut Chance) -> Result<()> {
    add(&ledger.perhaps_connections, 1);
    let stream = TcpStream::connect(mock.address).await?;
    let url = format!("ws://{}/ws", mock.address);
    let Ok((mut socket, _)) = tokio_tungstenite::client_async(url, stream).await else {
        return Ok(());
    };
    let ask = json!({ "action": "flood", "fill": "x".repeat(1500) }).to_string();
    for _ in 0..200 {
        add(&ledger.perhaps_said, 1);
        let sent = timeout(
            Duration::from_millis(200),
            socket.send(Message::text(ask.as_str())),
        )
        .await;
        if !matches!(sent, Ok(Ok(()))) {
            break;
        }
    }
    sleep(Duration::from_millis(chance.below(1500))).await;
    if chance.below(2) == 0 {
        return Ok(());
    }
    let until_closed = async {
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(Some(CloseFrame { code, .. })) = message {
                return u16::from(code);
            }
        }
        0
    };
    match timeout(Duration::from_secs(5), until_closed).await {
        Ok(1013) => add(&ledger.cut_off, 1),
        Ok(0) | Err(_) => {}
        Ok(code) => ensure!(code == 1011, "a stalled client was closed with {code}"),
    }
    Ok(())
}

/// More messages a second than it may.
async fn flood(mock: &Mock, ledger: &Ledger) -> Result<()> {
    let Some(mut link) = Link::open(Way::Json, mock.address).await? else {
        return Ok(());
    };
    add(&ledger.connections, 1);
    for batch in 0..30_u64 {
        for id in 0..50 {
            link.ask(batch * 50 + id, "list", json!({ "page": 1 }))
                .await?;
        }
        let mut answers = 0;
        while answers < 50 {
            if let Heard::Answer(answer) = link.hear().await? {
                answers += 1;
                add(&ledger.said, 1);
                let limited = answer["error"] == "RATE_LIMITED";
                add(&ledger.limited, u64::from(limited));
            }
        }
    }
    link.close().await
}
