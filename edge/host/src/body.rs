//! Bodies with a clock: an answer may stream, but not for ever, and never ends as if it were whole when
//! it is not.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::engine::Fate;

/// A body that fails when its time is over.
struct Timed {
    body: WasiBody,
    sleep: Pin<Box<Sleep>>,
    /// If set, every frame winds the clock again.
    between_frames: Option<Duration>,
    /// What became of the instance that writes the body, if it is one.
    fate: Option<Fate>,
}

/// The body of a component's answer: fails if the whole takes longer than `limit`, or if it ends because
/// its instance was stopped, which looks like an orderly end from here.
pub fn answer(limit: Duration, fate: Fate, body: WasiBody) -> WasiBody {
    let sleep = Box::pin(tokio::time::sleep(limit));
    UnsyncBoxBody::new(Timed {
        body,
        sleep,
        between_frames: None,
        fate: Some(fate),
    })
}

/// Fails if a frame of `body` takes longer than `limit`.
pub fn each_frame_within(limit: Duration, body: WasiBody) -> WasiBody {
    let sleep = Box::pin(tokio::time::sleep(limit));
    UnsyncBoxBody::new(Timed {
        body,
        sleep,
        between_frames: Some(limit),
        fate: None,
    })
}

/// No body.
pub fn empty() -> WasiBody {
    Empty::new().map_err(Error::from).boxed_unsync()
}

/// A body known from the start.
pub fn full(content: impl Into<Bytes>) -> WasiBody {
    Full::new(content.into())
        .map_err(Error::from)
        .boxed_unsync()
}

impl Body for Timed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            if let Some(limit) = self.between_frames {
                self.sleep.as_mut().reset(Instant::now() + limit);
            }
            if frame.is_none() && self.fate.as_ref().is_some_and(Fate::is_stopped) {
                return Poll::Ready(Some(Err(Error::HttpResponseIncomplete)));
            }
            return Poll::Ready(frame);
        }
        ready!(self.sleep.as_mut().poll(context));
        // What produces the body must not go on for nobody.
        self.body = empty();
        Poll::Ready(Some(Err(Error::HttpResponseTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
