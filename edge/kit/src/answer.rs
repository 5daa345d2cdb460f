//! Answers to shoppers.
//!
//! Invariant: an answer is not kept by anybody unless it says so: `cache-control` is `no-store`
//! until a caller sets another. `HEAD` is answered like `GET`; the host leaves the body out.

use bytes::Bytes;
use kernel::problem::{MEDIA_TYPE, Problem, ProblemKind};
use serde::Serialize;
use spin_sdk::http::{FullBody, HeaderMap, HeaderValue, Response, StatusCode};

/// A whole answer.
pub type Answer = Response<FullBody<Bytes>>;

/// An answer of any media type, `no-store`.
pub fn bytes(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let body = body.into();
    let length = HeaderValue::from(body.len());
    let mut answer = Response::new(FullBody::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(media_type));
    headers.insert("content-length", length);
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    // It is what it says, also where a browser would rather guess.
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert("x-content-type-options", nosniff);
    answer
}

/// An answer of JSON, `no-store`.
pub fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => bytes(status, "application/json", body),
        Err(_) => problem(&ProblemKind::Internal.into()),
    }
}

/// A problem document with its status and `Retry-After`.
pub fn problem(problem: &Problem) -> Answer {
    let status = StatusCode::from_u16(problem.kind.status());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = bytes(status, MEDIA_TYPE, problem.to_json());
    if let Some(seconds) = problem.retry_after_seconds {
        let seconds = HeaderValue::from(seconds);
        answer.headers_mut().insert("retry-after", seconds);
    }
    answer
}

/// The answer, or the problem as one.
pub fn from(result: Result<Answer, Problem>) -> Answer {
    result.unwrap_or_else(|what| problem(&what))
}

/// 405, with the methods that `allow` names, e.g. `"GET, HEAD"`.
pub fn method_not_allowed(allow: &'static str) -> Answer {
    let answer = problem(&ProblemKind::MethodNotAllowed.into());
    with_header(answer, "allow", allow)
}

/// The answer with a header set; a value that no header can have is left out.
#[must_use]
pub fn with_header(mut answer: Answer, name: &'static str, value: &str) -> Answer {
    if let Ok(value) = HeaderValue::try_from(value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// 304 if the client's `If-None-Match` knows this `etag` (with its quotes), else `answer` with the
/// header `etag`. Either way with this `cache_control`.
#[must_use]
pub fn cached(request: &HeaderMap, etag: &str, cache_control: &str, answer: Answer) -> Answer {
    let answer = if knows(request, etag) {
        let mut unchanged = Response::new(FullBody::default());
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        answer
    };
    let answer = with_header(answer, "etag", etag);
    with_header(answer, "cache-control", cache_control)
}

/// Weak comparison, as RFC 9110, section 13.1.2 has it.
fn knows(request: &HeaderMap, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let values = request.get_all("if-none-match").iter();
    let mut tags = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    tags.any(|tag| tag.trim() == "*" || bare(tag) == bare(etag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_when_to_come_back() {
        let answer = problem(&Problem::new(ProblemKind::SlowDown, "").retry_after(7));
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["retry-after"], "7");
        assert_eq!(answer.headers()["content-type"], MEDIA_TYPE);
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }

    #[test]
    fn a_known_etag_gets_no_body() {
        let check = |known: Option<&'static str>, expected: u16| {
            let mut request = HeaderMap::new();
            if let Some(known) = known {
                request.insert("if-none-match", HeaderValue::from_static(known));
            }
            let answer = cached(&request, "\"a\"", "max-age=1", json(StatusCode::OK, &1));
            assert_eq!(answer.status(), expected, "{known:?}");
            assert_eq!(answer.headers()["etag"], "\"a\"");
            assert_eq!(answer.headers()["cache-control"], "max-age=1");
        };
        check(None, 200);
        check(Some("\"a\""), 304);
        check(Some("\"b\", W/\"a\""), 304);
        check(Some("*"), 304);
        check(Some("\"b\""), 200);
        check(Some("a"), 200);
    }
}
