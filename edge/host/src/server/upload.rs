//! The body of a request, with a clock for clients that stop sending it.
//!
//! A body that is there when it is asked for needs no clock, nor does a request without one.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, WasiBody};

struct Upload {
    incoming: Incoming,
    limit: Duration,
    clock: Option<Pin<Box<Sleep>>>,
    /// The last look found nothing, and the clock runs since.
    is_waiting: bool,
}

/// A body that fails if its next piece does not come within `limit`.
pub fn within(limit: Duration, incoming: Incoming) -> WasiBody {
    if incoming.is_end_stream() {
        return incoming.map_err(Error::from).boxed_unsync();
    }
    UnsyncBoxBody::new(Upload {
        incoming,
        limit,
        clock: None,
        is_waiting: false,
    })
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(context) {
            this.is_waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        let limit = this.limit;
        let clock = this
            .clock
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if !std::mem::replace(&mut this.is_waiting, true) {
            clock.as_mut().reset(Instant::now() + limit);
        }
        let rung = clock.as_mut().poll(context);
        rung.map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
