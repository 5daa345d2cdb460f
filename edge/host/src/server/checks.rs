//! What is refused before a request is routed, because two servers could read it differently or
//! because it is too large. What hyper refuses by itself does not come here.
//!
//! Invariant: after a refusal on HTTP/1 the connection is closed, and nothing that follows is a request.

use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Version,
    header::{CONNECTION, COOKIE, HOST, TRANSFER_ENCODING},
};

use super::Reply;

/// Path and query of a request.
const URL_BYTES_MAX: usize = 8 << 10;

/// Why a request is refused, or nothing. `is_ambiguous` if its head names both a length and a coding.
pub fn refusal<B>(request: &Request<B>, is_ambiguous: bool) -> Option<StatusCode> {
    let headers = request.headers();
    if is_ambiguous {
        return Some(StatusCode::BAD_REQUEST);
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        if codings.next().is_some() {
            return Some(StatusCode::BAD_REQUEST);
        }
        // Hyper takes any list that ends in this.
        if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return Some(StatusCode::NOT_IMPLEMENTED);
        }
    }
    if request.method() == Method::CONNECT {
        return Some(StatusCode::NOT_IMPLEMENTED);
    }
    let uri = request.uri();
    if uri
        .path_and_query()
        .is_some_and(|url| url.as_str().len() > URL_BYTES_MAX)
    {
        return Some(StatusCode::URI_TOO_LONG);
    }
    if uri
        .scheme_str()
        .is_some_and(|scheme| !matches!(scheme, "http" | "https"))
    {
        return Some(StatusCode::BAD_REQUEST);
    }
    if request.version() == Version::HTTP_11 && headers.get_all(HOST).iter().count() != 1 {
        return Some(StatusCode::BAD_REQUEST);
    }
    None
}

/// Makes one of the `cookie` headers into which h2 clients cut theirs (RFC 9113 §8.2.3): components
/// see requests as HTTP/1 has them.
pub fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let pieces: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::from_bytes(&pieces.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// An answer after which an HTTP/1 connection is closed; h2 has no such header, and needs none: its
/// requests cannot run into each other.
pub fn closing(version: Version, mut reply: Reply) -> Reply {
    if version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        reply.headers_mut().insert(CONNECTION, close);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: Option<u16>) {
        let mut request = Request::builder().uri(lines[0]);
        for line in &lines[1..] {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let refused = refusal(&request.body(()).unwrap(), false);
        assert_eq!(refused.map(|code| code.as_u16()), expected, "{lines:?}");
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let long = |bytes| format!("/{}", "x".repeat(bytes - 1));
        check(&["/", "host: x"], None);
        check(&["/", "host: x", "transfer-encoding: chunked"], None);
        check(&["/", "host: x", "transfer-encoding: Chunked"], None);
        check(
            &["/", "host: x", "transfer-encoding: gzip, chunked"],
            Some(501),
        );
        check(
            &[
                "/",
                "host: x",
                "transfer-encoding: chunked",
                "transfer-encoding: chunked",
            ],
            Some(400),
        );
        check(&["/"], Some(400));
        check(&["/", "host: x", "host: x"], Some(400));
        check(&["ftp://x/", "host: x"], Some(400));
        check(&["http://x/", "host: x"], None);
        check(&[&long(URL_BYTES_MAX), "host: x"], None);
        check(&[&long(URL_BYTES_MAX + 1), "host: x"], Some(414));
        let request = Request::builder().header("host", "x").body(()).unwrap();
        assert_eq!(refusal(&request, true), Some(StatusCode::BAD_REQUEST));
    }

    #[test]
    fn cookies_in_pieces_become_one() {
        fn check(pieces: &[&str], expected: &[&str]) {
            let mut headers = HeaderMap::new();
            for piece in pieces {
                headers.append(COOKIE, HeaderValue::from_str(piece).unwrap());
            }
            join_cookies(&mut headers);
            let joined: Vec<_> = headers.get_all(COOKIE).iter().collect();
            assert_eq!(joined, expected);
        }
        check(&[], &[]);
        check(&["a=1; b=2"], &["a=1; b=2"]);
        check(&["a=1", "b=2", "c=3"], &["a=1; b=2; c=3"]);
    }
}
