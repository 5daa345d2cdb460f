//! Faults that are switched on while it runs, seen from the shop.

use std::collections::HashSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::program::{Sandbox, choose, client, request};
use crate::shop::Shop;

#[tokio::test]
async fn faults_are_shown_and_refused_when_they_make_no_sense() {
    let data = tempfile::tempdir().unwrap();
    let shop = Shop::open(0).await;
    let sandbox = Sandbox::start(data.path(), &shop.webhook_url).await;
    let off = json!({
        "api": {"delay_ms": 0, "fail_share": 0.0, "fail_after_effect_share": 0.0},
        "webhooks": {
            "delay_ms_max": 0, "copies": 1, "reorder": false, "drop_first_attempts": 0,
        },
        "refunds": {"state_first": "done", "pending_ms": 1_000, "fail_share": 0.0},
        "late_payments": false,
        "seed": 0,
    });
    assert_eq!(sandbox.get("/faults").await, (200, off.clone()));
    let mut late = off.clone();
    late["late_payments"] = json!(true);
    assert_eq!(
        sandbox.faults(&json!({"late_payments": true})).await,
        (200, late.clone())
    );
    let (status, problem) = sandbox.faults(&json!({"webhooks": {"copies": 6}})).await;
    assert_eq!(status, 422);
    assert!(problem["detail"].as_str().unwrap().contains("copies"));
    assert_eq!(sandbox.faults(&json!({"chaos": 1})).await.0, 400);
    assert_eq!(sandbox.get("/faults").await, (200, late));
    assert_eq!(sandbox.faults(&json!({})).await, (200, off));
    let no_key = client().put(format!("{}/faults", sandbox.url)).send().await;
    assert_eq!(no_key.unwrap().status(), 401);
}

#[tokio::test]
async fn a_call_that_fails_after_its_effect_has_an_effect_once() {
    let data = tempfile::tempdir().unwrap();
    let mut shop = Shop::open(0).await;
    let sandbox = Sandbox::start(data.path(), &shop.webhook_url).await;
    let payment = sandbox.paid("7").await;
    assert_eq!(shop.next().await["type"], "payment.paid");

    sandbox.faults(&json!({"api": {"fail_share": 1.0}})).await;
    assert_eq!(sandbox.open("8", &request("8")).await.status(), 503);
    let refused = sandbox.refund(&payment, "a", 100).await.unwrap();
    assert_eq!(refused.status(), 503);

    sandbox
        .faults(&json!({"api": {"fail_after_effect_share": 1.0}}))
        .await;
    // Answered 500 or cut off, as chance will have it: sixteen times both.
    let (mut told, mut cut) = (0, 0);
    for part in 1..=16 {
        let answer = sandbox.refund(&payment, &format!("part-{part}"), 100).await;
        match answer {
            Ok(answer) if answer.status() == 500 => told += 1,
            Ok(answer) => {
                assert!(answer.bytes().await.is_err(), "the answer must break off");
                cut += 1;
            }
            Err(_) => cut += 1,
        }
    }
    assert!(told > 0 && cut > 0, "{told} were told, {cut} cut");

    sandbox.faults(&json!({})).await;
    let (_, orders) = sandbox.get("/v1/payments?order_id=8").await;
    assert_eq!(orders["payments"], json!([]), "503 must have no effect");
    let (_, shown) = sandbox.get(&format!("/v1/payments/{payment}")).await;
    assert_eq!(shown["refunded"]["amount_minor"], 1_600);
    let again = sandbox.refund(&payment, "part-1", 100).await.unwrap();
    assert_eq!(again.status(), 200);
    for _ in 1..=16 {
        assert_eq!(shop.next().await["type"], "refund.done");
    }
    assert!(shop.is_quiet());
}

#[tokio::test]
async fn a_slow_provider_answers_late() {
    let data = tempfile::tempdir().unwrap();
    let shop = Shop::open(0).await;
    let sandbox = Sandbox::start(data.path(), &shop.webhook_url).await;
    sandbox.faults(&json!({"api": {"delay_ms": 700}})).await;
    let asked = Instant::now();
    assert_eq!(sandbox.open("7", &request("7")).await.status(), 201);
    assert!(asked.elapsed() >= Duration::from_millis(700));
}

#[tokio::test]
async fn events_come_in_copies_out_of_order_and_after_losses() {
    let data = tempfile::tempdir().unwrap();
    let mut shop = Shop::open(0).await;
    let sandbox = Sandbox::start(data.path(), &shop.webhook_url).await;
    let payment = sandbox.paid("7").await;
    assert_eq!(shop.next().await["type"], "payment.paid");

    let faults = json!({"webhooks": {"copies": 3, "reorder": true}, "seed": 1});
    assert_eq!(sandbox.faults(&faults).await.0, 200);
    let keys: Vec<String> = (1..=4).map(|part| format!("part-{part}")).collect();
    for key in &keys {
        let answer = sandbox.refund(&payment, key, 100).await.unwrap();
        assert_eq!(answer.status(), 201);
    }
    let mut arrived = Vec::new();
    let mut ids = HashSet::new();
    for _ in 0..12 {
        let event = shop.next().await;
        ids.insert(event["id"].as_str().unwrap().to_owned());
        arrived.push(
            event["refund"]["idempotency_key"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(ids.len(), 4, "copies carry the same id");
    for key in &keys {
        assert_eq!(arrived.iter().filter(|found| *found == key).count(), 3);
    }
    assert!(!arrived.is_sorted(), "{arrived:?}");

    let faults = json!({"webhooks": {"drop_first_attempts": 2, "delay_ms_max": 50}});
    assert_eq!(sandbox.faults(&faults).await.0, 200);
    let asked = Instant::now();
    sandbox.refund(&payment, "last", 100).await.unwrap();
    assert_eq!(shop.next().await["refund"]["idempotency_key"], "last");
    assert!(
        asked.elapsed() >= Duration::from_millis(600),
        "two losses cost two waits"
    );
    assert!(shop.is_quiet());
}

#[tokio::test]
async fn a_sandbox_told_so_takes_late_money() {
    let data = tempfile::tempdir().unwrap();
    let mut shop = Shop::open(0).await;
    let sandbox = Sandbox::start(data.path(), &shop.webhook_url).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut short = request("7");
    short["expires_at_ms"] = json!(u64::try_from(now.as_millis()).unwrap() + 1_000);
    let opened: Value = sandbox.open("key", &short).await.json().await.unwrap();
    let checkout = opened["checkout_url"].as_str().unwrap();
    let page = async || reqwest::get(checkout).await.unwrap().text().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !page().await.contains("Too late to pay") {
        assert!(Instant::now() < deadline, "it never expired");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(choose(checkout, "pay").await.status(), 409);

    sandbox.faults(&json!({"late_payments": true})).await;
    let late = page().await;
    assert!(late.contains("<form") && late.contains("takes the payment all the same"));
    assert_eq!(choose(checkout, "pay").await.status(), 303);
    let event = shop.next().await;
    assert_eq!(event["type"], "payment.paid");
    assert_eq!(event["payment"]["order_id"], "7");
}
