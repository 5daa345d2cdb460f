//! The origin is away: `fails-closed`.

use crate::shop::Shop;
use reqwest::Method;

#[tokio::test]
async fn without_the_origin_browsing_goes_on_and_buying_waits() {
    let shop = Shop::start("away");
    let sale = shop.sale(10, 1).await;
    let mut buyer = shop.buyers(1).await.pop().unwrap();
    assert_eq!(buyer.get_token(&sale).await.0, 201);
    // A visitor each time, as a connection kept to an edge that was restarted is of no use.
    let page = async || {
        let answer = reqwest::get(shop.url(&format!("/sales/{sale}")))
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, before) = page().await;
    assert!(status == 200 && before.contains("Console"), "{before}");

    shop.stop("origin");
    let (status, during) = page().await;
    assert!(status == 200 && during.contains("Console"), "{during}");
    let order = buyer.request(Method::POST, "/api/orders");
    let order = order.bearer_auth(buyer.token.clone().unwrap());
    let body = serde_json::json!({ "sale_id": sale, "quantity": 1 });
    let answer = order.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));

    // A host that starts now has nothing but what the former one kept on disk.
    shop.restart("edge");
    let (status, after) = page().await;
    assert!(status == 200 && after.contains("Console"), "{after}");

    shop.restart("origin");
    let buyer = buyer.reconnected();
    assert_eq!(
        buyer.place(&sale, 1).await.0,
        202,
        "the same token, nothing lost"
    );
    shop.audit();
}
