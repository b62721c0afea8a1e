//! A client that costs as little as it can: what it asks was framed beforehand, what it is told is only counted.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::{Context as _, Result, bail, ensure};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::frames::{self, Scanner, Seen};

/// Where to connect, and how.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) tls: Option<TlsConnector>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// An open WebSocket.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    scanner: Scanner,
    input: Box<[u8]>,
    output: Vec<u8>,
    written: usize,
    counted: Counted,
}

/// What a server has sent since it was last asked for.
#[derive(Default, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) messages: usize,
    pub(crate) bytes: u64,
    closed: bool,
}

impl Connection {
    /// Connects and shakes hands; reads at most `buffer` bytes at a time.
    pub(crate) async fn open(door: &Door, buffer: usize) -> Result<Self> {
        let tcp = TcpStream::connect(door.address)
            .await
            .context("connecting")?;
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &door.tls {
            None => Box::new(tcp),
            Some(tls) => {
                let name = ServerName::try_from("localhost")?;
                Box::new(tls.connect(name, tcp).await.context("TLS handshake")?)
            }
        };
        let mut connection = Self {
            stream,
            scanner: Scanner::default(),
            input: vec![0; buffer].into_boxed_slice(),
            output: Vec::new(),
            written: 0,
            counted: Counted::default(),
        };
        connection.shake_hands(door).await?;
        Ok(connection)
    }

    async fn shake_hands(&mut self, door: &Door) -> Result<()> {
        let ask = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            door.path, door.address
        );
        self.stream.write_all(ask.as_bytes()).await?;
        self.stream.flush().await?;
        let mut answer = Vec::new();
        let end = loop {
            let count = self.stream.read(&mut self.input).await?;
            ensure!(count > 0, "the server hung up during the handshake");
            answer.extend_from_slice(&self.input[..count]);
            if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        if !answer.starts_with(b"HTTP/1.1 101") {
            bail!(
                "the handshake was refused: {}",
                String::from_utf8_lossy(&answer)
            );
        }
        self.take_in(&answer[end..]);
        Ok(())
    }

    /// Puts frames with what goes out at the next [`Connection::exchange`].
    pub(crate) fn queue(&mut self, frames: &[u8]) {
        self.output.extend_from_slice(frames);
    }

    /// Writes what is queued, and waits until something came: so neither side ever waits for the other to read.
    pub(crate) async fn exchange(&mut self) -> Result<Counted> {
        let early = std::mem::take(&mut self.counted);
        if early.messages > 0 && self.output.is_empty() {
            return Ok(early);
        }
        self.counted = early;
        let count = poll_fn(|context| self.poll(context)).await?;
        ensure!(count > 0, "the server hung up");
        let input = std::mem::take(&mut self.input);
        self.take_in(&input[..count]);
        self.input = input;
        let counted = std::mem::take(&mut self.counted);
        ensure!(!counted.closed, "the server closed the connection");
        Ok(counted)
    }

    /// Says goodbye and waits until the server has hung up.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.stream.write_all(&frames::close()).await?;
        self.stream.flush().await?;
        while matches!(self.stream.read(&mut self.input).await, Ok(1..)) {}
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        while self.written < self.output.len() {
            let rest = &self.output[self.written..];
            match Pin::new(&mut self.stream).poll_write(context, rest)? {
                Poll::Ready(count) => self.written += count,
                Poll::Pending => break,
            }
        }
        if self.written == self.output.len() {
            self.output.clear();
            self.written = 0;
            let _ = Pin::new(&mut self.stream).poll_flush(context)?;
        }
        let mut input = ReadBuf::new(&mut self.input);
        match Pin::new(&mut self.stream).poll_read(context, &mut input)? {
            Poll::Ready(()) => Poll::Ready(Ok(input.filled().len())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        let (counted, output) = (&mut self.counted, &mut self.output);
        self.scanner.scan(bytes, |seen| match seen {
            Seen::Message(bytes) => {
                counted.messages += 1;
                counted.bytes += bytes;
            }
            Seen::Ping(payload) => output.extend(frames::pong(&payload)),
            Seen::Close => counted.closed = true,
        });
    }
}
