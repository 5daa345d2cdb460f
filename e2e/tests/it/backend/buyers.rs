//! Hundreds of buyers with tokens, as a PoP would send them, and what became of them.

use super::{Backend, POP, SESSION_KEY};
use crate::shop::eventually;
use futures::{StreamExt, stream};
use hmac::{Hmac, KeyInit, Mac};
use kernel::ids::{AccountId, OrderId, SaleId};
use kernel::lease::{LeaseGrant, LeaseRequest};
use kernel::pop_signature::{
    CLIENT_HEADER, NONCE_HEADER, POP_HEADER, SIGNATURE_HEADER, Signed, TIME_HEADER, signature,
};
use kernel::session::SigningKey;
use kernel::token::{PurchaseToken, mint};
use origin::accounts::Accounts;
use origin::settings::{AccountSettings, Secret};
use origin::stores::Stores;
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Buyers who place at the same time.
const AT_ONCE: usize = 24;
/// How long a buyer tries before a test gives up on the system.
const PATIENCE: Duration = Duration::from_mins(2);

/// A shopper who is signed in and has a token.
struct Buyer {
    cookie: String,
    token: String,
}

/// What became of buyers.
#[derive(Default)]
pub struct Outcome {
    /// Orders that were answered with `202`.
    pub accepted: Mutex<Vec<OrderId>>,
    /// Buyers who were told that nothing is left.
    pub sold_out: AtomicUsize,
    /// Answers of 503, and connections that broke.
    pub unavailable: AtomicUsize,
}

impl Outcome {
    pub fn accepted(&self) -> usize {
        self.accepted.lock().unwrap().len()
    }
}

impl Backend {
    fn url(&self, number: usize) -> String {
        let origins = self.origins.lock().unwrap();
        let urls: Vec<&String> = origins
            .iter()
            .filter_map(|origin| origin.url.as_ref())
            .collect();
        urls[number % urls.len()].clone()
    }

    async fn send(
        &self,
        number: usize,
        method: &str,
        path: &str,
        buyer: Option<&Buyer>,
        body: &Value,
    ) -> Option<(u16, Value)> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let authorization = buyer.map_or(String::new(), |buyer| format!("Bearer {}", buyer.token));
        let signed = Signed {
            time: origin::now(),
            nonce: "n",
            method,
            path_and_query: path,
            authorization: &authorization,
            client: "127.0.0.1",
            body: body.as_bytes(),
        };
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.url(number)))
            .header(POP_HEADER, POP)
            .header(TIME_HEADER, signed.time.0)
            .header(NONCE_HEADER, "n")
            .header(CLIENT_HEADER, "127.0.0.1")
            .header(SIGNATURE_HEADER, signature(&self.keys, &signed))
            .header("content-type", "application/json")
            .body(body.clone());
        if let Some(buyer) = buyer {
            request = request
                .header("authorization", &authorization)
                .header("cookie", &buyer.cookie);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.unwrap_or(Value::Null)))
    }

    async fn buyers(&self, sale: SaleId, count: u32) -> Vec<Buyer> {
        let settings = AccountSettings {
            session_key: SigningKey::from_bytes(&SESSION_KEY),
            smtp_url: Secret("smtp://127.0.0.1:9".into()),
            mail_from: "Shop <shop@example.test>".into(),
            texts: None,
        };
        let Stores {
            ledger, stock, ids, ..
        } = &self.stores;
        let accounts = Accounts::new(&settings, ledger.clone(), stock, ids.clone()).unwrap();
        let want = LeaseRequest {
            sale_id: sale,
            generation: "g".into(),
            want: count,
            waiting: Vec::new(),
            returned: None,
        };
        let want = serde_json::to_value(&want).unwrap();
        let lease = self.send(0, "POST", "/internal/leases", None, &want).await;
        let (status, grant) = lease.expect("the origin answers");
        assert_eq!(status, 200, "{grant}");
        let grant: LeaseGrant = serde_json::from_value(grant).unwrap();
        assert_eq!(grant.count, count, "the quota is wide enough");
        let mut buyers = Vec::new();
        for number in 0..count {
            let account = AccountId(ids.next().await.unwrap());
            let session = accounts.sessions().open(account).await.unwrap();
            let cookie = session.cookie.split(';').next().unwrap().to_owned();
            let token = PurchaseToken {
                account,
                sale,
                slot: OrderId(grant.first_slot.0 + u64::from(number)),
                lease: grant.lease_id,
                not_before: origin::now(),
                expires_at: origin::now().plus_seconds(120),
            };
            let token = mint(&self.keys, 1, &token);
            buyers.push(Buyer { cookie, token });
        }
        buyers
    }

    /// Lets so many buyers place one order each; whoever is told 503 tries again with the same
    /// token. `meanwhile` is run once, when `after` orders are accepted.
    pub async fn rush(
        &self,
        sale: SaleId,
        buyers: u32,
        after: usize,
        meanwhile: impl AsyncFnOnce(),
    ) -> Outcome {
        let buyers = self.buyers(sale, buyers).await;
        let outcome = Outcome::default();
        let body = json!({ "sale_id": sale, "quantity": 1 });
        let placing = stream::iter(buyers.iter().enumerate()).for_each_concurrent(
            AT_ONCE,
            async |(number, buyer)| {
                self.buy(number, buyer, &body, &outcome).await;
            },
        );
        let breaking = async {
            eventually("the first orders", async || outcome.accepted() >= after).await;
            meanwhile().await;
        };
        tokio::join!(placing, breaking);
        outcome
    }

    async fn buy(&self, number: usize, buyer: &Buyer, body: &Value, outcome: &Outcome) {
        let started = Instant::now();
        loop {
            let answer = self
                .send(number, "POST", "/api/orders", Some(buyer), body)
                .await;
            match answer {
                Some((202, order)) => {
                    let id = order["order_id"].as_str().unwrap().parse().unwrap();
                    return outcome.accepted.lock().unwrap().push(id);
                }
                Some((409, problem)) => {
                    assert_eq!(problem["type"], "/problems/sold-out", "{problem}");
                    outcome.sold_out.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Some((503, _)) | None => {
                    outcome.unavailable.fetch_add(1, Ordering::Relaxed);
                }
                Some(other) => panic!("{other:?}"),
            }
            assert!(started.elapsed() < PATIENCE, "buying did not go on");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the provider tells of a payment, until an origin has taken it.
    pub async fn webhook(&self, event: &Value) {
        let body = event.to_string();
        let time = origin::now().seconds();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
        mac.update(format!("{time}.{body}").as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        eventually("a webhook that is taken", async || {
            let url = self
                .origins
                .lock()
                .unwrap()
                .last()
                .unwrap()
                .webhooks
                .clone();
            let request = self.client.post(url).body(body.clone());
            let header = format!("t={time},v1={signature}");
            let answer = request.header("sandbox-signature", header).send().await;
            answer.is_ok_and(|answer| answer.status() == 204)
        })
        .await;
    }

    /// Waits until every order that was answered with `202` has its row, and how many are live.
    pub async fn decided(&self, outcome: &Outcome) -> usize {
        let accepted = outcome.accepted.lock().unwrap().clone();
        let mut states = Vec::new();
        let started = Instant::now();
        for id in accepted {
            loop {
                let row = self.stores.ledger.order_of_anyone(id).await;
                if let Ok(Some(row)) = row {
                    states.push(row.state);
                    break;
                }
                assert!(
                    started.elapsed() < Duration::from_secs(100),
                    "{id} has no row"
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        println!(
            "{} accepted orders had rows after {:?}",
            states.len(),
            started.elapsed()
        );
        states.iter().filter(|state| state.is_live()).count()
    }
}
