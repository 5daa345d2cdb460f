//! What each refusal says, seen through the edge.

use crate::buyer::{Buyer, assert_problem, read};
use crate::shop::Shop;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_bad_order_is_refused_with_its_reason() {
    let shop = Shop::shared();
    let sale = shop.sale(10, 2).await;
    let mut buyer = shop.buyers(1).await.pop().unwrap();
    assert_eq!(buyer.get_token(&sale).await.0, 201);
    let token = buyer.token.clone().unwrap();
    let post = async |body: String| {
        let request = buyer
            .request(Method::POST, "/api/orders")
            .bearer_auth(&token);
        read(
            request
                .header("content-type", "application/json")
                .body(body),
        )
        .await
    };
    assert_problem(&post("{".into()).await, 400, "malformed");
    assert_problem(&post(" ".repeat(16 * 1_024 + 1)).await, 413, "too-large");
    let unknown = json!({ "sale_id": sale, "quantity": 1, "price": 0 });
    assert_problem(&post(unknown.to_string()).await, 422, "invalid-field");
    for quantity in [json!(0), json!(-1), json!("1"), json!(1.5)] {
        let order = json!({ "sale_id": sale, "quantity": quantity });
        assert_problem(&post(order.to_string()).await, 422, "invalid-field");
    }
    let many = json!({ "sale_id": sale, "quantity": 3 });
    assert_problem(&post(many.to_string()).await, 409, "over-limit");
    let (status, order) = buyer.place(&sale, 1).await;
    assert_eq!(status, 202, "and nothing was lost: {order}");
}

#[tokio::test]
async fn unknown_sales_orders_and_sites_are_refused() {
    let shop = Shop::shared();
    let mut buyers = shop.buyers(2).await;
    let (other, buyer) = (buyers.pop().unwrap(), buyers.pop().unwrap());
    assert_problem(&buyer.get("/api/sales/77").await, 404, "unknown-sale");
    assert_problem(&buyer.get("/api/orders/77").await, 404, "unknown-order");
    let path = "/gate/sales/77/tokens";
    let token = buyer.post(path, &json!({ "challenge": "e30=" })).await;
    assert_problem(&token, 404, "unknown-sale");

    let request = buyer.request(Method::POST, "/api/orders/77/cancel");
    let foreign = request
        .header("origin", "http://evil.example")
        .json(&json!({}));
    let (status, _) = read(foreign).await;
    assert_eq!(status, 403, "two origins are one too many");

    let sale = shop.sale(5, 1).await;
    let mut buyer = buyer;
    buyer.get_token(&sale).await;
    let (_, order) = buyer.place(&sale, 1).await;
    let id = order["order_id"].as_str().unwrap();
    let path = format!("/api/orders/{id}");
    assert_problem(&other.get(&path).await, 404, "unknown-order");
    buyer.wait_for(id, "pending_payment").await;
    let ship_to = json!({ "name": "", "lines": [], "postcode": "", "city": "X", "country": "de" });
    let payment = buyer
        .post(&format!("{path}/payment"), &json!({ "ship_to": ship_to }))
        .await;
    assert_problem(&payment, 422, "invalid-field");
    assert_eq!(
        payment.1["errors"].as_array().unwrap().len(),
        3,
        "{payment:?}"
    );
}

#[tokio::test]
async fn a_wrong_code_and_a_wrong_password_are_told_apart_from_nothing() {
    let shop = Shop::shared();
    let mut buyer = Buyer::new(&shop.addresses, 9_200);
    let challenge = buyer.challenge("code", "").await;
    let body = json!({ "contact": "no address", "purpose": "register", "challenge": challenge });
    assert_problem(
        &buyer.post("/api/accounts/codes", &body).await,
        422,
        "invalid-field",
    );
    assert_eq!(buyer.sign_up("grace@example.test").await.0, 201);
    // A second account for the contact: the answer does not tell, and the message gives no code.
    let challenge = buyer.challenge("code", "").await;
    let body =
        json!({ "contact": "grace@example.test", "purpose": "reset", "challenge": challenge });
    assert_problem(
        &buyer.post("/api/accounts/codes", &body).await,
        429,
        "slow-down",
    );
    let challenge = buyer.challenge("sign-in", "").await;
    let body = json!({
        "contact": "grace@example.test", "password": "wrong password", "challenge": challenge,
    });
    assert_problem(
        &buyer.post("/api/session", &body).await,
        401,
        "wrong-password",
    );
}
