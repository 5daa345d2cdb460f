//! Whoever has not what it takes gets no byte to the origin: counted on the wire before it.

mod forged;
mod headers;
mod raw;
mod sessions;
mod tokens;

use crate::buyer::Buyer;
use crate::edge::{Edge, origin, secret};
use crate::shop::{Shop, eventually};
use crate::wire::Wire;
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

/// The public key that sessions are checked with: no secret, everybody may have it.
fn session_key() -> Vec<u8> {
    let key = hex::decode(secret(Shop::shared(), "session_key")).unwrap();
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
