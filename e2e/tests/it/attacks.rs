//! Whoever has not what it takes gets no byte to the origin: counted on the wire before it.

mod forged;
mod headers;
mod raw;

use crate::buyer::{Buyer, assert_problem, read};
use crate::edge::{Edge, origin, secret};
use crate::shop::{Shop, eventually};
use crate::wire::Wire;
use forged::{Forger, tamper};
use kernel::ids::{AccountId, LeaseId, OrderId};
use kernel::keys::PopKeys;
use kernel::token::{PurchaseToken, mint};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// An edge of its own, the wire behind it, and two buyers who come through it.
struct Site {
    wire: Wire,
    edge: Edge,
    sale: String,
    mallory: Buyer,
    victim: Buyer,
}

impl Site {
    async fn new(variables: &[(&str, &str)]) -> Self {
        let shop = Shop::shared();
        let wire = Wire::to(origin(shop)).await;
        let url = ("ORIGIN_URL", wire.url.as_str());
        let edge = Edge::start(shop, &[], &[variables, &[url]].concat());
        let sale = shop.sale(20, 2).await;
        let mut buyers = shop.buyers(2).await.into_iter().zip([400, 401]);
        let mut through = || {
            let (buyer, number) = buyers.next().unwrap();
            Buyer::signed_in(&edge.addresses, number, buyer.cookie.unwrap())
        };
        let (mut mallory, mut victim) = (through(), through());
        assert_eq!(mallory.get_token(&sale).await.0, 201);
        assert_eq!(victim.get_token(&sale).await.0, 201);
        let site = Self {
            wire,
            edge,
            sale,
            mallory,
            victim,
        };
        eventually("the sale at the relay", async || {
            let path = format!("/api/sales/{}", site.sale);
            site.mallory.get(&path).await.0 == 200
        })
        .await;
        site
    }

    /// What the gate gave Mallory.
    fn token(&self) -> &str {
        self.mallory.token.as_deref().unwrap()
    }

    fn order(&self, token: &str) -> RequestBuilder {
        let order = json!({ "sale_id": self.sale, "quantity": 1 });
        let request = self.mallory.request(Method::POST, "/api/orders");
        request
            .header("authorization", format!("Bearer {token}"))
            .json(&order)
    }

    #[track_caller]
    fn assert_nothing_reached_the_origin(&self) {
        assert_eq!(self.wire.requests(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_ours_is_refused() {
    let site = Site::new(&[]).await;
    let pop_secret = secret(Shop::shared(), "pop_secret");
    let keys = PopKeys::derive("pop-1", &pop_secret).unwrap();
    let other = PopKeys::derive("pop-2", &pop_secret).unwrap();
    let strange = PopKeys::derive("pop-1", &"66".repeat(32)).unwrap();
    let now = origin::now();
    let own = PurchaseToken {
        account: AccountId(site.mallory.account().parse().unwrap()),
        sale: site.sale.parse().unwrap(),
        slot: OrderId(7),
        lease: LeaseId(7),
        not_before: now,
        expires_at: now.plus_seconds(100),
    };
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
    let public = session_key(&site).await;
    let kid = keys.kid();
    let header = |alg: &str, kid: &str| json!({ "alg": alg, "typ": "JWT", "kid": kid });
    let tokens = [
        ("a changed signature", tamper(site.token(), 2)),
        ("changed claims", tamper(site.token(), 1)),
        ("another account's", site.victim.token.clone().unwrap()),
        ("an expired one", mint(&keys, &expired)),
        ("another sale's", mint(&keys, &of_other_sale)),
        ("another PoP's", mint(&other, &own)),
        ("our name, another key", mint(&strange, &own)),
        ("no algorithm", real.unsigned(&header("none", &kid))),
        (
            "NONE with a signature",
            real.hs256(&header("NONE", &kid), &keys.token),
        ),
        (
            "RS256 in name",
            real.hs256(&header("RS256", &kid), &keys.token),
        ),
        (
            "EdDSA in name",
            real.hs256(&header("EdDSA", &kid), &keys.token),
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
            real.hs256(&header("HS256", "pop-2.1"), &keys.token),
        ),
        (
            "another version of the key",
            real.hs256(&header("HS256", "pop-1.9"), &keys.token),
        ),
        (
            "no kid",
            real.hs256(&json!({ "alg": "HS256" }), &keys.token),
        ),
        (
            "a kid that is a path",
            real.hs256(&header("HS256", "../../dev/null"), &keys.token),
        ),
        (
            "another issuer",
            real.with("iss", "pop-2")
                .hs256(&header("HS256", &kid), &keys.token),
        ),
        (
            "another audience",
            real.with("aud", "x")
                .hs256(&header("HS256", &kid), &keys.token),
        ),
        ("two dots more", format!("{}..", site.token())),
        ("a part more", format!("{}.e30", site.token())),
        (
            "a huge one",
            format!("{}{}", site.token(), "A".repeat(8_000)),
        ),
        ("a session", session),
        ("dots", "..".to_owned()),
    ];
    for (what, token) in tokens {
        let answer = read(site.order(&token)).await;
        let problem = answer.1["type"].as_str();
        assert_eq!(
            (answer.0, problem),
            (403, Some("/problems/token-invalid")),
            "{what}"
        );
    }

    let early = PurchaseToken {
        not_before: now.plus_seconds(60),
        expires_at: now.plus_seconds(180),
        ..own
    };
    let answer = site.order(&mint(&keys, &early)).send().await.unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_not_ours_is_refused() {
    let site = Site::new(&[]).await;
    let cookie = site.mallory.cookie.clone().unwrap();
    let text = cookie.split_once('=').unwrap().1.to_owned();
    let public = session_key(&site).await;
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

/// The public key that sessions are checked with: no secret, everybody may have it.
async fn session_key(site: &Site) -> Vec<u8> {
    let shop = Shop::shared();
    assert_ne!(site.edge.addresses.edge_url, shop.addresses.edge_url);
    let key = hex::decode(secret(shop, "session_key")).unwrap();
    let key = kernel::session::SigningKey::from_bytes(&key.try_into().unwrap());
    key.verifying_key().to_bytes().to_vec()
}

/// The claims of a token, to be signed by somebody else.
pub fn claims(token: &str) -> Value {
    use base64::Engine;
    let part = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}
