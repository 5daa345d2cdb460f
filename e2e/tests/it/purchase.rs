//! One shopper, from signing up to the paid row.

use crate::buyer::{Buyer, assert_problem};
use crate::shop::{Shop, eventually};
use serde_json::json;

#[tokio::test]
async fn a_shopper_signs_up_buys_and_pays() {
    let shop = Shop::shared();
    let sale = shop.sale(10, 2).await;
    let mut buyer = Buyer::new(&shop.addresses, 9_001);
    let (status, account) = buyer.sign_up("ada@example.test").await;
    assert_eq!(
        (status, account["account"]["name"].as_str()),
        (201, Some("Ada")),
        "{account}"
    );
    assert_eq!(buyer.get("/api/session").await.0, 200);

    assert_eq!(buyer.get_token(&sale).await.0, 201);
    let token = buyer.token.clone();
    assert_eq!(
        buyer.get_token(&sale).await.0,
        200,
        "asked again while it lives"
    );
    assert_eq!(buyer.token, token, "it is the same");

    let (status, order) = buyer.place(&sale, 2).await;
    assert_eq!(status, 202, "{order}");
    assert_eq!(
        order["amount"],
        json!({ "amount_minor": 79_800, "currency": "USD" })
    );
    let id = order["order_id"].as_str().unwrap();
    let pending = buyer.wait_for(id, "pending_payment").await;
    assert!(pending["expires_at_ms"].is_i64(), "{pending}");
    let (again, repeated) = buyer.place(&sale, 1).await;
    assert_eq!((again, repeated["order_id"].as_str()), (202, Some(id)));

    assert_eq!(buyer.pay(id, "decline").await.0, 201);
    let (status, started) = buyer.pay(id, "pay").await;
    assert_eq!(status, 201, "{started}");
    let paid = buyer.wait_for(id, "paid").await;
    assert_eq!(paid["payment"]["payment_id"], started["payment_id"]);
    assert_eq!(shop.order_state(id), "paid", "in MySQL");
    let row = shop.sale_row(&sale);
    assert_eq!(
        (row["sold"].as_u64(), row["redis_available"].as_u64()),
        (Some(2), Some(8))
    );
    assert_problem(
        &buyer
            .post(&format!("/api/orders/{id}/cancel"), &json!({}))
            .await,
        409,
        "not-cancellable",
    );
    shop.audit();
}

#[tokio::test]
async fn a_cancelled_unit_is_on_sale_again() {
    let shop = Shop::shared();
    let sale = shop.sale(1, 1).await;
    let mut buyers = shop.buyers(2).await;
    let (second, first) = (buyers.pop().unwrap(), buyers.pop().unwrap());
    let (mut first, mut second) = (first, second);
    assert_eq!(first.get_token(&sale).await.0, 201);
    assert_eq!(second.get_token(&sale).await.0, 201);
    let (_, order) = first.place(&sale, 1).await;
    let id = order["order_id"].as_str().unwrap();
    first.wait_for(id, "pending_payment").await;
    assert_problem(&second.place(&sale, 1).await, 409, "sold-out");
    let (status, _) = first
        .post(&format!("/api/orders/{id}/cancel"), &json!({}))
        .await;
    assert_eq!(status, 200);
    eventually("the unit's return", async || {
        second.place(&sale, 1).await.0 == 202
    })
    .await;
    shop.audit();
}

#[tokio::test]
async fn a_paused_sale_says_so_and_goes_on() {
    let shop = Shop::shared();
    let sale = shop.sale(5, 1).await;
    let mut buyers = shop.buyers(2).await;
    let (mut late, mut buyer) = (buyers.pop().unwrap(), buyers.pop().unwrap());
    assert_eq!(buyer.get_token(&sale).await.0, 201);
    shop.doorbuster(&["sale", "pause", &sale]);
    assert_problem(&buyer.place(&sale, 1).await, 503, "paused");
    eventually("the pause at the gate", async || {
        let (status, body) = late.ask_for_token(&sale).await;
        status == 503 && body["type"] == "/problems/paused"
    })
    .await;
    shop.doorbuster(&["sale", "resume", &sale]);
    // The edge hears of it within two seconds; the token still counts.
    eventually("the order", async || buyer.place(&sale, 1).await.0 == 202).await;
}
