//! A client that sends whatever bytes it likes, and reads what comes back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// One frame of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) last: bool,
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A connection.
pub(crate) struct Raw<S = TcpStream>(pub(crate) S);

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// One HTTP request and its answer.
    pub(crate) async fn exchange(address: SocketAddr, request: &str) -> Answer {
        let mut raw = Self::connect(address).await;
        raw.send(request.as_bytes()).await;
        raw.answer().await
    }

    /// With the handshake behind it.
    pub(crate) async fn open(address: SocketAddr, path: &str) -> Self {
        let mut raw = Self::connect(address).await;
        raw.upgrade(path).await;
        raw
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    pub(crate) async fn upgrade(&mut self, path: &str) {
        self.send(handshake(path, &[]).as_bytes()).await;
        assert_eq!(self.answer().await.status, 101);
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        timeout(LONG, self.0.write_all(bytes))
            .await
            .unwrap()
            .unwrap();
    }

    pub(crate) async fn frame(&mut self, opcode: u8, payload: &[u8]) {
        self.send(&frame(true, opcode, payload)).await;
    }

    /// Everything up to the end of the stream; `None` when it was reset.
    pub(crate) async fn rest(&mut self) -> Option<Vec<u8>> {
        let mut rest = Vec::new();
        match timeout(LONG, self.0.read_to_end(&mut rest)).await.unwrap() {
            Ok(_) => Some(rest),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                None
            }
        }
    }

    async fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        timeout(LONG, self.0.read_exact(&mut bytes))
            .await
            .expect("nothing has come")
            .expect("the stream has ended");
        bytes
    }

    pub(crate) async fn read(&mut self) -> Frame {
        let head = self.exactly(2).await;
        assert_eq!(head[1] & 0x80, 0, "a server does not mask");
        let length = match head[1] {
            126 => u64::from(u16::from_be_bytes(
                self.exactly(2).await.try_into().unwrap(),
            )),
            127 => u64::from_be_bytes(self.exactly(8).await.try_into().unwrap()),
            short => u64::from(short),
        };
        Frame {
            last: head[0] & 0x80 != 0,
            opcode: head[0] & 0x0f,
            payload: self.exactly(usize::try_from(length).unwrap()).await,
        }
    }

    pub(crate) async fn expect(&mut self, opcode: u8, payload: &[u8]) {
        let found = self.read().await;
        assert_eq!(
            (found.opcode, String::from_utf8_lossy(&found.payload)),
            (opcode, String::from_utf8_lossy(payload))
        );
    }

    /// A close with this code, and an orderly end after it.
    pub(crate) async fn expect_close(&mut self, code: u16) {
        let found = self.read().await;
        assert_eq!(found.opcode, 8, "{found:?}");
        assert_eq!(found.payload[..2], code.to_be_bytes(), "{found:?}");
        self.frame(8, &code.to_be_bytes()).await;
        assert_eq!(self.rest().await, Some(Vec::new()));
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.exactly(1).await);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        Answer {
            status: head[9..12].parse().unwrap(),
            body: String::from_utf8(self.exactly(length).await).unwrap(),
            head,
        }
    }
}

/// A masked frame.
pub(crate) fn frame(last: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::from(last) << 7 | opcode];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | u8::try_from(short).unwrap()),
        middle @ 126..=65535 => {
            bytes.push(0x80 | 0x7e);
            bytes.extend(u16::try_from(middle).unwrap().to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 0x7f);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    let mask = [1, 2, 3, 4];
    bytes.extend(mask);
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

/// A good handshake and these lines.
pub(crate) fn handshake(path: &str, more: &[&str]) -> String {
    let mut more = more.join("\r\n");
    if !more.is_empty() {
        more.push_str("\r\n");
    }
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{more}\r\n"
    )
}
