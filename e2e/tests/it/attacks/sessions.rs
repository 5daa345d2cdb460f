//! Sessions that are forged, or over.

use super::forged::{Forger, tamper};
use super::{Site, session_key};
use crate::buyer::{Buyer, assert_problem, read};
use crate::shop::eventually;
use reqwest::Method;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_not_ours_is_refused() {
    let site = Site::new(&[]).await;
    let cookie = site.mallory.cookie.clone().unwrap();
    let text = cookie.split_once('=').unwrap().1.to_owned();
    let public = session_key();
    let real = Forger::of(&text);
    let victim = real.with("sub", &site.victim.account());
    let header = |alg: &str| json!({ "alg": alg, "typ": "JWT", "kid": "origin.1" });
    let over = (origin::now().seconds() - 1).to_string();
    let sessions = [
        ("a changed signature", tamper(&text, 2)),
        ("changed claims", tamper(&text, 1)),
        ("no algorithm", victim.unsigned(&header("none"))),
        (
            "HS256 with the public key",
            victim.hs256(&header("HS256"), &public),
        ),
        (
            "the same in hexadecimal",
            victim.hs256(&header("HS256"), hex::encode(&public).as_bytes()),
        ),
        ("EdDSA in name", victim.hs256(&header("EdDSA"), &public)),
        ("another key", victim.eddsa(&header("EdDSA"))),
        (
            "another key and over",
            real.with("exp", &over).eddsa(&header("EdDSA")),
        ),
        ("a token", site.token().to_owned()),
        ("nothing", String::new()),
        ("a huge one", format!("{text}{}", "A".repeat(4_000))),
    ];
    let stranger = Buyer::new(&site.edge.addresses, 402);
    for (what, session) in sessions {
        for path in [
            "/api/session",
            "/api/orders",
            "/api/orders/5",
            "/api/orders/5/events",
        ] {
            let request = stranger.request(Method::GET, path);
            let request = request.header("cookie", format!("__Host-session={session}"));
            let answer = read(request).await;
            let problem = answer.1["type"].as_str();
            assert_eq!(
                (answer.0, problem),
                (401, Some("/problems/signed-out")),
                "{what} {path}"
            );
        }
    }
    let two = stranger.request(Method::GET, "/api/orders");
    let two = two.header("cookie", format!("{cookie}; {cookie}"));
    assert_problem(&read(two).await, 401, "signed-out");
    let two = stranger.request(Method::GET, "/api/orders");
    let two = two.header("cookie", &cookie).header("cookie", &cookie);
    assert_problem(&read(two).await, 401, "signed-out");
    site.assert_nothing_reached_the_origin();

    // One that was ended counts no more, though its signature is right and was just checked.
    assert_eq!(site.mallory.get("/api/orders").await.0, 200);
    let leaving = site.mallory.request(Method::DELETE, "/api/session");
    assert_eq!(read(leaving).await.0, 204);
    // Each instance hears of it with its next snapshot.
    eventually("the end in every instance", async || {
        let reached = site.wire.requests().len();
        for _ in 0..10 {
            if site.mallory.get("/api/orders").await.0 != 401 {
                return false;
            }
        }
        site.wire.requests().len() == reached
    })
    .await;
}
