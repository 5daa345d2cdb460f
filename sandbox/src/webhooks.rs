//! Tells the shop what happened: signed webhooks, repeated until it answers 2xx.
//!
//! An event is delivered at least once, not in order: the shop must take each id once.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::Semaphore;

use crate::ids;
use crate::payments::Event;
use crate::payments::store::Store;

/// The header that carries `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<raw body>")>`.
pub const SIGNATURE: &str = "sandbox-signature";

const TIMEOUT: Duration = Duration::from_secs(5);
const BACK_OFF_FIRST: Duration = Duration::from_millis(200);
const BACK_OFF_LAST: Duration = Duration::from_secs(10);
const GIVE_UP_AFTER_MS: i64 = 24 * 60 * 60 * 1_000;
/// Requests to the shop at one time.
const CONCURRENT_MAX: usize = 32;

/// Cheap to clone; all clones share the connections and the limit.
#[derive(Clone)]
pub struct Webhooks {
    client: reqwest::Client,
    url: String,
    key: Hmac<Sha256>,
    store: Arc<Store>,
    slots: Arc<Semaphore>,
}

impl Webhooks {
    pub fn new(url: String, secret: &str, store: Arc<Store>) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let key = Hmac::new_from_slice(secret.as_bytes()).context("the webhook secret")?;
        let slots = Arc::new(Semaphore::new(CONCURRENT_MAX));
        Ok(Self {
            client,
            url,
            key,
            store,
            slots,
        })
    }

    /// Takes up what a former run left undelivered.
    pub fn resume(&self) {
        for event in self.store.undelivered() {
            self.send(event);
        }
    }

    /// Delivers one event in the background.
    pub fn send(&self, event: Event) {
        tokio::spawn(self.clone().deliver(event));
    }

    async fn deliver(self, event: Event) {
        let mut back_off = BACK_OFF_FIRST;
        loop {
            match self.attempt(&event).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::warn!(event.id, "the shop did not take an event: {error:#}");
                }
            }
            if ids::now_ms() - event.created_at_ms > GIVE_UP_AFTER_MS {
                tracing::error!(event.id, "gave up on an event");
                break;
            }
            tokio::time::sleep(back_off).await;
            back_off = (back_off * 2).min(BACK_OFF_LAST);
        }
        if let Err(error) = self.store.close_event(&event.id) {
            // It stays in the journal and is sent once more after a restart.
            tracing::error!(event.id, "cannot write the journal: {error}");
        }
    }

    async fn attempt(&self, event: &Event) -> anyhow::Result<()> {
        let _slot = self.slots.acquire().await?;
        let signature = signature(&self.key, ids::now_ms() / 1_000, &event.body);
        let response = self
            .client
            .post(&self.url)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .header(SIGNATURE, signature)
            .body(event.body.clone())
            .send()
            .await?;
        let status = response.status();
        anyhow::ensure!(status.is_success(), "it answered {status}");
        Ok(())
    }
}

fn signature(key: &Hmac<Sha256>, seconds: i64, body: &str) -> String {
    let code = key
        .clone()
        .chain_update(format!("{seconds}."))
        .chain_update(body)
        .finalize();
    format!("t={seconds},v1={}", hex::encode(code.into_bytes()))
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit};

    use super::signature;

    /// The expected code is OpenSSL's:
    /// `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret`
    #[test]
    fn a_signature_is_an_hmac_over_time_and_body() {
        let key = Hmac::new_from_slice(b"secret").unwrap();
        assert_eq!(
            signature(&key, 1_700_000_000, "{\"a\":1}"),
            "t=1700000000,v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686"
        );
    }
}
