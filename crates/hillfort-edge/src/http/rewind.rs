//! A socket of which something was read already: that comes out first. Knows nothing of what it is.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// See the module.
#[derive(Debug)]
pub(super) struct Rewind {
    socket: TcpStream,
    early: Vec<u8>,
    at: usize,
}

impl Rewind {
    pub(super) fn new(socket: TcpStream, early: Vec<u8>) -> Self {
        Self { socket, early, at: 0 }
    }

    /// The socket, and what of the early bytes nobody has read.
    pub(super) fn into_parts(mut self) -> (TcpStream, Vec<u8>) {
        self.early.drain(..self.at);
        (self.socket, self.early)
    }
}

impl AsyncRead for Rewind {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = self.early.get(self.at..).unwrap_or_default();
        if left.is_empty() {
            // Most connections live on without it.
            self.early = Vec::new();
            self.at = 0;
            return Pin::new(&mut self.socket).poll_read(cx, buf);
        }
        let taken = left.len().min(buf.remaining());
        buf.put_slice(&left[..taken]);
        self.at += taken;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewind {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
