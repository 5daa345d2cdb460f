//! One stored answer: whether it may be kept, how long it may be used, and how it goes out again.
//!
//! Invariant: what is kept was asked for without a credential and sets no cookie. All that a request
//! needs is worked out when the answer is stored, so that a hit compares, copies and leaves.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request,
};
use http_body_util::{BodyExt, Full};
use http_cache_semantics::{AfterResponse, CacheOptions, CachePolicy};
use wasmtime_wasi_http::{Error, WasiBody};

use super::{
    directives::{LIFE_MAX, has, members, seconds},
    status::CACHE_STATUS,
    vary::Vary,
};
use crate::body;

/// What an entry takes besides its parts: maps, links and counters.
const OVERHEAD_BYTES: usize = 1024;

/// They end with a connection or were true of one answer only.
const NOT_KEPT: [HeaderName; 8] = [
    header::AGE,
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];
/// What describes the body; a `304` has none.
pub const OF_THE_BODY: [HeaderName; 4] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_TYPE,
    header::CONTENT_RANGE,
];

/// When a request was sent to a component, by both clocks. Age counts from here: an answer is never
/// younger than the question (RFC 9111, section 4.2.3).
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    at: Instant,
    wall: SystemTime,
}

/// An answer that may be kept, still without its body.
pub struct Head {
    status: StatusCode,
    headers: HeaderMap,
    vary: Vary,
    policy: CachePolicy,
    asked: Asked,
    age_seconds: u64,
    life: Duration,
}

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

impl Asked {
    /// This moment.
    pub fn now() -> Self {
        Self {
            at: Instant::now(),
            wall: SystemTime::now(),
        }
    }
}

impl Head {
    /// The head of an answer to a request, if the answer may be kept.
    pub fn of(
        request: &request::Parts,
        status: StatusCode,
        headers: &HeaderMap,
        asked: Asked,
    ) -> Option<Self> {
        if headers.contains_key(header::SET_COOKIE)
            || request.headers.contains_key(header::COOKIE)
            || request.headers.contains_key(header::AUTHORIZATION)
            || status == StatusCode::PARTIAL_CONTENT
            || is_stream(headers)
        {
            return None;
        }
        let control = members(headers, &header::CACHE_CONTROL)?.join(",");
        // Nothing is kept by guessing: an answer says how long it holds.
        let says = |directive| has(headers, directive);
        let explicit = says("max-age") || says("s-maxage") || headers.contains_key(header::EXPIRES);
        if !explicit || says("no-cache") {
            return None;
        }
        let age = headers.get(header::AGE).and_then(|age| age.to_str().ok());
        let age_seconds = age.and_then(|age| age.parse().ok()).unwrap_or(0);
        let named = members(headers, &header::CONNECTION)?.into_iter();
        let named: Vec<HeaderName> = named.filter_map(|name| name.parse().ok()).collect();
        let mut headers = headers.clone();
        for name in named.iter().chain(&NOT_KEPT) {
            headers.remove(name);
        }
        if !headers.contains_key(header::DATE) {
            let date = httpdate::fmt_http_date(SystemTime::now());
            headers.insert(header::DATE, HeaderValue::try_from(date).ok()?);
        }
        let policy = policy(request, status, &headers, &control, asked);
        let life = policy.time_to_live(asked.wall).min(LIFE_MAX);
        let head = Self {
            vary: Vary::of(&headers, &request.headers)?,
            status,
            headers,
            asked,
            age_seconds,
            life,
            policy,
        };
        head.is_useful().then_some(head)
    }

    /// Whether it is for this request too, which may be that of somebody signed in.
    pub fn is_for_all(&self, request: &HeaderMap) -> bool {
        has(&self.headers, "public") && self.vary.admits(request)
    }

    /// Whether some request may still be answered with it.
    fn is_useful(&self) -> bool {
        let (revalidate, error) = stale_use(&self.headers);
        let age = Duration::from_secs(self.age_seconds);
        self.policy.is_storable() && age < self.life + revalidate.max(error)
    }

    /// The answer with its body.
    pub fn with(mut self, body: Bytes) -> Stored {
        if self.status != StatusCode::NO_CONTENT {
            let length = HeaderValue::from(body.len());
            self.headers.insert(header::CONTENT_LENGTH, length);
        }
        // A place for what each copy gets of its own, so that none has to grow.
        let has_status = self.headers.contains_key(CACHE_STATUS);
        let later = HeaderValue::from_static("");
        self.headers.insert(header::AGE, later.clone());
        if !has_status {
            self.headers.insert(CACHE_STATUS, later);
        }
        let (while_revalidate, if_error) = stale_use(&self.headers);
        let mut unchanged = self.headers.clone();
        for name in &OF_THE_BODY {
            unchanged.remove(name);
        }
        let age = Duration::from_secs(self.age_seconds);
        // It may have been stale for a while when it came.
        let stale = age.saturating_sub(self.life);
        Stored {
            status: self.status,
            unchanged,
            body,
            vary: self.vary,
            public: has(&self.headers, "public"),
            headers: self.headers,
            has_status,
            policy: self.policy,
            asked: self.asked.at,
            age_seconds: self.age_seconds,
            fresh_until: self.asked.at + self.life.saturating_sub(age),
            while_revalidate: while_revalidate.saturating_sub(stale),
            if_error: if_error.saturating_sub(stale),
        }
    }
}

impl Stored {
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
        Some(head.with(self.body.clone()))
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

/// What `http-cache-semantics` makes of an answer. It reads directives in lower case only, and adds `Age`
/// from whole seconds of its own, so it is shown neither as it came.
fn policy(
    request: &request::Parts,
    status: StatusCode,
    headers: &HeaderMap,
    control: &str,
    asked: Asked,
) -> CachePolicy {
    let mut answer = Response::new(());
    *answer.status_mut() = status;
    *answer.headers_mut() = headers.clone();
    if let Ok(control) = HeaderValue::try_from(control.to_ascii_lowercase()) {
        answer.headers_mut().insert(header::CACHE_CONTROL, control);
    }
    let mut bare = Request::new(());
    *bare.uri_mut() = request.uri.clone();
    // Of a request nothing stays but what it said about caching.
    if let Some(control) = request.headers.get(header::CACHE_CONTROL) {
        let headers = bare.headers_mut();
        headers.insert(header::CACHE_CONTROL, control.clone());
    }
    let options = CacheOptions {
        shared: true,
        cache_heuristic: 0.0,
        immutable_min_time_to_live: Duration::ZERO,
        ignore_cargo_cult: false,
    };
    CachePolicy::new_options(&bare, &answer, asked.wall, options)
}

/// How long an answer may be used while it is asked for again, and in place of a failure. An answer
/// that must be validated may not, even if it says so elsewhere.
fn stale_use(headers: &HeaderMap) -> (Duration, Duration) {
    if has(headers, "must-revalidate") || has(headers, "proxy-revalidate") {
        return (Duration::ZERO, Duration::ZERO);
    }
    (
        seconds(headers, "stale-while-revalidate"),
        seconds(headers, "stale-if-error"),
    )
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

fn is_stream(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE);
    media_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
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
