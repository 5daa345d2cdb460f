//! The body of an answer, counted until it is over.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use super::{AccessLog, Entry};

/// Writes the line of an answer when its body is over, whether whole or not.
pub fn record(
    log: AccessLog,
    mut entry: Box<Entry>,
    response: Response<WasiBody>,
) -> Response<WasiBody> {
    entry.answered(&response);
    response.map(|body| {
        UnsyncBoxBody::new(Recorded {
            body,
            log,
            entry: Some(entry),
        })
    })
}

struct Recorded {
    body: WasiBody,
    log: AccessLog,
    entry: Option<Box<Entry>>,
}

impl Body for Recorded {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let (Some(data), Some(entry)) = (frame.data_ref(), self.entry.as_mut())
        {
            entry.bytes += data.len() as u64;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.log.end(entry);
        }
    }
}
