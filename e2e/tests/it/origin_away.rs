//! The origin is away for twenty seconds, and nobody does anything about it.

use crate::buyer::{Buyer, read};
use crate::shop::{Shop, eventually};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const AWAY: Duration = Duration::from_secs(20);
/// Between a visitor's looks.
const LOOK: Duration = Duration::from_millis(200);
/// A page that takes longer was not served from what the edge has.
const PAGE_MAX: Duration = Duration::from_secs(2);

/// How a visitor fared who looked at all that is public, again and again.
struct Visits {
    count: u32,
    /// The oldest answer of the API, in seconds.
    age_max: u64,
    slowest: Duration,
}

/// Looks until `until`; every look must succeed.
async fn visit(shop: &Shop, sale: &str, until: Instant) -> Visits {
    let mut visits = Visits {
        count: 0,
        age_max: 0,
        slowest: Duration::ZERO,
    };
    let paths = [
        "/".to_owned(),
        format!("/sales/{sale}"),
        "/api/sales".to_owned(),
        format!("/api/sales/{sale}"),
    ];
    while Instant::now() < until {
        for path in &paths {
            let began = Instant::now();
            let answer = reqwest::get(shop.url(path)).await.unwrap();
            visits.slowest = visits.slowest.max(began.elapsed());
            assert_eq!(answer.status(), 200, "{path}");
            let age = answer.headers().get("age");
            let age = age.map(|age| age.to_str().unwrap().parse::<u64>().unwrap());
            if path.starts_with("/api/") {
                visits.age_max = visits.age_max.max(age.expect("the API tells its age"));
            }
            let text = answer.text().await.unwrap();
            assert!(text.contains("Console"), "{path}: {text}");
            visits.count += 1;
        }
        tokio::time::sleep(LOOK).await;
    }
    visits
}

/// 503, with words that a person understands and a time to come back.
async fn assert_unavailable(what: &str, request: RequestBuilder) {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 503, "{what}");
    let retry = answer.headers().get("retry-after").expect(what);
    let seconds: u32 = retry.to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{what}: {seconds} s");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/unavailable", "{what}");
    let words = ["title", "detail"].map(|key| problem[key].as_str().unwrap_or_default());
    assert!(
        words.iter().any(|words| words.contains(' ')),
        "{what}: {problem}"
    );
    let text = problem.to_string();
    for inside in ["http://", "127.0.0.1", "Connection", "redis", "mysql"] {
        assert!(!text.contains(inside), "{what} tells of {inside}: {text}");
    }
}

async fn sign_in(stranger: &Buyer, contact: &str) -> RequestBuilder {
    let challenge = stranger.challenge("sign-in", "").await;
    let body = json!({ "contact": contact, "password": "correct horse", "challenge": challenge });
    stranger.request(Method::POST, "/api/session").json(&body)
}

async fn ask(buyer: &Buyer, sale: &str) -> RequestBuilder {
    let challenge = buyer.challenge("token", sale).await;
    let path = format!("/gate/sales/{sale}/tokens");
    buyer
        .request(Method::POST, &path)
        .json(&json!({ "challenge": challenge }))
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_seconds_without_the_origin_pass_by_themselves() {
    let shop = Shop::start("origin-away");
    let sale = shop.sale(10, 1).await;
    // Nobody has asked for this one yet, so that the PoP has no lease of it in hand.
    let other = shop.sale(10, 1).await;
    let contact = "grace@example.test";
    let mut member = Buyer::new(&shop.addresses, 9_200);
    assert_eq!(member.sign_up(contact).await.0, 201);
    let mut buyers = shop.buyers(3).await;
    let (newcomer, mut buyer) = (buyers.pop().unwrap(), buyers.pop().unwrap());
    assert_eq!(buyer.get_token(&sale).await.0, 201);

    shop.stop("origin");
    let back_at = Instant::now() + AWAY;
    let order = json!({ "sale_id": sale, "quantity": 1 });
    let buying = async {
        let mut rounds = 0;
        while Instant::now() + Duration::from_secs(3) < back_at {
            let place = buyer.request(Method::POST, "/api/orders");
            let place = place.bearer_auth(buyer.token.clone().unwrap());
            assert_unavailable("an order", place.json(&order)).await;
            assert_unavailable("a token", ask(&newcomer, &other).await).await;
            assert_unavailable("signing in", sign_in(&member, contact).await).await;
            let orders = buyer.request(Method::GET, "/api/orders");
            assert_unavailable("the list of orders", orders).await;
            rounds += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        rounds
    };
    let (visits, rounds) = tokio::join!(visit(&shop, &sale, back_at), buying);
    println!(
        "{} looks, the slowest {:?}, up to {} s old; {rounds} rounds of refusals",
        visits.count, visits.slowest, visits.age_max
    );
    assert!(visits.slowest < PAGE_MAX, "{:?}", visits.slowest);
    assert!(rounds >= 3, "{rounds}");
    let away = AWAY.as_secs();
    assert!(
        (away - 4..=away + 4).contains(&visits.age_max),
        "{} s old after {away} s",
        visits.age_max
    );

    shop.restart("origin");
    // Each of them comes back although nobody signs in again, reloads anything or starts the edge.
    eventually("the order", async || buyer.place(&sale, 1).await.0 == 202).await;
    eventually("the token", async || {
        read(ask(&newcomer, &other).await).await.0 == 201
    })
    .await;
    eventually("signing in", async || {
        read(sign_in(&member, contact).await).await.0 == 200
    })
    .await;
    eventually("a young answer", async || {
        let answer = reqwest::get(shop.url("/api/sales")).await.unwrap();
        let age = answer.headers().get("age").unwrap().to_str().unwrap();
        age.parse::<u64>().unwrap() <= 1
    })
    .await;
    shop.audit();
}
