//! What a connection's bytes and its requests tell each other: how many requests are being answered,
//! which of them is not to be believed, and whether another has begun.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// Of one connection, which is served by one thread: the atomics only satisfy the compiler.
#[derive(Default)]
pub struct Pulse {
    /// Requests so far.
    requests: AtomicU32,
    /// Requests whose answer has not ended.
    in_flight: AtomicU32,
    /// The first request that is not to be believed; zero is none.
    doubtful: AtomicU32,
    /// The client has sent a part of a head.
    in_head: AtomicBool,
}

impl Pulse {
    /// A request begins.
    pub fn begin(self: &Arc<Self>) -> Turn {
        self.in_flight.fetch_add(1, Relaxed);
        Turn {
            number: self.requests.fetch_add(1, Relaxed).wrapping_add(1),
            pulse: self.clone(),
        }
    }

    /// How many requests there were.
    pub fn requests(&self) -> u32 {
        self.requests.load(Relaxed)
    }

    /// Whether an answer is owed or being sent.
    pub fn is_busy(&self) -> bool {
        self.in_flight.load(Relaxed) > 0
    }

    /// The request with this number can be read in two ways, and so can all behind it.
    pub fn doubt(&self, number: u32) {
        if self.doubtful.load(Relaxed) == 0 {
            self.doubtful.store(number, Relaxed);
        }
    }

    /// The client has sent a part of a head, or the end of it.
    pub fn set_in_head(&self, in_head: bool) {
        self.in_head.store(in_head, Relaxed);
    }

    /// Whether the client has sent a part of a head.
    pub fn is_in_head(&self) -> bool {
        self.in_head.load(Relaxed)
    }
}

/// One request, from its head to the end of its answer.
pub struct Turn {
    number: u32,
    pulse: Arc<Pulse>,
}

impl Turn {
    /// Whether the request can be read in two ways, or one before it.
    pub fn is_ambiguous(&self) -> bool {
        let doubtful = self.pulse.doubtful.load(Relaxed);
        doubtful != 0 && doubtful <= self.number
    }

    /// The body of the answer, with whose end the turn ends.
    pub fn answer(self, body: WasiBody) -> Answer {
        Answer { body, _turn: self }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.pulse.in_flight.fetch_sub(1, Relaxed);
    }
}

/// The body of an answer.
pub struct Answer {
    body: WasiBody,
    _turn: Turn,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
