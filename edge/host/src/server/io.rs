//! The bytes of a connection, with a clock for clients that send or take them too slowly.
//!
//! A clock is set only when nothing can be read or written, and moved only when it rings too early: a
//! client that is quick costs none. What a request's body may take is told in `upload`.

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

/// How long a client may take.
#[derive(Clone, Copy)]
pub struct Patience {
    /// For a request's head.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
    /// For taking any byte of an answer.
    pub write: Duration,
}

/// A connection and its clocks.
pub struct Io {
    stream: Stream,
    pulse: Arc<Pulse>,
    patience: Patience,
    /// Of HTTP/1 only.
    framing: Option<Framing>,
    wait: Option<Wait>,
    clock: Option<Pin<Box<Sleep>>>,
    stall: Option<Stall>,
}

/// Waiting for the client to send.
struct Wait {
    /// For the rest of a head, rather than its beginning.
    in_head: bool,
    /// Requests before.
    requests: u32,
    deadline: Instant,
}

/// Waiting for the client to take.
struct Stall {
    /// What was written when the clock was set.
    written: u64,
    clock: Pin<Box<Sleep>>,
}

impl Io {
    /// For a connection that speaks HTTP/1, or h2.
    pub fn new(stream: Stream, is_http1: bool, pulse: Arc<Pulse>, patience: Patience) -> Self {
        Self {
            stream,
            pulse,
            patience,
            framing: is_http1.then(Framing::new),
            wait: None,
            clock: None,
            stall: None,
        }
    }

    /// Nothing can be read now: an error if that has been so for too long.
    fn poll_wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.pulse.is_busy() {
            self.wait = None;
            return Poll::Pending;
        }
        let in_head = self.framing.as_ref().is_some_and(Framing::is_in_head);
        let requests = self.pulse.requests();
        let before = self.wait.as_ref();
        // A first head's time runs from the start of the connection.
        let goes_on =
            |wait: &&Wait| requests == 0 || (wait.in_head == in_head && wait.requests == requests);
        let deadline = before.filter(goes_on).map_or_else(
            || {
                let is_head = in_head || requests == 0;
                let limits = (self.patience.head, self.patience.idle);
                Instant::now() + if is_head { limits.0 } else { limits.1 }
            },
            |wait| wait.deadline,
        );
        self.wait = Some(Wait {
            in_head,
            requests,
            deadline,
        });
        self.poll_deadline(deadline, context)
    }

    fn poll_deadline(
        &mut self,
        mut deadline: Instant,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let clock = self
            .clock
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if clock.deadline() > deadline {
            clock.as_mut().reset(deadline);
        }
        while clock.as_mut().poll(context).is_ready() {
            if clock.deadline() >= deadline {
                let Some(wait) = self.wait.as_mut().filter(|wait| !wait.in_head) else {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                };
                // Between requests it is closed in order, for which there is not for ever either.
                if self.pulse.quiet() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                deadline = Instant::now() + self.patience.head;
                wait.deadline = deadline;
            }
            clock.as_mut().reset(deadline);
        }
        Poll::Pending
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
            clock: Box::pin(tokio::time::sleep(self.patience.write)),
        });
        if stall.written != written {
            stall.written = written;
            let deadline = Instant::now() + self.patience.write;
            stall.clock.as_mut().reset(deadline);
        }
        let rung = stall.clock.as_mut().poll(context);
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
        if result.is_pending() {
            return self.poll_wait(context);
        }
        if let Some(framing) = &mut self.framing
            && let Some(number) = framing.read(&buffer.filled()[before..])
        {
            self.pulse.doubt(number);
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
