//! What is stored, as an answer and as a basis for others: tables of cases.

use super::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    headers
}

fn asked_with(pairs: &[(&str, &str)]) -> request::Parts {
    let mut request = Request::new(());
    *request.uri_mut() = "/a".parse().unwrap();
    *request.headers_mut() = headers(pairs);
    request.into_parts().0
}

fn head(code: u16, answer: &[(&str, &str)], asked: Asked) -> Option<Head> {
    let code = StatusCode::from_u16(code).unwrap();
    Head::of(&asked_with(&[]), code, &headers(answer), asked)
}

/// The answer with these headers, stored.
fn stored(answer: &[(&str, &str)], asked: Asked) -> Stored {
    Stored::new(
        head(200, answer, asked).unwrap(),
        Bytes::from_static(b"body"),
    )
}

#[test]
fn an_answer_is_kept_if_it_says_how_long_and_nothing_against_it() {
    let check = |code, answer: &[(&str, &str)], expected| {
        let kept = head(code, answer, Asked::now()).is_some();
        assert_eq!(kept, expected, "{code} {answer:?}");
    };
    let control = |value| [("cache-control", value)];
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let next_day = "Mon, 07 Nov 1994 08:49:37 GMT";
    for value in [
        "max-age=1",
        "public, max-age=1",
        "Max-Age=\"1\"",
        "s-maxage=1",
        "max-age=0, s-maxage=1",
        "max-age=0, stale-while-revalidate=1",
        "max-age=99999999999, stale-if-error=99999999999",
    ] {
        check(200, &control(value), true);
        check(404, &control(value), true);
        check(301, &control(value), true);
        check(500, &control(value), false);
        check(503, &control(value), false);
        check(206, &control(value), false);
        check(304, &control(value), false);
    }
    check(200, &[("date", date), ("expires", next_day)], true);
    check(200, &[("date", next_day), ("expires", date)], false);
    check(200, &[("last-modified", date)], false);
    check(200, &[], false);
    for value in [
        "public",
        "max-age=0",
        "no-store, max-age=1",
        "NO-STORE, max-age=1",
        "Private, max-age=1",
        "private=\"x\", max-age=1",
        "no-cache, max-age=1",
        "s-maxage=0, max-age=1",
        "max-age=x",
        "max-age=0, stale-while-revalidate=1, must-revalidate",
        "max-age=1, proxy-revalidate",
    ] {
        check(200, &control(value), false);
    }
    let minute = ("cache-control", "public, max-age=60");
    check(200, &[minute, ("set-cookie", "a=b")], false);
    check(200, &[minute, ("vary", "*")], false);
    check(200, &[minute, ("vary", "accept-language")], true);
    check(200, &[minute, ("content-type", "text/event-stream")], false);
    check(200, &[minute, ("age", "59")], true);
    check(200, &[minute, ("age", "60")], false);
    check(200, &[minute, ("age", "18446744073709551615")], false);
}

#[test]
fn nothing_is_kept_of_who_shows_a_credential() {
    for name in ["cookie", "authorization"] {
        let request = asked_with(&[(name, "x")]);
        let answer = headers(&[("cache-control", "public, max-age=60")]);
        let head = Head::of(&request, StatusCode::OK, &answer, Asked::now());
        assert!(head.is_none(), "{name}");
    }
    let request = asked_with(&[("cache-control", "no-store")]);
    let answer = headers(&[("cache-control", "public, max-age=60")]);
    assert!(Head::of(&request, StatusCode::OK, &answer, Asked::now()).is_none());
}

/// What an answer may be used for, and whether in place of a failure, so long after it was asked for.
fn uses(control: &str, age: &str, after_ms: u64) -> (Use, bool) {
    let asked = Asked::now();
    let answer = [("cache-control", control), ("age", age)];
    let stored = stored(&answer, asked);
    let now = asked.at + Duration::from_millis(after_ms);
    (stored.usable(now), stored.excuses(now))
}

#[test]
fn an_answer_is_fresh_then_stale_then_too_old() {
    use Use::{Fresh, Validated, WhileRevalidate};
    let page = "public, max-age=1, stale-while-revalidate=1, stale-if-error=60";
    for (control, age, after_ms, expected) in [
        (page, "0", 999, (Fresh, true)),
        (page, "0", 1_000, (WhileRevalidate, true)),
        (page, "0", 1_999, (WhileRevalidate, true)),
        (page, "0", 2_000, (Validated, true)),
        (page, "0", 61_000, (Validated, false)),
        // What it was old when it came counts.
        (page, "1", 0, (WhileRevalidate, true)),
        (page, "1", 1_000, (Validated, true)),
        (page, "5", 0, (Validated, true)),
        (page, "5", 56_000, (Validated, false)),
        ("max-age=10", "4", 5_999, (Fresh, true)),
        ("max-age=10", "4", 6_000, (Validated, false)),
        ("max-age=1, s-maxage=10", "0", 9_999, (Fresh, true)),
        (
            "max-age=1, stale-while-revalidate=9, must-revalidate",
            "0",
            1_000,
            (Validated, false),
        ),
    ] {
        let found = uses(control, age, after_ms);
        assert_eq!(found, expected, "{control}, age {age}, after {after_ms} ms");
    }
}

#[test]
fn an_age_is_never_told_too_low() {
    let asked = Asked::now();
    let answer = [("cache-control", "max-age=60"), ("age", "5")];
    let stored = stored(&answer, asked);
    for (after_ms, age, left) in [(0, 5, 55), (1, 6, 54), (1_000, 6, 54), (1_001, 7, 53)] {
        let now = asked.at + Duration::from_millis(after_ms);
        let status = HeaderValue::from_static("hit");
        let answer = stored.answer(&Method::GET, &HeaderMap::new(), now, status);
        assert_eq!(answer.headers()["age"], age.to_string(), "{after_ms} ms");
        assert_eq!(answer.headers()[CACHE_STATUS], "hit");
        assert_eq!(stored.seconds_left(now), left);
    }
    let late = asked.at + Duration::from_millis(55_001);
    assert_eq!(stored.seconds_left(late), -1);
}

#[test]
fn what_a_cache_behind_the_component_said_stays() {
    let said = ("cache-status", "origin-cdn; hit");
    let asked = Asked::now();
    let answer = [("cache-control", "max-age=60"), ("etag", "\"a\""), said];
    let relayed = stored(&answer, asked);
    let check = |stored: &Stored, expected: &[&str]| {
        let status = HeaderValue::from_static("hit");
        let answer = stored.answer(&Method::GET, &HeaderMap::new(), asked.at, status);
        let values: Vec<_> = answer.headers().get_all(CACHE_STATUS).iter().collect();
        assert_eq!(values, expected);
    };
    check(&relayed, &["origin-cdn; hit", "hit"]);
    let plain = stored(&answer[..2], asked);
    check(&plain, &["hit"]);
    let changed = headers(&[("etag", "\"a\"")]);
    let renew = |stored: &Stored| stored.freshened(&asked_with(&[]), &changed, asked);
    check(&renew(&relayed).unwrap(), &["origin-cdn; hit", "hit"]);
    check(&renew(&plain).unwrap(), &["hit"]);
}

#[test]
fn a_client_that_has_the_answer_is_told_so() {
    let check = |answer: &[(&str, &str)], request: &[(&str, &str)], expected| {
        let found = knows(&headers(request), &headers(answer));
        assert_eq!(found, expected, "{answer:?} {request:?}");
    };
    let (earlier, later) = (
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Mon, 07 Nov 1994 08:49:37 GMT",
    );
    let answer = [("etag", "\"a\""), ("last-modified", earlier)];
    check(&answer, &[], false);
    check(&answer, &[("if-none-match", "\"b\", W/\"a\"")], true);
    check(&answer, &[("if-none-match", "*")], true);
    check(&answer, &[("if-none-match", "a")], false);
    check(&answer, &[("if-modified-since", earlier)], true);
    check(&answer, &[("if-modified-since", later)], true);
    check(
        &[("last-modified", later)],
        &[("if-modified-since", earlier)],
        false,
    );
    check(&answer, &[("if-modified-since", "yesterday")], false);
    // The tag counts, whatever the date.
    let both = [("if-none-match", "\"b\""), ("if-modified-since", later)];
    check(&answer, &both, false);
}

#[test]
fn a_304_renews_what_it_means() {
    let before = [
        ("cache-control", "max-age=1"),
        ("etag", "\"a\""),
        ("content-type", "text/html"),
        ("x-kept", "1"),
        ("x-changed", "1"),
        ("x-changed", "2"),
    ];
    let stored = stored(&before, Asked::now());
    let check = |changed: &[(&str, &str)]| {
        stored.freshened(&asked_with(&[]), &headers(changed), Asked::now())
    };
    let renewed = check(&[
        ("etag", "\"a\""),
        ("cache-control", "max-age=9"),
        ("content-type", "text/plain"),
        ("x-changed", "3"),
        ("x-changed", "4"),
    ]);
    let renewed = renewed.unwrap();
    assert_eq!(renewed.body, "body");
    assert_eq!(renewed.headers["content-type"], "text/html");
    assert_eq!(renewed.headers["x-kept"], "1");
    let changed: Vec<_> = renewed.headers.get_all("x-changed").iter().collect();
    assert_eq!(changed, ["3", "4"]);
    assert!(renewed.seconds_left(Instant::now()) >= 8);

    assert!(check(&[("etag", "\"b\"")]).is_none(), "another answer");
    assert!(check(&[("etag", "\"a\""), ("cache-control", "no-store")]).is_none());
    assert!(check(&[("etag", "\"a\""), ("set-cookie", "a=b")]).is_none());
}
