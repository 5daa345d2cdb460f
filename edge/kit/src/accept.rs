//! Who asks: a program, or somebody with a browser and no script.
//!
//! Invariant: whoever does not say that a page is wanted is a program and gets JSON.

use crate::form;
use spin_sdk::http::{HeaderMap, Method};

/// Whether to answer with a page: the address was gone to, or a form was sent.
pub fn wants_page(method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() {
        prefers_pages(headers)
    } else {
        form::is_form(headers)
    }
}

/// Whether HTML is wanted more than JSON (RFC 9110, section 12.5.1).
fn prefers_pages(headers: &HeaderMap) -> bool {
    let values = headers.get_all("accept").iter();
    let text: Vec<_> = values.filter_map(|value| value.to_str().ok()).collect();
    let text = text.join(",");
    quality(&text, "text", "html") > quality(&text, "application", "json")
}

/// The weight that the most specific range gives to a media type; 0 if none takes it.
fn quality(accepted: &str, main: &str, sub: &str) -> f32 {
    let mut best = (0, 0.0);
    for range in accepted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let Some((range_main, range_sub)) = parts.next().and_then(|name| name.split_once('/'))
        else {
            continue;
        };
        let same = |range: &str, name: &str| range.eq_ignore_ascii_case(name);
        let specific = match (range_main, range_sub) {
            ("*", "*") => 1,
            (range, "*") if same(range, main) => 2,
            (range, name) if same(range, main) && same(name, sub) => 3,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        let weight = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
        if specific > best.0 {
            best = (specific, weight);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use spin_sdk::http::HeaderValue;

    #[test]
    fn a_page_is_for_whoever_prefers_one() {
        let check = |accept: &[&'static str], expected| {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append("accept", HeaderValue::from_static(value));
            }
            let page = wants_page(&Method::GET, &headers);
            assert_eq!(page, expected, "{accept:?}");
        };
        let chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,\
            image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7";
        check(&[chromium], true);
        check(&["text/html"], true);
        check(&["TEXT/HTML;level=1"], true);
        check(&["text/*, application/json;q=0.9"], true);
        check(&["*/*;q=0.1", "text/html"], true);
        check(&[], false);
        check(&["*/*"], false);
        check(&["application/json, application/problem+json"], false);
        check(&["application/json, text/html"], false);
        check(&["text/html;q=0.5, application/json"], false);
        check(&["text/html;q=0, */*"], false);
        check(&["text/html;q=much"], false);
        check(&["image/png"], false);
        check(&["text/html-ish"], false);
        check(&["html"], false);
    }

    #[test]
    fn a_form_gets_a_page_whatever_it_accepts() {
        let check = |method, content_type: &'static str, expected| {
            let mut headers = HeaderMap::new();
            headers.insert("accept", HeaderValue::from_static("text/html"));
            headers.insert("content-type", HeaderValue::from_static(content_type));
            assert_eq!(wants_page(&method, &headers), expected, "{content_type}");
        };
        check(Method::POST, form::MEDIA_TYPE, true);
        check(Method::POST, "application/json", false);
        check(Method::DELETE, "application/json", false);
        check(Method::HEAD, "", true);
    }
}
