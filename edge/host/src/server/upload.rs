//! The body of a request, with a clock for clients that stop sending it.
//!
//! A body that is there when it is asked for needs no clock, nor does a request without one.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::body;

/// What the client did wrong with a body, once it did.
#[derive(Clone, Default)]
pub struct Fault(Option<Arc<OnceLock<StatusCode>>>);

struct Upload {
    incoming: Incoming,
    limit: Duration,
    clock: Option<Pin<Box<Sleep>>>,
    /// The last look found nothing, and the clock runs since.
    is_waiting: bool,
    fault: Arc<OnceLock<StatusCode>>,
}

/// A body that fails if its next piece does not come within `limit`, and whether the client was to
/// blame if it failed.
pub fn within(limit: Duration, incoming: Incoming) -> (WasiBody, Fault) {
    if incoming.is_end_stream() {
        return (body::empty(), Fault::default());
    }
    let fault = Arc::new(OnceLock::new());
    let body = UnsyncBoxBody::new(Upload {
        incoming,
        limit,
        clock: None,
        is_waiting: false,
        fault: fault.clone(),
    });
    (body, Fault(Some(fault)))
}

impl Fault {
    /// Whether there is a body that can fail.
    pub fn is_possible(&self) -> bool {
        self.0.is_some()
    }

    /// What to answer if a component could do nothing with the body.
    pub fn code(&self) -> Option<StatusCode> {
        self.0.as_ref()?.get().copied()
    }
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
            if let Some(Err(_)) = frame {
                this.fault.get_or_init(|| StatusCode::BAD_REQUEST);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        let limit = this.limit;
        let clock = this
            .clock
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if !std::mem::replace(&mut this.is_waiting, true) {
            clock.as_mut().reset(Instant::now() + limit);
        }
        if clock.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        this.fault.get_or_init(|| StatusCode::REQUEST_TIMEOUT);
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
