//! The rate and the pause of this moment bind tokens that were issued before.

use crate::buyer::{Answer, Buyer, assert_problem};
use crate::edge::{Edge, origin};
use crate::shop::{Shop, eventually};
use crate::wire::Wire;
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};

/// Buyers with tokens of a sale that was fast when they got them.
async fn with_tokens(shop: &Shop, edge: &Edge, sale: &str, count: u32) -> Vec<Buyer> {
    let buyers = shop.buyers(count).await.into_iter().zip(600..);
    let buyers = buyers.map(async |(buyer, number)| {
        let mut buyer = Buyer::signed_in(&edge.addresses, number, buyer.cookie.unwrap());
        assert_eq!(buyer.get_token(sale).await.0, 201);
        buyer
    });
    join_all(buyers).await
}

/// Places an order: the answer, its `Retry-After`, and how long it took.
async fn place(buyer: &Buyer, sale: &str) -> (Answer, Option<String>, Duration) {
    let began = Instant::now();
    let request = buyer.request(Method::POST, "/api/orders");
    let request = request.bearer_auth(buyer.token.as_ref().unwrap());
    let body = json!({ "sale_id": sale, "quantity": 1 });
    let answer = request.json(&body).send().await.unwrap();
    let after = answer.headers().get("retry-after");
    let after = after.map(|value| value.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let body = answer.json().await.unwrap();
    ((status, body), after, began.elapsed())
}

/// Two seconds of a sale that people look at: a change is promised to be at the relay then.
async fn crowd_for_two_seconds(buyer: &Buyer, sale: &str) {
    let began = Instant::now();
    let path = format!("/api/sales/{sale}");
    while began.elapsed() < Duration::from_secs(2) {
        let looks = (0..4).map(|_| buyer.get(&path));
        join_all(looks).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_rate_binds_tokens_that_are_out() {
    let shop = Shop::shared();
    let wire = Wire::to(origin(shop)).await;
    let edge = Edge::start(shop, &[], &[("ORIGIN_URL", &wire.url)]);
    let sale = shop.sale(50, 1).await;
    let buyers = with_tokens(shop, &edge, &sale, 8).await;
    shop.doorbuster(&["sale", "change", &sale, "--rate", "1"]);
    let changed = Instant::now();
    crowd_for_two_seconds(&buyers[0], &sale).await;

    let answers = join_all(buyers.iter().map(|buyer| place(buyer, &sale))).await;
    let count = |status| {
        answers
            .iter()
            .filter(|((is, _), _, _)| *is == status)
            .count()
    };
    let took: Vec<_> = answers
        .iter()
        .map(|(_, _, took)| took.as_millis())
        .collect();
    println!(
        "held for {took:?} ms, {:?} after the change",
        changed.elapsed()
    );
    // One at once, one after a second, one after two; the others would have to wait longer.
    assert_eq!((count(202), count(429)), (3, 5), "{answers:?}");
    for (answer, after, took) in answers.iter().filter(|((status, _), _, _)| *status == 429) {
        assert_problem(answer, 429, "slow-down");
        assert_eq!(after.as_deref(), Some("3"));
        assert!(*took < Duration::from_secs(1), "{took:?}");
    }
    let longest = answers.iter().map(|(_, _, took)| *took).max().unwrap();
    assert!(longest > Duration::from_millis(1_500), "{longest:?}");
    assert_eq!(wire.requests().len(), 3);

    // An order that had its turn needs no other one.
    let placed = buyers.iter().zip(&answers);
    let (lucky, _) = { placed }
        .find(|(_, ((status, _), _, _))| *status == 202)
        .unwrap();
    let ((status, _), _, took) = place(lucky, &sale).await;
    assert!(
        status == 202 && took < Duration::from_secs(1),
        "{status} {took:?}"
    );

    shop.doorbuster(&["sale", "change", &sale, "--rate", "100000"]);
    let changed = Instant::now();
    for buyer in &buyers {
        eventually("the order", async || place(buyer, &sale).await.0.0 == 202).await;
    }
    println!(
        "all were placed {:?} after the rate was raised",
        changed.elapsed()
    );
    assert!(changed.elapsed() < Duration::from_secs(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_orders_at_the_edge() {
    let shop = Shop::shared();
    let wire = Wire::to(origin(shop)).await;
    let edge = Edge::start(shop, &[], &[("ORIGIN_URL", &wire.url)]);
    let sale = shop.sale(50, 1).await;
    let buyers = with_tokens(shop, &edge, &sale, 2).await;
    shop.doorbuster(&["sale", "pause", &sale]);
    crowd_for_two_seconds(&buyers[0], &sale).await;
    let reached = wire.requests().len();
    for buyer in &buyers {
        let (answer, after, _) = place(buyer, &sale).await;
        assert_problem(&answer, 503, "paused");
        assert!(after.is_some());
    }
    assert_eq!(
        wire.requests().len(),
        reached,
        "the origin heard nothing of it"
    );
    shop.doorbuster(&["sale", "resume", &sale]);
    let resumed = Instant::now();
    for buyer in &buyers {
        eventually("the order", async || place(buyer, &sale).await.0.0 == 202).await;
    }
    println!(
        "orders went through {:?} after the sale went on",
        resumed.elapsed()
    );
}
