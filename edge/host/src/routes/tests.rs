//! Spin's routing rules as tables.

use http::{HeaderMap, Uri};

use super::*;

/// To components numbered in this order.
fn numbered<'a>(
    patterns: &'a [&'static str],
) -> impl Iterator<Item = (&'static str, Destination)> + 'a {
    patterns
        .iter()
        .copied()
        .zip((0..).map(Destination::Component))
}

fn routes(patterns: &[&'static str]) -> Routes {
    let mut faults = Faults::default();
    let routes = Routes::build(numbered(patterns), &mut faults);
    faults.into_result().unwrap();
    routes
}

#[test]
fn the_most_literal_route_wins() {
    fn check(path: &str, expected: Option<&str>) {
        const PATTERNS: &[&str] = &[
            "/...",
            "/sales",
            "/sales/:id",
            "/sales/:id/events",
            "/sales/today",
            "/static/...",
            "/static/icons/...",
        ];
        // The order in the manifest does not matter.
        let mut reversed = PATTERNS.to_vec();
        reversed.reverse();
        for patterns in [PATTERNS.to_vec(), reversed] {
            let routes = routes(&patterns);
            let found = routes.find(path).map(|found| match found.destination() {
                Destination::Component(number) => patterns[*number],
                Destination::Fixed(_) => unreachable!("none is among them"),
            });
            assert_eq!(found, expected, "{path}");
        }
    }
    check("/", Some("/..."));
    check("/sales", Some("/sales"));
    check("/sales/", Some("/sales"));
    check("/Sales", Some("/..."));
    check("/sales/12", Some("/sales/:id"));
    check("/sales/today", Some("/sales/today"));
    check("/sales/12/events", Some("/sales/:id/events"));
    check("/sales/today/events", Some("/sales/:id/events"));
    check("/sales/12/other", Some("/..."));
    check("/static", Some("/static/..."));
    check("/static/a/b", Some("/static/..."));
    check("/static/icons/a", Some("/static/icons/..."));
    check("//sales", Some("/sales"));
    check("/sales//12", Some("/..."));
    check("/sales/12//", Some("/sales/:id"));
    check("/sal%65s", Some("/..."));
    check("/.well-known/x", Some("/..."));
    check("*", None);
    check("", None);
}

#[test]
fn without_a_wildcard_other_paths_match_nothing() {
    let routes = routes(&["/", "/sales"]);
    assert!(routes.find("/").is_some());
    assert!(routes.find("/sale").is_none());
    assert!(routes.find("/sales/1").is_none());
}

#[test]
fn bad_routes_are_refused() {
    fn check(patterns: &[&'static str], expected: &str) {
        let mut faults = Faults::default();
        Routes::build(numbered(patterns), &mut faults);
        assert_eq!(faults.into_result().unwrap_err().to_string(), expected);
    }
    check(&["/a", "/a/"], "the route `/a/` stands twice");
    check(
        &["/a/.../b"],
        "the route `/a/.../b` has a wildcard that is not a trailing `/...`",
    );
    check(
        &["/a/*"],
        "the route `/a/*` has a wildcard that is not a trailing `/...`",
    );
    check(&["/:"], "the route `/:` params must be named");
    check(
        &["/.well-known/spin/x"],
        "the route `/.well-known/spin/x` lies below /.well-known/spin/, which belongs to the host",
    );
}

#[test]
fn headers_say_how_a_component_was_reached() {
    fn check(pattern: &'static str, path: &str, expected: &[(&str, &str)]) {
        let routes = routes(&[pattern]);
        let mut headers = HeaderMap::new();
        let url = format!("http://shop.example:81{path}?q=1")
            .parse::<Uri>()
            .unwrap();
        let client = "192.0.2.1:4000".parse().unwrap();
        routes
            .find(path)
            .unwrap()
            .append_headers(&mut headers, &url, client)
            .unwrap();
        for (name, value) in expected {
            assert_eq!(
                headers.get(*name).unwrap(),
                value,
                "{name} of {pattern} for {path}"
            );
        }
    }
    check(
        "/foo/:user_id/...",
        "/foo/a%20b/bar/",
        &[
            ("spin-path-info", "/bar/"),
            ("spin-full-url", "http://shop.example:81/foo/a%20b/bar/?q=1"),
            ("spin-matched-route", "/foo/:user_id/..."),
            ("spin-base-path", "/"),
            ("spin-raw-component-route", "/foo/:user_id/..."),
            ("spin-component-route", "/foo/:user_id"),
            ("spin-client-addr", "192.0.2.1:4000"),
            ("spin-path-match-user-id", "a%20b"),
        ],
    );
    check(
        "/...",
        "/",
        &[("spin-path-info", "/"), ("spin-component-route", "")],
    );
    check(
        "/...",
        "/x",
        &[("spin-path-info", "/x"), ("spin-matched-route", "/...")],
    );
    check(
        "/a",
        "/a",
        &[("spin-path-info", ""), ("spin-matched-route", "/a")],
    );
    check(
        "/",
        "/",
        &[
            ("spin-matched-route", ""),
            ("spin-raw-component-route", "/"),
        ],
    );
}
