//! The directives of `Cache-Control` that `http-cache-semantics` leaves to the cache, and the codings
//! that a request takes.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Longer times mean this one: RFC 9111, section 1.2.2 wants a cache to be ready for too large ones.
pub const LIFE_MAX: Duration = Duration::from_hours(365 * 24);

/// Every directive of all `Cache-Control` headers: name, and value without quotes.
pub fn directives(headers: &HeaderMap) -> impl Iterator<Item = (&str, Option<&str>)> {
    let values = headers.get_all(header::CACHE_CONTROL).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(|directive| {
        let (name, value) = match directive.split_once('=') {
            Some((name, value)) => (name, Some(value.trim().trim_matches('"'))),
            None => (directive, None),
        };
        (name.trim(), value)
    })
}

/// Whether a directive is there, with or without a value.
pub fn has(headers: &HeaderMap, directive: &str) -> bool {
    directives(headers).any(|(name, _)| name.eq_ignore_ascii_case(directive))
}

/// The seconds of a directive; zero if it is not there or no number.
pub fn seconds(headers: &HeaderMap, directive: &str) -> Duration {
    let mut all = directives(headers);
    let value = all.find_map(|(name, value)| {
        let found = name.eq_ignore_ascii_case(directive);
        found.then_some(value?)?.parse().ok()
    });
    value
        .map_or(Duration::ZERO, Duration::from_secs)
        .min(LIFE_MAX)
}

/// The comma-separated members of all headers of a name; `None` if one is not text.
pub fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Vec<&'a str>> {
    let texts = headers.get_all(name).iter().map(HeaderValue::to_str);
    let texts = texts.collect::<Result<Vec<_>, _>>().ok()?;
    let members = texts.iter().flat_map(|text| text.split(','));
    Some(
        members
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .collect(),
    )
}

/// The content codings that a request takes, of those in which pages come. Browsers say the same in
/// many words; stored answers are told apart by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Codings {
    brotli: bool,
    gzip: bool,
}

impl Codings {
    /// What `Accept-Encoding` says; `None` where this here is too coarse, because a body as it is
    /// would be refused or the header cannot be read.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let accepted = members(headers, &header::ACCEPT_ENCODING)?;
        let quality = |coding: &str| {
            let mut named = accepted.iter().map(|member| weighed(member));
            let found = named.find(|(name, _)| name.eq_ignore_ascii_case(coding));
            found.map(|(_, quality)| quality)
        };
        let any = quality("*");
        let takes = |coding| quality(coding).or(any).is_some_and(|quality| quality > 0.0);
        if quality("identity").or(any) == Some(0.0) {
            return None;
        }
        Some(Self {
            brotli: takes("br"),
            gzip: takes("gzip"),
        })
    }

    /// All there are.
    pub fn all() -> [Option<Self>; 5] {
        let some = |brotli, gzip| Some(Self { brotli, gzip });
        let (none, all) = (some(false, false), some(true, true));
        [None, none, some(true, false), some(false, true), all]
    }

    /// Whether all who take these take a body with this `Content-Encoding`.
    pub fn take(self, content_encoding: Option<&HeaderValue>) -> bool {
        match content_encoding.map(HeaderValue::as_bytes) {
            None | Some(b"identity") => true,
            Some(b"br") => self.brotli,
            Some(b"gzip") => self.gzip,
            Some(_) => false,
        }
    }
}

/// A member of a list and its quality, which is zero if it is no number.
fn weighed(member: &str) -> (&str, f32) {
    let (name, parameters) = member.split_once(';').unwrap_or((member, ""));
    let mut parameters = parameters.split(';').map(str::trim);
    let quality = parameters.find_map(|one| one.strip_prefix("q=").or(one.strip_prefix("Q=")));
    let quality = quality.map_or(1.0, |quality| quality.trim().parse().unwrap_or(0.0));
    (name.trim(), quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| value.parse().unwrap());
        values.map(|value| (name.clone(), value)).collect()
    }

    #[test]
    fn directives_are_read_whatever_their_case() {
        let headers = headers(
            &header::CACHE_CONTROL,
            &[
                "Public, max-age=1",
                "Stale-While-Revalidate=\"7\", stale-if-error=x",
            ],
        );
        assert!(has(&headers, "public") && has(&headers, "max-age"));
        assert!(!has(&headers, "private"));
        let read = |name| seconds(&headers, name).as_secs();
        assert_eq!(read("stale-while-revalidate"), 7);
        assert_eq!(read("stale-if-error"), 0);
        assert_eq!(read("s-maxage"), 0);
    }

    #[test]
    fn what_browsers_accept_comes_down_to_few_kinds() {
        let check = |accepted: &[&str], expected: Option<(bool, bool)>| {
            let codings = Codings::of(&headers(&header::ACCEPT_ENCODING, accepted));
            let codings = codings.map(|codings| (codings.brotli, codings.gzip));
            assert_eq!(codings, expected, "{accepted:?}");
        };
        check(&[], Some((false, false)));
        check(&["gzip, deflate, br, zstd"], Some((true, true)));
        check(&["deflate", "GZIP;q=0.5"], Some((false, true)));
        check(&["br;q=1.0, gzip;q=0"], Some((true, false)));
        check(&["*"], Some((true, true)));
        check(&["*;q=0.5, br;q=0"], Some((false, true)));
        check(&["identity"], Some((false, false)));
        check(&["gzip, identity;q=0"], None);
        check(&["gzip, *;q=0"], None);
        check(&["gzip, *;q=0, identity"], Some((false, true)));
    }
}
