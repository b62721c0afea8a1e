//! Reads from a socket, without memory while nothing comes.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

/// Bytes of one read. They are on the stack, so that an idle peer holds no buffer.
const READ_SIZE: usize = 16 * 1024;

/// Time in which bytes of the client are read and dropped after the last write. A socket that is closed with unread
/// bytes is reset, and the reset may overtake that write.
const LINGER: Duration = Duration::from_secs(1);

/// Reads once and appends the bytes. The end of the stream is an error.
pub(super) fn poll_read<S: AsyncRead + Unpin>(
    cx: &mut Context<'_>,
    stream: &mut S,
    into: &mut BytesMut,
) -> Poll<io::Result<()>> {
    let mut bytes = [const { MaybeUninit::uninit() }; READ_SIZE];
    let mut buffer = ReadBuf::uninit(&mut bytes);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    if buffer.filled().is_empty() {
        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
    }
    into.extend_from_slice(buffer.filled());
    Poll::Ready(Ok(()))
}

/// Ends the sending half and lets the client hang up first.
pub(super) async fn linger<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    let end = async {
        stream.shutdown().await?;
        let mut dropped = BytesMut::new();
        loop {
            std::future::poll_fn(|cx| poll_read(cx, stream, &mut dropped)).await?;
            dropped.clear();
        }
    };
    let _: Result<io::Result<()>, _> = tokio::time::timeout(LINGER, end).await;
}
