//! Pages of a list, by cursor.
//!
//! Invariant: a page is bounded, and the cursor of the next is the id of the last line on this one.

use super::answer::Answer;
use axum::extract::FromRequestParts;
use axum::extract::Query;
use axum::http::request::Parts;
use kernel::problem::{Problem, ProblemKind};
use serde::de::DeserializeOwned;

/// Lines on a page if the request does not say.
const LIMIT_DEFAULT: u32 = 100;
/// Lines on a page at most.
pub(super) const LIMIT_MAX: u32 = 1_000;

/// How many lines are wanted.
pub(super) fn limit(wanted: Option<u32>) -> Answer<u32> {
    let limit = wanted.unwrap_or(LIMIT_DEFAULT);
    if (1..=LIMIT_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::field("limit", &format!("is 1 to {LIMIT_MAX}")).into())
    }
}

/// The cursor of the next page, if this one is full.
pub(super) fn next<T>(lines: &[T], limit: u32, id: impl Fn(&T) -> u64) -> Option<String> {
    let full = u32::try_from(lines.len()).is_ok_and(|count| count == limit);
    lines
        .last()
        .filter(|_| full)
        .map(|last| id(last).to_string())
}

/// A query of type `T`, unknown fields refused.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = super::answer::Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        let query = Query::try_from_uri(&parts.uri).map_err(|rejection| {
            let detail = format!("The query cannot be read: {}", rejection.body_text());
            Problem::new(ProblemKind::Malformed, detail)
        })?;
        Ok(Self(query.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_full_names_the_next() {
        assert_eq!(next(&[3_u64, 2], 2, |id| *id), Some("2".to_owned()));
        assert_eq!(next(&[3_u64], 2, |id| *id), None);
        assert_eq!(next(&[0_u64; 0], 2, |id| *id), None);
        assert_eq!(limit(None).unwrap(), LIMIT_DEFAULT);
        for bad in [0, LIMIT_MAX + 1] {
            assert!(limit(Some(bad)).is_err(), "{bad}");
        }
    }
}
