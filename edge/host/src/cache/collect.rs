//! Reading a body to keep it, and giving it back untouched if it is not one to keep.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame};
use tokio::time::{Instant, timeout_at};
use wasmtime_wasi_http::{Error, WasiBody};

/// How long the end of a body may take: one that takes longer is passed on as it comes.
const COLLECT_TIME_MAX: Duration = Duration::from_secs(2);

/// What a body turned out to be.
pub enum Collected {
    /// All of it.
    Whole(Bytes),
    /// Too long, too slow or with trailers; here it is again from its beginning.
    Open(WasiBody),
    /// It broke off; here it is again from its beginning, with the error.
    Broken(WasiBody),
}

/// Reads a body of at most so many bytes.
pub async fn collect(mut body: WasiBody, bytes_max: usize) -> Collected {
    let deadline = Instant::now() + COLLECT_TIME_MAX;
    let (mut frames, mut bytes) = (VecDeque::new(), 0);
    loop {
        match timeout_at(deadline, body.frame()).await {
            Ok(None) => return Collected::Whole(joined(&frames, bytes)),
            Ok(Some(Ok(frame))) => {
                let size = frame.data_ref().map(Bytes::len);
                frames.push_back(Ok(frame));
                bytes += size.unwrap_or(0);
                if size.is_none() || bytes > bytes_max {
                    return Collected::Open(again(frames, body));
                }
            }
            Ok(Some(Err(error))) => {
                frames.push_back(Err(error));
                return Collected::Broken(again(frames, body));
            }
            Err(_) => return Collected::Open(again(frames, body)),
        }
    }
}

fn joined(frames: &VecDeque<Result<Frame<Bytes>, Error>>, bytes: usize) -> Bytes {
    let mut data = frames.iter().flatten().filter_map(Frame::data_ref);
    if frames.len() == 1 {
        return data.next().cloned().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(bytes);
    for piece in data {
        whole.extend_from_slice(piece);
    }
    whole.freeze()
}

fn again(frames: VecDeque<Result<Frame<Bytes>, Error>>, rest: WasiBody) -> WasiBody {
    UnsyncBoxBody::new(Again { frames, rest })
}

/// A body of which the first frames were read already.
struct Again {
    frames: VecDeque<Result<Frame<Bytes>, Error>>,
    rest: WasiBody,
}

impl Body for Again {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.rest.is_end_stream()
    }
}
