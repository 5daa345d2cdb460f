//! Purchase tokens that are forged, stolen, early or used again.

use super::forged::{Forger, tamper};
use super::{Site, session_key};
use crate::buyer::{assert_problem, read};
use crate::edge::secret;
use crate::shop::Shop;
use kernel::ids::{AccountId, LeaseId, OrderId};
use kernel::keys::PopKeys;
use kernel::token::{PurchaseToken, mint};
use reqwest::Method;
use serde_json::json;

struct Keys {
    own: PopKeys,
    other: PopKeys,
    strange: PopKeys,
}

impl Keys {
    fn new() -> Self {
        let secret = secret(Shop::shared(), "pop_secret");
        Self {
            own: PopKeys::derive("pop-1", &secret).unwrap(),
            other: PopKeys::derive("pop-2", &secret).unwrap(),
            strange: PopKeys::derive("pop-1", &"66".repeat(32)).unwrap(),
        }
    }
}

/// As the gate could have given it to Mallory.
fn rightful(site: &Site) -> PurchaseToken {
    PurchaseToken {
        account: AccountId(site.mallory.account().parse().unwrap()),
        sale: site.sale.parse().unwrap(),
        slot: OrderId(7),
        lease: LeaseId(7),
        not_before: origin::now(),
        expires_at: origin::now().plus_seconds(100),
    }
}

/// What is wrong with each, and the token.
fn wrong_tokens(site: &Site) -> Vec<(&'static str, String)> {
    let own = rightful(site);
    let now = origin::now();
    let Keys {
        own: keys,
        other,
        strange,
    } = Keys::new();
    let expired = PurchaseToken {
        expires_at: now.plus_seconds(-1),
        ..own.clone()
    };
    let of_other_sale = PurchaseToken {
        sale: kernel::ids::SaleId(77),
        ..own.clone()
    };
    let real = Forger::of(site.token());
    let session = site.mallory.cookie.clone().unwrap();
    let session = session.split_once('=').unwrap().1.to_owned();
    let public = session_key();
    let kid = keys.kid(1);
    let header = |alg: &str, kid: &str| json!({ "alg": alg, "typ": "JWT", "kid": kid });
    vec![
        ("a changed signature", tamper(site.token(), 2)),
        ("changed claims", tamper(site.token(), 1)),
        ("another account's", site.victim.token.clone().unwrap()),
        ("an expired one", mint(&keys, 1, &expired)),
        ("another sale's", mint(&keys, 1, &of_other_sale)),
        ("another PoP's", mint(&other, 1, &own)),
        ("our name, another key", mint(&strange, 1, &own)),
        ("no algorithm", real.unsigned(&header("none", &kid))),
        (
            "NONE with a signature",
            real.hs256(&header("NONE", &kid), &keys.token_key(1)),
        ),
        (
            "RS256 in name",
            real.hs256(&header("RS256", &kid), &keys.token_key(1)),
        ),
        (
            "EdDSA in name",
            real.hs256(&header("EdDSA", &kid), &keys.token_key(1)),
        ),
        (
            "signed with the public key",
            real.hs256(&header("HS256", &kid), &public),
        ),
        (
            "signed with nothing",
            real.hs256(&header("HS256", &kid), b""),
        ),
        (
            "the kid of another PoP",
            real.hs256(&header("HS256", "pop-2.1"), &keys.token_key(1)),
        ),
        (
            "another version of the key",
            real.hs256(&header("HS256", "pop-1.9"), &keys.token_key(1)),
        ),
        (
            "no kid",
            real.hs256(&json!({ "alg": "HS256" }), &keys.token_key(1)),
        ),
        (
            "a kid that is a path",
            real.hs256(&header("HS256", "../../dev/null"), &keys.token_key(1)),
        ),
        (
            "another issuer",
            real.with("iss", "pop-2")
                .hs256(&header("HS256", &kid), &keys.token_key(1)),
        ),
        (
            "another audience",
            real.with("aud", "x")
                .hs256(&header("HS256", &kid), &keys.token_key(1)),
        ),
        ("two dots more", format!("{}..", site.token())),
        ("a part more", format!("{}.e30", site.token())),
        (
            "a huge one",
            format!("{}{}", site.token(), "A".repeat(8_000)),
        ),
        ("a session", session),
        ("dots", "..".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_ours_is_refused() {
    let site = Site::new(&[]).await;
    for (what, token) in wrong_tokens(&site) {
        let answer = read(site.order(&token)).await;
        let problem = answer.1["type"].as_str();
        assert_eq!(
            (answer.0, problem),
            (403, Some("/problems/token-invalid")),
            "{what}"
        );
    }
    site.assert_nothing_reached_the_origin();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_early_or_missing_is_refused() {
    let site = Site::new(&[]).await;
    let now = origin::now();
    let early = PurchaseToken {
        not_before: now.plus_seconds(60),
        expires_at: now.plus_seconds(180),
        ..rightful(&site)
    };
    let answer = site
        .order(&mint(&Keys::new().own, 1, &early))
        .send()
        .await
        .unwrap();
    let wait: u32 = answer.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((55..=60).contains(&wait), "{wait}");
    assert_eq!(answer.status(), 403);
    for scheme in ["Basic", "Bearer", "Token"] {
        let bare = site.mallory.request(Method::POST, "/api/orders");
        let order = json!({ "sale_id": site.sale, "quantity": 1 });
        let bare = bare.header("authorization", scheme).json(&order);
        assert_problem(&read(bare).await, 403, "token-missing");
    }
    site.assert_nothing_reached_the_origin();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_makes_one_order_whatever_is_sent_with_it() {
    let site = Site::new(&[]).await;
    let (status, first) = site.mallory.place(&site.sale, 1).await;
    assert_eq!(status, 202, "{first}");
    for quantity in [1, 2] {
        let (status, again) = site.mallory.place(&site.sale, quantity).await;
        assert_eq!(status, 202, "{again}");
        assert_eq!(again["order_id"], first["order_id"]);
        assert_eq!(again["quantity"], 1, "whatever is asked for later");
    }
    let reached = site.wire.requests().len();
    assert_eq!(reached, 3);
    let elsewhere = json!({ "sale_id": "77", "quantity": 1 });
    let request = site.mallory.request(Method::POST, "/api/orders");
    let request = request.bearer_auth(site.token()).json(&elsewhere);
    assert_problem(&read(request).await, 403, "token-invalid");
    let order = json!({ "sale_id": site.sale, "quantity": 1 });
    let stolen = site.victim.request(Method::POST, "/api/orders");
    let stolen = stolen.bearer_auth(site.token()).json(&order);
    assert_problem(&read(stolen).await, 403, "token-invalid");
    assert_eq!(site.wire.requests().len(), reached);
}
