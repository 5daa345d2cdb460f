//! The payment API and the checkout page.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::program::{Sandbox, choose, client, command, request};

/// Nobody listens there.
const NO_SHOP: &str = "http://127.0.0.1:9/webhooks/sandbox";

#[tokio::test]
async fn the_same_key_opens_one_payment() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(data.path(), NO_SHOP).await;

    let first = sandbox.open("key", &request("7")).await;
    assert_eq!(first.status(), 201);
    let first: Value = first.json().await.unwrap();
    assert_eq!(first["state"], "open");
    assert_eq!(first["order_id"], "7");
    assert_eq!(
        first["amount"],
        json!({"amount_minor": 59_900, "currency": "USD"})
    );
    let id = first["payment_id"].as_str().unwrap();
    assert_eq!(
        first["checkout_url"],
        format!("{}/checkout/{id}", sandbox.url)
    );

    let again = sandbox.open("key", &request("7")).await;
    assert_eq!(again.status(), 200);
    assert_eq!(again.json::<Value>().await.unwrap(), first);

    let other = sandbox.open("key", &request("8")).await;
    assert_eq!(other.status(), 409);
    assert_eq!(other.headers()["content-type"], "application/problem+json");

    let get = async |path: &str| sandbox.get(path).await.1;
    assert_eq!(get(&format!("/v1/payments/{id}")).await, first);
    assert_eq!(
        get("/v1/payments?order_id=7").await,
        json!({"payments": [first], "next_cursor": null})
    );
    assert_eq!(
        get("/v1/payments?order_id=8").await,
        json!({"payments": [], "next_cursor": null})
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn all_payments_are_listed_page_by_page() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(data.path(), NO_SHOP).await;
    let mut opened = Vec::new();
    for order in 1..=5 {
        let order = order.to_string();
        let payment: Value = sandbox
            .open(&order, &request(&order))
            .await
            .json()
            .await
            .unwrap();
        opened.push(payment);
    }
    let created = |payment: &Value| payment["created_at_ms"].as_i64().unwrap();
    // Those of one millisecond come in the order of their ids.
    opened.sort_by_key(|payment| {
        let id = payment["payment_id"].as_str().unwrap().to_owned();
        (created(payment), id)
    });
    let (from_ms, to_ms) = (created(&opened[0]), created(&opened[4]) + 1);

    let mut listed = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/payments?from_ms={from_ms}&to_ms={to_ms}&limit=2{cursor}");
        let (status, page) = sandbox.get(&path).await;
        assert_eq!(status, 200, "{page}");
        let payments = page["payments"].as_array().unwrap();
        assert!((1..=2).contains(&payments.len()), "{page}");
        listed.extend(payments.iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
        // What is opened meanwhile comes after the span.
        sandbox.checkout(&format!("9{}", listed.len())).await;
    }
    assert_eq!(listed[..5], opened[..]);

    let (_, later) = sandbox
        .get(&format!("/v1/payments?from_ms={}", to_ms + 60_000))
        .await;
    assert_eq!(later, json!({"payments": [], "next_cursor": null}));
    for (question, expected) in [
        ("limit=0", 422),
        ("limit=101", 422),
        ("cursor=x", 422),
        ("limit=ten", 400),
        ("page=2", 400),
        ("order_id=1&limit=2", 400),
    ] {
        let (status, problem) = sandbox.get(&format!("/v1/payments?{question}")).await;
        assert_eq!(status, expected, "{question}: {problem}");
        assert!(problem["type"].as_str().unwrap().starts_with("/problems/"));
    }
}

#[tokio::test]
async fn a_bad_request_is_a_problem() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(data.path(), NO_SHOP).await;
    let mut unknown = request("7");
    unknown["tip"] = json!(1);
    let mut past = request("7");
    past["expires_at_ms"] = json!(1);
    let mut free = request("7");
    free["amount"]["amount_minor"] = json!(0);
    let mut script = request("7");
    script["return_url"] = json!("javascript:alert(1)");
    let mut large = request("7");
    large["return_url"] = json!(format!("http://shop.test/{}", "a".repeat(20_000)));
    let cases = [
        (unknown, 400),
        (past, 422),
        (free, 422),
        (script, 422),
        (large, 413),
    ];
    for (body, status) in cases {
        let response = sandbox.open("key", &body).await;
        assert_eq!(response.status(), status);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].as_str().unwrap().starts_with("/problems/"));
    }
    let url = format!("{}/v1/payments", sandbox.url);
    let no_key = client()
        .post(&url)
        .json(&request("7"))
        .send()
        .await
        .unwrap();
    assert_eq!(no_key.status(), 401);
    let wrong = client()
        .get(&url)
        .bearer_auth("test-kez")
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 401);
    let live = client()
        .get(format!("{}/livez", sandbox.url))
        .send()
        .await
        .unwrap();
    assert_eq!(live.status(), 200);
}

#[tokio::test]
async fn the_page_shows_what_is_paid_for() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(data.path(), NO_SHOP).await;
    let checkout = sandbox.checkout("123456789").await;

    let page = client().get(&checkout).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.starts_with("default-src 'none'"));
    let page = page.text().await.unwrap();
    assert!(page.contains("USD 599.00") && page.contains("123456789"));
    assert!(page.contains("This is a sandbox") && page.contains("No money moves"));
    assert!(page.contains(r#"value="pay""#) && page.contains(r#"value="decline""#));
    assert!(
        page.contains("?a=1&amp;b=2"),
        "the link back must be escaped"
    );

    assert_eq!(choose(&checkout, "steal").await.status(), 400);
    let paid = choose(&checkout, "pay").await;
    assert_eq!(paid.status(), 303);
    assert_eq!(
        paid.headers()["location"],
        "http://shop.test/orders/1?a=1&b=2"
    );
    let page = client()
        .get(&checkout)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(page.contains("This order is paid") && !page.contains("<form"));

    let unknown = client()
        .get(format!("{}/checkout/pay_0", sandbox.url))
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn an_expired_payment_takes_no_money() {
    let data = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(data.path(), NO_SHOP).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut short = request("7");
    short["expires_at_ms"] = json!(u64::try_from(now.as_millis()).unwrap() + 1_000);
    let opened: Value = sandbox.open("key", &short).await.json().await.unwrap();
    let checkout = opened["checkout_url"].as_str().unwrap();

    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let page = client()
            .get(checkout)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        if page.contains("Too late to pay") {
            break;
        }
        assert!(Instant::now() < deadline, "it never expired");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(choose(checkout, "pay").await.status(), 409);
    // A repeated request still finds it.
    assert_eq!(sandbox.open("key", &short).await.status(), 200);
}

#[tokio::test]
async fn a_taken_port_is_one_clear_line() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command(data.path(), NO_SHOP, &address)
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(
        log.contains(&format!("cannot listen on {address}")),
        "{log}"
    );
}
