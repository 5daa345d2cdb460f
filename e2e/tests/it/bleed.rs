//! Many shoppers at once through one instance of each component: nobody sees anybody else.

use crate::buyer::{Answer, Buyer, read};
use crate::edge::Edge;
use crate::shop::{Shop, eventually};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

const USERS: u32 = 24;
const ROUNDS: usize = 8;
/// One instance of each of the three components, for all that comes.
const FLAGS: [&str; 10] = [
    "--threads",
    "1",
    "--max-instances",
    "3",
    "--max-requests-per-instance",
    "1000000",
    "--max-concurrency-per-instance",
    "512",
    "--instance-idle-timeout",
    "1h",
];

struct User {
    buyer: Buyer,
    account: String,
    order: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn interleaved_shoppers_see_their_own_alone() {
    let shop = Shop::shared();
    let edge = Edge::start(shop, &FLAGS, &[]);
    let sale = shop.sale(200, 2).await;
    let next_sale = shop.sale(200, 2).await;
    let stranger = Buyer::new(&edge.addresses, 500);
    // Each component gets its instance, before a crowd could take all three for one.
    for path in ["/", "/api/sales", "/gate/nothing"] {
        stranger.request(Method::GET, path).send().await.unwrap();
    }
    let signed_in = shop.buyers(USERS).await.into_iter().zip(501..);
    let users = signed_in.map(|(buyer, number)| {
        let buyer = Buyer::signed_in(&edge.addresses, number, buyer.cookie.unwrap());
        ordered(&sale, buyer)
    });
    let users = join_all(users).await;
    for path in [
        format!("/api/sales/{sale}"),
        format!("/api/sales/{next_sale}"),
    ] {
        eventually("the sale", async || stranger.get(&path).await.0 == 200).await;
    }

    let visits = users.iter().enumerate().map(async |(number, user)| {
        for round in 0..ROUNDS {
            // Each begins elsewhere, so that all kinds of request meet in the instances.
            for step in 0..STEPS {
                let step = (number + round + step) % STEPS;
                visit(step, user, &users, &next_sale).await;
            }
        }
    });
    join_all(visits).await;
}

async fn ordered(sale: &str, mut buyer: Buyer) -> User {
    let (status, grant) = token(&buyer, sale).await;
    assert!(matches!(status, 200 | 201), "{status} {grant}");
    buyer.token = grant["token"].as_str().map(str::to_owned);
    let order = patiently(async || buyer.place(sale, 1).await).await;
    assert_eq!(order.0, 202, "{order:?}");
    User {
        account: buyer.account(),
        order: order.1["order_id"].as_str().unwrap().to_owned(),
        buyer,
    }
}

/// A host that may make no further instance sheds what comes while all compute.
async fn patiently(ask: impl AsyncFn() -> Answer) -> Answer {
    let mut answer = (0, Value::Null);
    eventually("an answer", async || {
        answer = ask().await;
        answer.0 != 503
    })
    .await;
    answer
}

const STEPS: usize = 6;

async fn visit(step: usize, user: &User, all: &[User], next_sale: &str) {
    let buyer = &user.buyer;
    let get = async |path: &str| patiently(async || buyer.get(path).await).await;
    let own = format!("/api/orders/{}", user.order);
    let mut cookie = None;
    let (status, body) = match step {
        0 => {
            let mut body = Value::Null;
            eventually("the session", async || {
                let request = buyer.request(Method::GET, "/api/session");
                let answer = request.send().await.unwrap();
                let set = answer.headers().get("set-cookie");
                cookie = set.map(|set| set.to_str().unwrap().to_owned());
                let status = answer.status();
                body = answer.json().await.unwrap();
                status == 200
            })
            .await;
            assert_eq!(body["account"]["id"], user.account.as_str());
            (200, body)
        }
        1 => {
            let (status, body) = get("/api/orders").await;
            let orders = body["orders"].as_array().unwrap();
            let foreign = |order: &&Value| order["order_id"] != user.order.as_str();
            assert_eq!(orders.iter().find(foreign), None);
            (status, body)
        }
        2 => {
            let (status, body) = get(&own).await;
            assert_eq!(body["order_id"], user.order.as_str(), "{body}");
            (status, body)
        }
        3 => {
            let others = all.iter().find(|other| other.order != user.order);
            let path = format!("/api/orders/{}", others.unwrap().order);
            let (status, body) = get(&path).await;
            assert_eq!(status, 404, "{body}");
            (200, Value::Null)
        }
        4 => {
            let (status, body) = token(buyer, next_sale).await;
            if status == 429 {
                return;
            }
            let claims = super::attacks::claims(body["token"].as_str().unwrap());
            assert_eq!(claims["sub"], user.account.as_str());
            (200, claims)
        }
        _ => {
            let mut text = String::new();
            eventually("the page", async || {
                let page = buyer.request(Method::GET, "/orders").send().await.unwrap();
                let status = page.status();
                text = page.text().await.unwrap();
                status == 200
            })
            .await;
            (200, Value::String(text))
        }
    };
    assert_eq!(status, 200, "{body}");
    if let Some(cookie) = cookie {
        let claims = super::attacks::claims(cookie.split(';').next().unwrap());
        assert_eq!(claims["sub"], user.account.as_str(), "the renewed cookie");
    }
    let text = body.to_string();
    for other in all.iter().filter(|other| other.order != user.order) {
        assert!(!text.contains(&other.account), "step {step}: {text}");
        assert!(!text.contains(&other.order), "step {step}: {text}");
    }
}

/// A token, or being told that one asks too often. A PoP store that is too slow to say so has spent the
/// challenge, so each try has one of its own.
async fn token(buyer: &Buyer, sale: &str) -> Answer {
    let challenges = format!("/gate/challenges?purpose=token&sale_id={sale}");
    let tokens = format!("/gate/sales/{sale}/tokens");
    patiently(async || {
        let (status, challenge) = buyer.get(&challenges).await;
        if status != 200 {
            return (status, challenge);
        }
        let challenge = serde_json::from_value(challenge).unwrap();
        let solution = kernel::challenge::solve(&challenge, 1_000_000).unwrap();
        let answer = kernel::challenge::answer(challenge, solution);
        let body = json!({ "challenge": answer });
        read(buyer.request(Method::POST, &tokens).json(&body)).await
    })
    .await
}
