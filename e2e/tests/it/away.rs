//! A part of the system is away: `fails-closed`.

use crate::buyer::Buyer;
use crate::shop::{Shop, eventually};
use reqwest::Method;
use xtask::servers::{Server, Servers};

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

/// Stops a store, looks at what shoppers meet, starts it again, and sees the order through.
async fn outage(
    shop: &Shop,
    sale: &str,
    buyer: &Buyer,
    store: fn(&mut Servers) -> &mut Server,
    refuses: bool,
) {
    let name = shop.with_stores(|stores| {
        let store = store(stores);
        store.stop();
        store.name().to_owned()
    });
    let page = reqwest::get(shop.url(&format!("/sales/{sale}")))
        .await
        .unwrap();
    assert_eq!(page.status(), 200, "browsing without {name}");
    let (status, _) = buyer.place(sale, 1).await;
    assert!(
        status == 503 || (!refuses && status == 202),
        "{status} without {name}"
    );

    shop.with_stores(|stores| store(stores).restart()).unwrap();
    let mut order = None;
    eventually("the order", async || {
        let (status, body) = buyer.place(sale, 1).await;
        assert!(matches!(status, 202 | 503), "{status} {body} after {name}");
        order = body["order_id"].as_str().map(str::to_owned);
        status == 202
    })
    .await;
    let pending = buyer.wait_for(&order.unwrap(), "pending_payment").await;
    assert_eq!(pending["quantity"], 1, "{pending}");
}

#[tokio::test]
async fn a_store_that_goes_and_comes_back_loses_nothing() {
    let shop = Shop::start("stores");
    let sale = shop.sale(10, 1).await;
    let mut buyers = shop.buyers(3).await;
    for buyer in &mut buyers {
        assert_eq!(buyer.get_token(&sale).await.0, 201);
    }
    outage(&shop, &sale, &buyers[0], |stores| &mut stores.redis, true).await;
    outage(&shop, &sale, &buyers[1], |stores| &mut stores.nats, true).await;
    // Whose lease the origin remembers can still be admitted; the decision waits.
    outage(&shop, &sale, &buyers[2], |stores| &mut stores.mysql, false).await;
    let row = shop.sale_row(&sale);
    assert_eq!(
        (row["reserved"].as_u64(), row["redis_available"].as_u64()),
        (Some(3), Some(7))
    );
    shop.audit();
}
