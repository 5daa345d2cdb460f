//! The bytes of a connection: those of requests are looked at on their way, and a client that takes
//! none of its answer for too long is given up.
//!
//! The timer is set only when nothing can be written: a client that reads costs none.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use super::{framing::Framing, pulse::Pulse, stream::Stream};

/// A connection.
pub struct Io {
    stream: Stream,
    pulse: Arc<Pulse>,
    write_timeout: Duration,
    /// Of HTTP/1 only.
    framing: Option<Framing>,
    stall: Option<Stall>,
}

/// Waiting for the client to take.
struct Stall {
    /// What was written when the timer was set.
    written: u64,
    timer: Pin<Box<Sleep>>,
}

impl Io {
    /// For a connection that speaks HTTP/1, or h2.
    pub fn new(stream: Stream, is_http1: bool, pulse: Arc<Pulse>, write_timeout: Duration) -> Self {
        Self {
            stream,
            pulse,
            write_timeout,
            framing: is_http1.then(Framing::new),
            stall: None,
        }
    }

    /// Passes the result of a write on, or an error if the client took nothing for too long.
    fn watch<T>(
        &mut self,
        result: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            return result;
        }
        let written = self.stream.written();
        let stall = self.stall.get_or_insert_with(|| Stall {
            written,
            timer: Box::pin(tokio::time::sleep(self.write_timeout)),
        });
        if stall.written != written {
            stall.written = written;
            let deadline = Instant::now() + self.write_timeout;
            stall.timer.as_mut().reset(deadline);
        }
        let rung = stall.timer.as_mut().poll(context);
        rung.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        let this = &mut *self;
        let read = &buffer.filled()[before..];
        if let Some(framing) = this.framing.as_mut().filter(|_| !read.is_empty()) {
            if let Some(number) = framing.read(read) {
                this.pulse.doubt(number);
            }
            this.pulse.set_in_head(framing.is_in_head());
        }
        result
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(result, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.watch(result, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(result, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(result, context)
    }
}
