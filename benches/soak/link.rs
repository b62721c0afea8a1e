//! A client's connection, whichever way it speaks: JSON or Socket.IO over a WebSocket, or Socket.IO by polling.

use std::collections::VecDeque;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::mock::{PATIENCE, http};

/// How a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    Json,
    SocketIo,
    Polling,
}

/// What a client heard.
#[derive(Debug)]
pub(crate) enum Heard {
    Answer(Value),
    Push(Value),
}

/// An open connection.
pub(crate) struct Link {
    way: Way,
    carrier: Carrier,
    heard: VecDeque<Heard>,
}

enum Carrier {
    Socket(Box<WebSocketStream<TcpStream>>),
    Polling { address: SocketAddr, target: String },
}

impl Link {
    /// Connects; `None` when it was refused.
    pub(crate) async fn open(way: Way, address: SocketAddr) -> Result<Option<Self>> {
        let carrier = match way {
            Way::Polling => {
                let target = "/socket.io/?EIO=4&transport=polling";
                let open = http(address, "GET", target, "").await?;
                if open.status != 200 {
                    return Ok(None);
                }
                let open: Value = serde_json::from_str(open.body.trim_start_matches('0'))?;
                let sid = open["sid"].as_str().context("no `sid`")?;
                Carrier::Polling {
                    address,
                    target: format!("{target}&sid={sid}"),
                }
            }
            Way::Json | Way::SocketIo => {
                let path = if way == Way::Json {
                    "/ws"
                } else {
                    "/socket.io/?EIO=4&transport=websocket"
                };
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let url = format!("ws://{address}{path}");
                let shaken =
                    timeout(PATIENCE, tokio_tungstenite::client_async(url, stream)).await?;
                match shaken {
                    Ok((socket, _)) => Carrier::Socket(Box::new(socket)),
                    Err(tokio_tungstenite::tungstenite::Error::Http(_)) => return Ok(None),
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let mut link = Self {
            way,
            carrier,
            heard: VecDeque::new(),
        };
        if way != Way::Json {
            link.say("40".to_owned()).await?;
        }
        Ok(Some(link))
    }

    pub(crate) async fn ask(&mut self, id: u64, action: &str, mut more: Value) -> Result<()> {
        more["id"] = id.into();
        let text = if self.way == Way::Json {
            more["action"] = action.into();
            more.to_string()
        } else {
            format!("42{id}[\"{action}\",{more}]")
        };
        self.say(text).await
    }

    /// A text as it is: a message, or a packet of Engine.IO.
    pub(crate) async fn say(&mut self, text: String) -> Result<()> {
        match &mut self.carrier {
            Carrier::Socket(socket) => Ok(socket.send(Message::text(text)).await?),
            Carrier::Polling { address, target } => {
                let answer = http(*address, "POST", target, &text).await?;
                ensure!(
                    answer.status == 200,
                    "a POST: {} {}",
                    answer.status,
                    answer.body
                );
                Ok(())
            }
        }
    }

    /// The next thing that is told; an error when the connection ends.
    pub(crate) async fn hear(&mut self) -> Result<Heard> {
        loop {
            if let Some(heard) = self.heard.pop_front() {
                return Ok(heard);
            }
            let text = match &mut self.carrier {
                Carrier::Socket(socket) => {
                    let message = timeout(PATIENCE, socket.next())
                        .await
                        .context("nothing came")?;
                    match message.context("the stream ended")?? {
                        Message::Text(text) => text.to_string(),
                        Message::Close(close) => bail!("closed: {close:?}"),
                        _ => continue,
                    }
                }
                Carrier::Polling { address, target } => {
                    let answer = http(*address, "GET", target, "").await?;
                    ensure!(
                        answer.status == 200,
                        "a GET: {} {}",
                        answer.status,
                        answer.body
                    );
                    answer.body
                }
            };
            if self.way == Way::Json {
                let json: Value = serde_json::from_str(&text)?;
                self.heard.push_back(if json.get("id").is_some() {
                    Heard::Answer(json)
                } else {
                    Heard::Push(json)
                });
            } else {
                for packet in text.split('\u{1e}') {
                    self.packet(packet).await?;
                }
            }
        }
    }

    async fn packet(&mut self, packet: &str) -> Result<()> {
        let list = |text: &str| -> Result<Vec<Value>> {
            let from = text
                .find('[')
                .with_context(|| format!("no list: {packet}"))?;
            Ok(serde_json::from_str(&text[from..])?)
        };
        match packet.get(..2).unwrap_or(packet) {
            "2" => self.say("3".to_owned()).await?,
            "42" => {
                let mut list = list(packet)?;
                self.heard
                    .push_back(Heard::Push(list.pop().unwrap_or_default()));
            }
            "43" => {
                let mut list = list(packet)?;
                self.heard
                    .push_back(Heard::Answer(list.pop().unwrap_or_default()));
            }
            "40" | "0{" | "6" => {}
            _ => bail!("found the packet `{packet}`"),
        }
        Ok(())
    }

    /// Goodbye, and the other side's.
    pub(crate) async fn close(mut self) -> Result<()> {
        match &mut self.carrier {
            Carrier::Socket(socket) => {
                SinkExt::close(socket).await?;
                let rest = async { while socket.next().await.is_some_and(|next| next.is_ok()) {} };
                timeout(PATIENCE, rest).await.context("a close unanswered")
            }
            Carrier::Polling { .. } => self.say("1".to_owned()).await,
        }
    }
}
