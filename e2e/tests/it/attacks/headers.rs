//! Headers that a client makes up, and what of them is seen on the wire.

use super::Site;
use crate::buyer::{assert_problem, read};
use reqwest::Method;
use serde_json::json;

const MADE_UP: [(&str, &str); 14] = [
    ("spin-client-addr", "6.6.6.6:1"),
    ("spin-client-addr", "127.0.0.1:1"),
    ("x-forwarded-for", "6.6.6.6"),
    ("x-forwarded-host", "6.6.6.6"),
    ("x-forwarded-proto", "6.6.6.6"),
    ("forwarded", "for=6.6.6.6"),
    ("x-real-ip", "6.6.6.6"),
    ("true-client-ip", "6.6.6.6"),
    ("doorbuster-client", "6.6.6.6"),
    ("doorbuster-pop", "pop-6.6.6.6"),
    ("doorbuster-signature", "6.6.6.6"),
    ("doorbuster-time", "6"),
    ("spin-full-url", "http://6.6.6.6/internal/snapshot"),
    ("spin-path-info", "/6.6.6.6"),
];

/// The last request on the wire: its head, and the client that the edge signed for.
fn last(site: &Site) -> (String, String) {
    let head = site.wire.requests().pop().unwrap();
    let values = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let named = lines.filter(|(header, _)| *header == name);
        named.map(|(_, value)| value.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values("doorbuster-pop"), ["pop-1"]);
    let client = values("doorbuster-client");
    assert_eq!(client.len(), 1, "{head}");
    (head.clone(), client[0].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_chooses_the_address_they_are_seen_under() {
    let site = Site::new(&[]).await;
    let mut request = site.mallory.request(Method::GET, "/api/orders");
    for (name, value) in MADE_UP {
        request = request.header(name, value);
    }
    assert_eq!(read(request).await.0, 200);
    let (head, client) = last(&site);
    assert!(!head.contains("6.6.6.6"), "{head}");
    // 127.1.0.1 and 400 on.
    assert_eq!(client, "127.1.1.145");
    for name in [
        "spin-",
        "forwarded",
        "x-real-ip",
        "true-client-ip",
        "host: 6",
    ] {
        assert!(!head.contains(name), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_is_believed_up_to_the_first_stranger() {
    let site = Site::new(&[("TRUSTED_PROXIES", "127.1.0.0/16, 10.0.0.0/8")]).await;
    let check = async |values: &[&str], expected: &str| {
        let mut request = site.mallory.request(Method::GET, "/api/orders");
        for value in values {
            request = request.header("x-forwarded-for", *value);
        }
        let request = request.header("spin-client-addr", "6.6.6.6:1");
        let request = request.header("forwarded", "for=6.6.6.6");
        assert_eq!(read(request).await.0, 200);
        let (head, client) = last(&site);
        assert_eq!(client, expected, "{values:?}");
        assert!(!head.contains("6.6.6.6"), "{head}");
    };
    check(&["203.0.113.7"], "203.0.113.7").await;
    check(&["6.6.6.6, 203.0.113.7"], "203.0.113.7").await;
    check(&["6.6.6.6", "203.0.113.7, 10.0.0.3"], "203.0.113.7").await;
    check(&["203.0.113.7, nonsense"], "127.1.1.145").await;
    check(&[], "127.1.1.145").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ambiguous_or_too_large_is_refused() {
    let site = Site::new(&[]).await;
    let order = json!({ "sale_id": site.sale, "quantity": 1 });
    let twice = site.order(site.token());
    let twice = twice.header("authorization", format!("Bearer {}", site.token()));
    assert_problem(&read(twice).await, 403, "token-missing");

    let large = " ".repeat(16 * 1_024 + 1);
    for path in [
        "/api/orders",
        "/api/session",
        "/api/accounts",
        "/api/accounts/codes",
    ] {
        let request = site.mallory.request(Method::POST, path);
        let request = request.bearer_auth(site.token());
        let request = request.header("content-type", "application/json");
        assert_problem(&read(request.body(large.clone())).await, 413, "too-large");
    }
    let path = "/api/orders/5/payment";
    let request = site.mallory.request(Method::POST, path).body(large);
    assert_problem(&read(request).await, 413, "too-large");

    let other_site = site.mallory.request(Method::POST, "/api/orders");
    let other_site = other_site.bearer_auth(site.token()).json(&order);
    let other_site = other_site.header("origin", "http://evil.example");
    assert_problem(&read(other_site).await, 403, "cross-site");
    for kind in ["text/plain", "application/jsonp", "multipart/form-data"] {
        let request = site.mallory.request(Method::POST, "/api/orders");
        let request = request.bearer_auth(site.token());
        let request = request.header("content-type", kind).body(order.to_string());
        assert_problem(&read(request).await, 415, "unsupported-type");
    }
    site.assert_nothing_reached_the_origin();
}
