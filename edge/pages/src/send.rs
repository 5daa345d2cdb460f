//! A page as an answer: encoding, entity tag, how long it may be kept.

use crate::encoding::{Encoding, choose};
use crate::page::Page;
use kernel::problem::ProblemKind;
use kit::answer::{self, Answer};
use spin_sdk::http::{HeaderMap, StatusCode};
use std::sync::Arc;

/// A catalogue page is a second old at most when it leaves. A cache may add a second, another one
/// while it asks us again, and a minute if we do not answer: better that old than not there.
/// `s-maxage` says to caches on the way what `max-age` says to browsers, so that a CDN which has a
/// default of its own for one of them has it for neither.
pub const CATALOGUE: &str =
    "public, max-age=1, s-maxage=1, stale-while-revalidate=1, stale-if-error=60";
/// Other pages change with a release only. Those who have an old one find all it names.
pub const FIXED: &str =
    "public, max-age=60, s-maxage=300, stale-while-revalidate=600, stale-if-error=86400";
/// What a name with a hash in it leads to never changes.
pub const FOREVER: &str = "public, max-age=31536000, immutable";
/// What is missing may be published the next second.
pub const MISSING: &str = "public, max-age=1, s-maxage=1";
/// Nobody keeps it.
pub const NEVER: &str = "no-store";

/// A page that was rendered just now, or before.
pub type Rendered = Result<Arc<Page>, layout::render::Error>;

/// The page in the smallest encoding that the client takes, or 304.
pub fn page(
    headers: &HeaderMap,
    status: StatusCode,
    cache_control: &str,
    page: Rendered,
) -> Answer {
    let page = match page {
        Ok(page) => page,
        Err(error) => {
            eprintln!("a page cannot be rendered: {error:#}");
            return answer::problem(&ProblemKind::Internal.into());
        }
    };
    let (encoding, body) = match (&page.gzip, choose(headers, &[Encoding::Gzip])) {
        (Some(gzip), Encoding::Gzip) => (Encoding::Gzip, gzip),
        _ => (Encoding::Plain, &page.plain),
    };
    let mut answer = answer::bytes(status, page.media_type, body.clone());
    if let Some(word) = encoding.word() {
        answer = answer::with_header(answer, "content-encoding", word);
    }
    if status == StatusCode::OK {
        let etag = format!("\"{}{}\"", page.hash, encoding.word().unwrap_or_default());
        answer = answer::cached(headers, &etag, cache_control, answer);
    } else {
        answer = answer::with_header(answer, "cache-control", cache_control);
    }
    answer::with_header(answer, "vary", "accept-encoding")
}
