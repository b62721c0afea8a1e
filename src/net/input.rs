//! Reading from a socket without holding memory while nothing comes.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

/// What is read at once. On the stack, so that an idle peer costs none of it.
const SCRATCH: usize = 16 * 1024;

/// How long what still comes is thrown away after the last word. A socket closed with unread bytes is reset, and the
/// reset may overtake that word.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// Reads once and adds what has come; the end of the stream is an error.
pub(super) fn poll_read<S: AsyncRead + Unpin>(
    cx: &mut Context<'_>,
    stream: &mut S,
    into: &mut BytesMut,
) -> Poll<io::Result<()>> {
    let mut scratch = [const { MaybeUninit::uninit() }; SCRATCH];
    let mut buffer = ReadBuf::uninit(&mut scratch);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    if buffer.filled().is_empty() {
        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
    }
    into.extend_from_slice(buffer.filled());
    Poll::Ready(Ok(()))
}

/// Says that nothing more will be sent, and lets the other side hang up first.
pub(super) async fn linger<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    let end = async {
        stream.shutdown().await?;
        let mut waste = BytesMut::new();
        loop {
            std::future::poll_fn(|cx| poll_read(cx, stream, &mut waste)).await?;
            waste.clear();
        }
    };
    let _: Result<io::Result<()>, _> = tokio::time::timeout(LINGER, end).await;
}
