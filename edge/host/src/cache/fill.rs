//! Asking a component for what is to be stored.
//!
//! Invariant: the request carries no cookie, so the answer is what a stranger gets.

use std::{sync::Arc, time::Instant};

use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header, request};
use wasmtime_wasi_http::WasiBody;

use super::{
    Cache,
    address::Key,
    collect::{Collected, collect},
    flights::{End, Lead},
    head::{Asked, Head},
    stored::{Stored, Use, whole},
};
use crate::{body, server::Components};

/// What a client asks for on top of an address; the stored answer is the whole one.
pub const CONDITIONS: [HeaderName; 6] = [
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
];

/// A request on behalf of the cache.
pub struct Fill {
    pub cache: Arc<Cache>,
    pub components: Components,
    pub key: Key,
    /// Without a cookie.
    pub head: request::Parts,
    /// What is to be validated, if something is.
    pub stored: Option<Arc<Stored>>,
}

/// What came of it.
pub enum Filled {
    /// It is stored; the component answered with this status.
    Kept(Arc<Stored>, StatusCode),
    /// The component failed with this answer.
    Failed(Response<WasiBody>),
    /// The answer is none to keep.
    Passed(Response<WasiBody>),
}

impl Fill {
    /// Asks, keeps the answer if it may be kept, and tells those who wait for `lead`.
    pub async fn run(mut self, lead: Option<Lead>) -> Filled {
        let generation = self.cache.store.generation();
        let (mut answer, mut asked) = self.ask().await;
        if answer.status() == StatusCode::NOT_MODIFIED
            && let Some(stored) = self.stored.take()
        {
            if let Some(stored) = stored.freshened(&self.head, answer.headers(), asked) {
                let code = StatusCode::NOT_MODIFIED;
                return self.keep(stored, code, lead, generation).await;
            }
            // It said so of something else.
            (answer, asked) = self.ask().await;
        }
        let filled = self.read(answer, asked).await;
        match filled {
            Read::Kept(stored, code) => self.keep(*stored, code, lead, generation).await,
            Read::Failed(answer) => {
                if let Some(lead) = lead {
                    lead.end(End::Failed);
                }
                Filled::Failed(answer)
            }
            Read::Passed(answer) => {
                // A `304` here answers the client's own condition and says nothing of the rest.
                if answer.status() != StatusCode::NOT_MODIFIED {
                    let store = &self.cache.store;
                    store.pass(&self.key, &self.head.headers, generation).await;
                }
                Filled::Passed(answer)
            }
        }
    }

    async fn ask(&self) -> (Response<WasiBody>, Asked) {
        let mut head = self.head.clone();
        if let Some(stored) = &self.stored {
            stored.validate(&mut head.headers);
        }
        let asked = Asked::now();
        let request = Request::from_parts(head, body::empty());
        (self.components.ask(request).await, asked)
    }

    async fn read(&self, answer: Response<WasiBody>, asked: Asked) -> Read {
        let code = answer.status();
        if is_failure(code) {
            return Read::Failed(answer);
        }
        let Some(head) = Head::of(&self.head, code, answer.headers(), asked) else {
            return Read::Passed(answer);
        };
        let bytes_max = self.cache.store.answer_bytes_max();
        let length = answer.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > bytes_max) {
            return Read::Passed(answer);
        }
        let (parts, content) = answer.into_parts();
        match collect(content, bytes_max).await {
            Collected::Whole(bytes) if length.is_none_or(|length| length == bytes.len()) => {
                Read::Kept(Box::new(Stored::new(head, bytes)), code)
            }
            Collected::Whole(bytes) => Read::Passed(Response::from_parts(parts, whole(bytes))),
            Collected::Open(content) => Read::Passed(Response::from_parts(parts, content)),
            Collected::Broken(content) => Read::Failed(Response::from_parts(parts, content)),
        }
    }

    async fn keep(
        self,
        stored: Stored,
        code: StatusCode,
        lead: Option<Lead>,
        generation: u64,
    ) -> Filled {
        let stored = Arc::new(stored);
        let outdated = || lead.as_ref().is_some_and(Lead::is_outdated);
        if !outdated() {
            let store = &self.cache.store;
            let passes = stored.usable(Instant::now()) == Use::Validated;
            let headers = &self.head.headers;
            let kept = stored.clone();
            store
                .keep(&self.key, headers, kept, passes, generation)
                .await;
            if outdated() {
                store.drop(&self.key).await;
            }
        }
        let end = if outdated() {
            End::Passed
        } else {
            End::Kept(stored.clone())
        };
        if let Some(lead) = lead {
            lead.end(end);
        }
        Filled::Kept(stored, code)
    }
}

/// An answer, as far as it was read.
enum Read {
    Kept(Box<Stored>, StatusCode),
    Failed(Response<WasiBody>),
    Passed(Response<WasiBody>),
}

/// Errors that `stale-if-error` speaks of (RFC 5861, section 4).
fn is_failure(code: StatusCode) -> bool {
    matches!(code.as_u16(), 500 | 502 | 503 | 504)
}

/// A request's head as the cache sends it: nobody's, and for the whole answer.
pub fn stranger(head: &request::Parts) -> request::Parts {
    let mut head = head.clone();
    head.headers.remove(header::COOKIE);
    for name in &CONDITIONS {
        head.headers.remove(name);
    }
    // Of a body that a request without one may have announced as empty.
    if head.headers.contains_key(header::CONTENT_LENGTH) {
        let none = HeaderValue::from_static("0");
        head.headers.insert(header::CONTENT_LENGTH, none);
    }
    head
}
