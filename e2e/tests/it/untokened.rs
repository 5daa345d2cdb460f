//! `only-tokened`, counted at the origin.

use crate::buyer::{Buyer, assert_problem, read};
use crate::shop::Shop;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn without_token_session_or_pass_nothing_reaches_the_origin() {
    // A system of its own, as others' requests would be counted too.
    let shop = Shop::start("untokened");
    let sale = shop.sale(10, 1).await;
    let stranger = Buyer::new(&shop.addresses, 1);
    let mut buyers = shop.buyers(2).await;
    let (mut other, member) = (buyers.pop().unwrap(), buyers.pop().unwrap());
    assert_eq!(other.get_token(&sale).await.0, 201);
    let before = shop.reached_origin().await;

    let order = json!({ "sale_id": sale, "quantity": 1 });
    assert_problem(&stranger.place(&sale, 1).await, 401, "signed-out");
    assert_problem(&member.place(&sale, 1).await, 403, "token-missing");
    let with = |token: &str| {
        member
            .request(Method::POST, "/api/orders")
            .bearer_auth(token)
    };
    let stolen = other.token.clone().unwrap();
    assert_problem(
        &read(with(&stolen).json(&order)).await,
        403,
        "token-invalid",
    );
    assert_problem(
        &read(with("a.b.c").json(&order)).await,
        403,
        "token-invalid",
    );
    let elsewhere = json!({ "sale_id": "5", "quantity": 1 });
    let own = other
        .request(Method::POST, "/api/orders")
        .bearer_auth(&stolen);
    assert_problem(&read(own.json(&elsewhere)).await, 403, "token-invalid");

    for path in ["/api/session", "/api/orders", "/api/orders/5"] {
        assert_problem(&stranger.get(path).await, 401, "signed-out");
    }
    let forged = stranger.request(Method::GET, "/api/orders");
    let forged = forged
        .header("cookie", "__Host-session=a.b.c")
        .header("doorbuster-pop", "pop-1");
    assert_problem(&read(forged).await, 401, "signed-out");
    let code = json!({ "contact": "a@example.test", "purpose": "register", "challenge": "e30=" });
    assert_problem(
        &stranger.post("/api/accounts/codes", &code).await,
        422,
        "challenge-wrong",
    );
    let sign_in = json!({ "contact": "a@example.test", "password": "12345678", "challenge": "" });
    assert_problem(
        &stranger.post("/api/session", &sign_in).await,
        422,
        "challenge-wrong",
    );
    let join = json!({ "ticket": "x", "code": "123456", "name": "A", "password": "12345678" });
    let (status, _) = stranger.post("/api/accounts", &join).await;
    assert!((400..500).contains(&status), "{status}");
    assert_problem(&stranger.get("/api/nothing").await, 404, "unknown-path");
    let pages = [
        "/",
        "/sales/unknown",
        "/sign-in",
        "/api/sales",
        "/api/clock",
    ];
    for page in pages {
        stranger.request(Method::GET, page).send().await.unwrap();
    }
    assert_eq!(
        shop.reached_origin().await,
        before,
        "nothing of this reached the origin"
    );

    // And what has all of it does.
    assert_eq!(other.place(&sale, 1).await.0, 202);
    assert_eq!(shop.reached_origin().await, before + 1);
}

#[tokio::test]
async fn a_challenge_is_spent_once() {
    let shop = Shop::shared();
    let stranger = Buyer::new(&shop.addresses, 9_100);
    let challenge = stranger.challenge("sign-in", "").await;
    let body = json!({
        "contact": "nobody@example.test", "password": "12345678", "challenge": challenge,
    });
    assert_problem(
        &stranger.post("/api/session", &body).await,
        401,
        "wrong-password",
    );
    assert_problem(
        &stranger.post("/api/session", &body).await,
        422,
        "challenge-spent",
    );
}
