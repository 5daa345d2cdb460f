//! Parts of a file: some browsers play no sound that they cannot ask for in parts.
//!
//! Invariant: what is not a single range of bytes that begins inside the file is answered with the
//! whole file, as RFC 9110, section 14.2 allows.

use bytes::Bytes;
use kit::answer::{self, Answer, with_header};
use spin_sdk::http::{HeaderMap, StatusCode};
use std::ops::RangeInclusive;

/// The file, or the part of it that `headers` ask for.
pub(super) fn answer(headers: &HeaderMap, media_type: &'static str, file: Bytes) -> Answer {
    let asked = headers.get("range").and_then(|value| value.to_str().ok());
    let part = asked.and_then(|text| part(text, file.len()));
    let answer = match part {
        None => answer::bytes(StatusCode::OK, media_type, file),
        Some(part) => {
            let said = format!("bytes {}-{}/{}", part.start(), part.end(), file.len());
            let answer = answer::bytes(StatusCode::PARTIAL_CONTENT, media_type, file.slice(part));
            with_header(answer, "content-range", &said)
        }
    };
    with_header(answer, "accept-ranges", "bytes")
}

/// The bytes that `bytes=first-last`, `bytes=first-` or `bytes=-count` means.
fn part(text: &str, length: usize) -> Option<RangeInclusive<usize>> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let end = length.checked_sub(1)?;
    let (first, last) = match (first.trim(), last.trim()) {
        ("", count) => {
            let count = count.parse::<usize>().ok().filter(|count| *count > 0)?;
            (length.saturating_sub(count), end)
        }
        (first, "") => (first.parse().ok()?, end),
        (first, last) => (first.parse().ok()?, last.parse::<usize>().ok()?.min(end)),
    };
    (first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use spin_sdk::http::HeaderValue;

    #[test]
    fn a_part_is_what_was_asked_for_or_the_whole() {
        let check = |text, expected| assert_eq!(part(text, 10), expected, "{text}");
        check("bytes=0-1", Some(0..=1));
        check("bytes=4-", Some(4..=9));
        check("bytes=0-99", Some(0..=9));
        check("bytes=-3", Some(7..=9));
        check("bytes=-99", Some(0..=9));
        check("bytes=10-", None);
        check("bytes=5-4", None);
        check("bytes=-0", None);
        check("bytes=0-1,3-4", None);
        check("bytes=a-b", None);
        check("seconds=0-1", None);
        assert_eq!(part("bytes=0-", 0), None);
    }

    #[test]
    fn a_part_says_where_it_belongs() {
        let mut headers = HeaderMap::new();
        let whole = answer(&headers, "audio/wav", Bytes::from_static(b"0123456789"));
        assert_eq!(
            (whole.status().as_u16(), &whole.headers()["accept-ranges"]),
            (200, &HeaderValue::from_static("bytes"))
        );
        headers.insert("range", HeaderValue::from_static("bytes=2-4"));
        let part = answer(&headers, "audio/wav", Bytes::from_static(b"0123456789"));
        assert_eq!(part.status(), 206);
        assert_eq!(part.headers()["content-range"], "bytes 2-4/10");
        assert_eq!(part.headers()["content-length"], "3");
    }
}
