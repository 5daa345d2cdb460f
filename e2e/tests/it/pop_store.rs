//! The PoP's Redis stands still, dies and comes back.

use crate::buyer::{Buyer, assert_problem};
use crate::shop::{Shop, eventually};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::{Duration, Instant};

/// Ten times what is promised, as others share the machine.
const WAIT_MAX: Duration = Duration::from_millis(500);
const ATTEMPTS: usize = 30;

/// Asks for a token with a new challenge: the answer must be `503`, and soon.
async fn refused(buyer: &Buyer, sale: &str) -> Duration {
    let challenge = buyer.challenge("token", sale).await;
    let path = format!("/gate/sales/{sale}/tokens");
    let request = buyer.request(Method::POST, &path);
    let request = request.json(&json!({ "challenge": challenge }));
    let began = Instant::now();
    let answer = request.send().await.unwrap();
    let took = began.elapsed();
    assert!(answer.headers().contains_key("retry-after"));
    let status = answer.status().as_u16();
    assert_problem(&(status, answer.json().await.unwrap()), 503, "unavailable");
    took
}

async fn refuses(shop: &Shop, sale: &str, buyer: &Buyer, how: &str) {
    let mut times = Vec::new();
    for _ in 0..ATTEMPTS {
        times.push(refused(buyer, sale).await);
        let page = reqwest::get(shop.url(&format!("/sales/{sale}"))).await;
        assert_eq!(page.unwrap().status(), StatusCode::OK);
    }
    // Signing in spends a challenge, too, at the relay.
    let body = json!({
        "contact": "ada@example.test", "password": "correct horse",
        "challenge": buyer.challenge("sign-in", "").await,
    });
    let began = Instant::now();
    let signed_in = buyer.post("/api/session", &body).await;
    times.push(began.elapsed());
    assert_problem(&signed_in, 503, "unavailable");

    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!(
        "PoP store {how}: 503 after {:.1?} (median), {:.1?} (nine of ten), {:.1?} (longest)",
        at(50),
        at(90),
        at(100)
    );
    assert!(at(100) < WAIT_MAX, "{times:?}");
    assert!(at(50) < Duration::from_millis(50), "the breaker is open");
}

async fn recovers(sale: &str, buyer: &mut Buyer, how: &str) {
    let began = Instant::now();
    eventually("a token", async || {
        let (status, body) = buyer.ask_for_token(sale).await;
        assert!(matches!(status, 200 | 201 | 429 | 503), "{status} {body}");
        buyer.token.is_some()
    })
    .await;
    println!("PoP store {how}: a token after {:.1?}", began.elapsed());
}

#[tokio::test]
async fn without_the_pop_store_browsing_goes_on_and_the_gate_answers_at_once() {
    let shop = Shop::start("pop-store");
    let sale = shop.sale(100, 1).await;
    let mut buyers = shop.buyers(3).await.into_iter();
    let mut next = || buyers.next().unwrap();
    let mut buyer = next();
    assert_eq!(buyer.get_token(&sale).await.0, 201);

    let mut buyer = next();
    shop.with_stores(|stores| stores.pop_redis.pause());
    refuses(&shop, &sale, &buyer, "paused").await;
    shop.with_stores(|stores| stores.pop_redis.resume());
    recovers(&sale, &mut buyer, "resumed").await;

    let mut buyer = next();
    shop.with_stores(|stores| stores.pop_redis.kill());
    refuses(&shop, &sale, &buyer, "dead").await;
    shop.with_stores(|stores| stores.pop_redis.restart())
        .unwrap();
    recovers(&sale, &mut buyer, "restarted").await;
    shop.audit();
}
