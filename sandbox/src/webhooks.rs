//! Tells the shop what happened: signed webhooks, repeated until it answers 2xx.
//!
//! An event is delivered at least once, not in order: the shop must take each id once.

mod parcel;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::Semaphore;

use crate::faults::Switches;
use crate::ids;
use crate::payments::Event;
use crate::payments::store::Store;
use parcel::Parcel;

/// The header that carries `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<raw body>")>`.
pub const SIGNATURE: &str = "sandbox-signature";

const TIMEOUT: Duration = Duration::from_secs(5);
const GIVE_UP_AFTER_MS: i64 = 24 * 60 * 60 * 1_000;
/// How long events are held before they go out in another order.
const HELD_FOR: Duration = Duration::from_secs(1);
/// Requests to the shop at one time.
const CONCURRENT_MAX: usize = 32;

/// Cheap to clone; all clones share the connections and the limit.
#[derive(Clone)]
pub struct Webhooks {
    client: reqwest::Client,
    url: String,
    key: Hmac<Sha256>,
    store: Arc<Store>,
    faults: Arc<Switches>,
    slots: Arc<Semaphore>,
    /// Waits to be sent in another order.
    held: Arc<Mutex<Vec<Parcel>>>,
}

impl Webhooks {
    pub fn new(
        url: String,
        secret: &str,
        store: Arc<Store>,
        faults: Arc<Switches>,
    ) -> anyhow::Result<Self> {
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
            faults,
            slots,
            held: Arc::default(),
        })
    }

    /// Takes up what a former run left undelivered.
    pub fn resume(&self) {
        for event in self.store.undelivered() {
            self.send(event);
        }
    }

    /// Delivers one event in the background, as often as the faults in force say.
    pub fn send(&self, event: Event) {
        let faults = self.faults.faults().webhooks;
        let parcels = Parcel::copies(event, faults.copies);
        if faults.reorder {
            self.hold(parcels);
        } else {
            for parcel in parcels {
                tokio::spawn(self.clone().deliver(parcel));
            }
        }
    }

    /// Keeps parcels back; whatever is held a moment later goes out together.
    fn hold(&self, parcels: Vec<Parcel>) {
        let begins = {
            let mut held = self.held();
            let empty = held.is_empty();
            held.extend(parcels);
            empty
        };
        if begins {
            tokio::spawn(self.clone().release());
        }
    }

    async fn release(self) {
        tokio::time::sleep(HELD_FOR).await;
        let mut parcels = std::mem::take(&mut *self.held());
        self.faults.shuffle(&mut parcels);
        // One after another, so that they also arrive in this order.
        for mut parcel in parcels {
            if self.try_once(&mut parcel).await {
                self.finish(&parcel);
            } else {
                tokio::spawn(self.clone().deliver(parcel));
            }
        }
    }

    async fn deliver(self, mut parcel: Parcel) {
        loop {
            tokio::time::sleep(parcel.back_off() + self.faults.webhook_delay()).await;
            if self.try_once(&mut parcel).await {
                return self.finish(&parcel);
            }
        }
    }

    /// Whether the shop has taken it, or it is too old to go on.
    async fn try_once(&self, parcel: &mut Parcel) -> bool {
        parcel.attempts += 1;
        let event = &parcel.event;
        if parcel.attempts <= self.faults.faults().webhooks.drop_first_attempts {
            tracing::info!(event.id, "an attempt gets lost, as the faults ask");
            return false;
        }
        let Err(error) = self.attempt(event).await else {
            return true;
        };
        tracing::warn!(event.id, "the shop did not take an event: {error:#}");
        let too_old = ids::now_ms() - event.created_at_ms > GIVE_UP_AFTER_MS;
        if too_old {
            tracing::error!(event.id, "gave up on an event");
        }
        too_old
    }

    /// The last copy of an event closes it.
    fn finish(&self, parcel: &Parcel) {
        if !parcel.is_last() {
            return;
        }
        if let Err(error) = self.store.close_event(&parcel.event.id) {
            // It stays in the journal and is sent once more after a restart.
            tracing::error!(parcel.event.id, "cannot write the journal: {error}");
        }
    }

    fn held(&self) -> MutexGuard<'_, Vec<Parcel>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
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
