//! Refunds: at once and later, in parts, once for each key.

use serde_json::{Value, json};

use crate::program::{Sandbox, client, request};
use crate::shop::Shop;

/// The status and the document.
async fn read(answer: reqwest::Result<reqwest::Response>) -> (u16, Value) {
    let answer = answer.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_payment_goes_back_in_parts_and_never_twice() {
    let data = tempfile::tempdir().unwrap();
    let mut shop = Shop::open(0).await;
    let sandbox = Sandbox::start(data.path(), &shop.webhook_url).await;
    let payment = sandbox.paid("7").await;
    assert_eq!(shop.next().await["type"], "payment.paid");

    let (status, first) = read(sandbox.refund(&payment, "a", 20_000).await).await;
    assert_eq!(status, 201, "{first}");
    assert!(first["refund_id"].as_str().unwrap().starts_with("ref_"));
    assert_eq!(first["payment_id"], *payment);
    assert_eq!(first["state"], "done");
    let event = shop.next().await;
    assert_eq!(event["type"], "refund.done");
    assert_eq!(event["payment"]["order_id"], "7");
    assert_eq!(
        event["refund"],
        json!({
            "refund_id": first["refund_id"], "idempotency_key": "a", "state": "done",
            "amount": {"amount_minor": 20_000, "currency": "USD"},
        })
    );

    // The same key is the same refund, and another amount under it is none.
    let again = read(sandbox.refund(&payment, "a", 20_000).await).await;
    assert_eq!(again, (200, first));
    assert_eq!(read(sandbox.refund(&payment, "a", 1).await).await.0, 409);
    let (status, problem) = read(sandbox.refund(&payment, "b", 39_901).await).await;
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("/problems/too-much"))
    );
    assert_eq!(read(sandbox.refund(&payment, "b", 0).await).await.0, 422);
    assert_eq!(read(sandbox.refund("pay_0", "b", 1).await).await.0, 404);

    assert_eq!(
        read(sandbox.refund(&payment, "b", 39_900).await).await.0,
        201
    );
    let path = format!("/v1/payments/{payment}");
    let (_, shown) = sandbox.get(&path).await;
    assert_eq!(
        shown["refunded"],
        json!({"amount_minor": 59_900, "currency": "USD"})
    );
    assert_eq!(shown["state"], "paid");
    let (_, list) = sandbox.get(&format!("{path}/refunds")).await;
    assert_eq!(list["refunds"].as_array().unwrap().len(), 2);
    assert_eq!(shop.next().await["refund"]["idempotency_key"], "b");
    assert!(shop.is_quiet(), "a repeated refund must tell nothing");
}

#[tokio::test]
async fn only_a_paid_payment_is_refunded_and_only_with_a_key() {
    let data = tempfile::tempdir().unwrap();
    let shop = Shop::open(0).await;
    let sandbox = Sandbox::start(data.path(), &shop.webhook_url).await;
    let opened: Value = sandbox.open("7", &request("7")).await.json().await.unwrap();
    let payment = opened["payment_id"].as_str().unwrap();
    let (status, problem) = read(sandbox.refund(payment, "a", 1).await).await;
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("/problems/not-paid"))
    );
    let url = format!("{}/v1/payments/{payment}/refunds", sandbox.url);
    let no_key = client().post(url).json(&json!({})).send().await.unwrap();
    assert_eq!(no_key.status(), 401);
}

#[tokio::test]
async fn a_pending_refund_ends_after_a_restart_as_it_was_meant_to() {
    let data = tempfile::tempdir().unwrap();
    let mut shop = Shop::open(0).await;
    let sandbox = Sandbox::start(data.path(), &shop.webhook_url).await;
    let payment = sandbox.paid("7").await;
    assert_eq!(shop.next().await["type"], "payment.paid");
    let faults = json!({"refunds": {
        "state_first": "pending", "pending_ms": 5_000, "fail_share": 1.0,
    }});
    assert_eq!(sandbox.faults(&faults).await.0, 200);
    let (status, begun) = read(sandbox.refund(&payment, "a", 59_900).await).await;
    assert_eq!((status, &begun["state"]), (201, &json!("pending")));
    // What is on its way is not to be had twice.
    assert_eq!(read(sandbox.refund(&payment, "b", 1).await).await.0, 409);
    sandbox.kill().await;

    let sandbox = Sandbox::start(data.path(), &shop.webhook_url).await;
    let mut event = shop.next().await;
    // The kill may have come before the sandbox knew that the first event was taken.
    while event["type"] == "payment.paid" {
        event = shop.next().await;
    }
    assert_eq!(event["type"], "refund.failed");
    assert_eq!(event["refund"]["refund_id"], begun["refund_id"]);
    let (status, again) = read(sandbox.refund(&payment, "a", 59_900).await).await;
    assert_eq!((status, &again["state"]), (200, &json!("failed")));
    // Nothing went back, so all of it still can, under another key.
    assert_eq!(
        read(sandbox.refund(&payment, "b", 59_900).await).await.0,
        201
    );
    assert_eq!(shop.next().await["type"], "refund.done");
}
