//! Which requests an answer is for, among those for its address.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::directives::{Codings, members};

/// The request headers that `Vary` names, as they were when the answer was asked for.
#[derive(Debug)]
pub struct Vary {
    headers: Vec<(HeaderName, Vec<HeaderValue>)>,
    /// Set if whoever takes the same codings takes the answer, in whatever words they say so.
    codings: Option<Codings>,
}

impl Vary {
    /// For the answer to a request; `None` if no other request can be known to be alike.
    pub fn of(answer: &HeaderMap, request: &HeaderMap) -> Option<Self> {
        let names = members(answer, &header::VARY)?.into_iter();
        let headers = names.map(|name| {
            // `*` is a name too, which would never match.
            let name = name.parse().ok().filter(|_| name != "*")?;
            let values = request.get_all(&name).iter().cloned().collect();
            Some((name, values))
        });
        let coding = answer.get(header::CONTENT_ENCODING);
        Some(Self {
            headers: headers.collect::<Option<_>>()?,
            codings: Codings::of(request).filter(|codings| codings.take(coding)),
        })
    }

    /// Whether the answer is for this request too.
    pub fn admits(&self, request: &HeaderMap) -> bool {
        self.headers.iter().all(|(name, values)| {
            request.get_all(name).iter().eq(values)
                || (name == header::ACCEPT_ENCODING
                    && self.codings.is_some()
                    && self.codings == Codings::of(request))
        })
    }

    /// How much memory it takes, roughly.
    pub fn bytes(&self) -> usize {
        let values = self.headers.iter().flat_map(|(_, values)| values);
        values.map(HeaderValue::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, value.parse().unwrap())
            })
            .collect()
    }

    #[test]
    fn an_answer_is_for_requests_that_do_not_differ_in_what_it_varies_by() {
        let check = |answer: &[(&str, &str)], asked: &[(&str, &str)], other: &[(&str, &str)]| {
            let vary = Vary::of(&headers(answer), &headers(asked)).unwrap();
            assert!(vary.admits(&headers(asked)));
            vary.admits(&headers(other))
        };
        let (english, german) = (("accept-language", "en"), ("accept-language", "de"));
        let by_language = [("vary", "Accept-Language")];
        assert!(check(&[], &[english], &[german]));
        assert!(check(&by_language, &[english], &[english, ("x", "y")]));
        assert!(!check(&by_language, &[english], &[german]));
        assert!(!check(&by_language, &[english], &[]));
        assert!(!check(&by_language, &[], &[english]));
        assert!(!check(&[("vary", "x, accept-language")], &[], &[english]));
        assert!(!check(&[("vary", "cookie")], &[], &[("cookie", "a=b")]));
    }

    #[test]
    fn requests_that_take_the_same_codings_are_alike() {
        let check = |coding: &str, asked: &str, other: &str| {
            let answer = headers(&[("vary", "accept-encoding"), ("content-encoding", coding)]);
            let vary = Vary::of(&answer, &headers(&[("accept-encoding", asked)])).unwrap();
            vary.admits(&headers(&[("accept-encoding", other)]))
        };
        assert!(check("br", "gzip, deflate, br, zstd", "br, gzip"));
        assert!(check("gzip", "gzip", "gzip, deflate"));
        assert!(!check("br", "gzip, br", "gzip"));
        assert!(!check("identity", "", "gzip"));
        // Not all who take gzip and br take what this one got.
        assert!(!check("zstd", "gzip, br, zstd", "gzip, br"));
        assert!(check("zstd", "gzip, br, zstd", "gzip, br, zstd"));
    }

    #[test]
    fn an_answer_that_varies_by_more_than_headers_is_for_nobody_else() {
        for vary in ["*", "accept-language, *", "not a name"] {
            let vary = Vary::of(&headers(&[("vary", vary)]), &HeaderMap::new());
            assert!(vary.is_none());
        }
    }
}
