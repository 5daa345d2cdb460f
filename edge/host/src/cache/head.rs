//! The head of an answer: whether the answer may be kept, and how long it then holds.
//!
//! Invariant: what may be kept was asked for without a credential, sets no cookie and says itself how
//! long it holds.

use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header, request};
use http_cache_semantics::{CacheOptions, CachePolicy};

use super::{
    directives::{LIFE_MAX, has, members, seconds},
    vary::Vary,
};

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

/// When a request was sent to a component, by both clocks. Age counts from here: an answer is never
/// younger than the question (RFC 9111, section 4.2.3).
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// For what follows.
    pub at: Instant,
    /// For dates.
    pub wall: SystemTime,
}

/// An answer that may be kept, still without its body.
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// What of the headers may be kept.
    pub headers: HeaderMap,
    /// Which requests for its address it is for.
    pub vary: Vary,
    /// What a later `304` is held against.
    pub policy: CachePolicy,
    /// When it was asked for.
    pub asked: Asked,
    /// How old it said it was.
    pub age_seconds: u64,
    /// How old it may be and still be fresh.
    pub life: Duration,
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
pub fn stale_use(headers: &HeaderMap) -> (Duration, Duration) {
    if has(headers, "must-revalidate") || has(headers, "proxy-revalidate") {
        return (Duration::ZERO, Duration::ZERO);
    }
    (
        seconds(headers, "stale-while-revalidate"),
        seconds(headers, "stale-if-error"),
    )
}

fn is_stream(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE);
    media_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}
