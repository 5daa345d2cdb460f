//! One stored answer: what it may be used for, and how it goes out again.
//!
//! Invariant: all that a request needs is worked out when the answer is stored, so that a hit compares,
//! copies and leaves.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request,
};
use http_body_util::{BodyExt, Full};
use http_cache_semantics::{AfterResponse, CachePolicy};
use wasmtime_wasi_http::{Error, WasiBody};

use super::{
    directives::{has, members},
    head::{Asked, Head, stale_use},
    status::CACHE_STATUS,
    vary::Vary,
};
use crate::body;

/// What an entry takes besides its parts: maps, links and counters.
const OVERHEAD_BYTES: usize = 1024;

/// What describes the body; a `304` has none.
pub const OF_THE_BODY: [HeaderName; 4] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    header::CONTENT_RANGE,
];

/// A stored answer.
pub struct Stored {
    status: StatusCode,
    /// With `Age` and `Cache-Status` to be filled in.
    headers: HeaderMap,
    /// A cache behind the component has said something already.
    has_status: bool,
    /// Those of a `304`.
    unchanged: HeaderMap,
    body: Bytes,
    /// Which requests for its address it is for.
    pub vary: Vary,
    /// It says itself that it is for everybody, also for who is signed in.
    pub public: bool,
    policy: CachePolicy,
    asked: Instant,
    age_seconds: u64,
    fresh_until: Instant,
    while_revalidate: Duration,
    if_error: Duration,
}

/// What a stored answer may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// For every request.
    Fresh,
    /// While somebody asks for a newer one (RFC 5861, section 3).
    WhileRevalidate,
    /// Only after the component was asked.
    Validated,
}

impl Stored {
    /// The answer with this head and body.
    pub fn new(head: Head, body: Bytes) -> Self {
        let Head {
            status,
            mut headers,
            vary,
            policy,
            asked,
            age_seconds,
            life,
        } = head;
        if status != StatusCode::NO_CONTENT {
            let length = HeaderValue::from(body.len());
            headers.insert(header::CONTENT_LENGTH, length);
        }
        // A place for what each copy gets of its own, so that none has to grow.
        let has_status = headers.contains_key(CACHE_STATUS);
        let later = HeaderValue::from_static("");
        headers.insert(header::AGE, later.clone());
        if !has_status {
            headers.insert(CACHE_STATUS, later);
        }
        let (while_revalidate, if_error) = stale_use(&headers);
        let mut unchanged = headers.clone();
        for name in &OF_THE_BODY {
            unchanged.remove(name);
        }
        let age = Duration::from_secs(age_seconds);
        // It may have been stale for a while when it came.
        let stale = age.saturating_sub(life);
        Self {
            status,
            unchanged,
            body,
            vary,
            public: has(&headers, "public"),
            headers,
            has_status,
            policy,
            asked: asked.at,
            age_seconds,
            fresh_until: asked.at + life.saturating_sub(age),
            while_revalidate: while_revalidate.saturating_sub(stale),
            if_error: if_error.saturating_sub(stale),
        }
    }

    /// What it may be used for now.
    pub fn usable(&self, now: Instant) -> Use {
        if now < self.fresh_until {
            Use::Fresh
        } else if now < self.fresh_until + self.while_revalidate {
            Use::WhileRevalidate
        } else {
            Use::Validated
        }
    }

    /// Whether it may be used in place of a failure (RFC 5861, section 4).
    pub fn excuses(&self, now: Instant) -> bool {
        now < self.fresh_until + self.if_error
    }

    /// Whole seconds for which it stays fresh, or, below zero, since when it is not.
    pub fn seconds_left(&self, now: Instant) -> i64 {
        let left = self.fresh_until.saturating_duration_since(now).as_secs();
        let over = now.saturating_duration_since(self.fresh_until);
        i64::try_from(left).unwrap_or(i64::MAX) - i64::try_from(rounded_up(over)).unwrap_or(0)
    }

    /// The answer for a request with these headers, or a `304` if it has it already.
    pub fn answer(
        &self,
        method: &Method,
        request: &HeaderMap,
        now: Instant,
        status: HeaderValue,
    ) -> Response<WasiBody> {
        let (code, headers, body) =
            if self.status == StatusCode::OK && knows(request, &self.headers) {
                (StatusCode::NOT_MODIFIED, &self.unchanged, body::empty())
            } else if *method == Method::HEAD {
                (self.status, &self.headers, body::empty())
            } else {
                (self.status, &self.headers, whole(self.body.clone()))
            };
        let mut answer = Response::new(body);
        *answer.status_mut() = code;
        let mut headers = headers.clone();
        // What came here was rounded down, so that this is rounded up: an age is never told too low
        // by a second or more, however many caches it passes.
        let here = rounded_up(now.saturating_duration_since(self.asked));
        let age = self.age_seconds.saturating_add(here);
        headers.insert(header::AGE, HeaderValue::from(age));
        if self.has_status {
            headers.append(CACHE_STATUS, status);
        } else {
            headers.insert(CACHE_STATUS, status);
        }
        *answer.headers_mut() = headers;
        answer
    }

    /// Has a request ask whether this is still so.
    pub fn validate(&self, request: &mut HeaderMap) {
        let pairs = [
            (header::IF_NONE_MATCH, header::ETAG),
            (header::IF_MODIFIED_SINCE, header::LAST_MODIFIED),
        ];
        for (condition, validator) in pairs {
            if let Some(value) = self.headers.get(validator) {
                request.insert(condition, value.clone());
            }
        }
    }

    /// This answer, said to hold by a `304` with these headers (RFC 9111, section 4.3.4); nothing if
    /// that `304` means another one, or the answer may no longer be kept.
    pub fn freshened(
        &self,
        request: &request::Parts,
        changed: &HeaderMap,
        asked: Asked,
    ) -> Option<Self> {
        let bare = Request::from_parts(request.clone(), ());
        let mut unchanged = Response::new(());
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        *unchanged.headers_mut() = changed.clone();
        let after = self.policy.after_response(&bare, &unchanged, asked.wall);
        if matches!(after, AfterResponse::Modified(..)) {
            return None;
        }
        let mut headers = self.headers.clone();
        headers.remove(header::AGE);
        headers.remove(header::DATE);
        if !self.has_status {
            headers.remove(CACHE_STATUS);
        }
        for name in changed.keys().filter(|name| !OF_THE_BODY.contains(name)) {
            headers.remove(name);
            for value in changed.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        let head = Head::of(request, self.status, &headers, asked)?;
        Some(Self::new(head, self.body.clone()))
    }

    /// How much memory it takes, roughly.
    pub fn bytes(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| name.as_str().len() + value.len() + 64)
            .sum();
        // Kept twice, and once more in the policy.
        OVERHEAD_BYTES + self.body.len() + 3 * headers + 2 * self.vary.bytes()
    }
}

/// Whether a request's condition says that it has the answer with these headers already (RFC 9110,
/// section 13.2.2).
pub fn knows(request: &HeaderMap, answer: &HeaderMap) -> bool {
    if request.contains_key(header::IF_NONE_MATCH) {
        let etag = answer.get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let tags = members(request, &header::IF_NONE_MATCH).unwrap_or_default();
        let mut tags = tags.into_iter();
        return tags.any(|tag| tag == "*" || etag.is_some_and(|etag| bare(etag) == bare(tag)));
    }
    let time = |headers: &HeaderMap, name: HeaderName| {
        httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
    };
    let since = time(request, header::IF_MODIFIED_SINCE);
    let modified = time(answer, header::LAST_MODIFIED);
    matches!((since, modified), (Some(since), Some(modified)) if modified <= since)
}

/// A tag for weak comparison.
fn bare(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// A whole body.
pub fn whole(content: Bytes) -> WasiBody {
    Full::new(content).map_err(Error::from).boxed_unsync()
}

fn rounded_up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
