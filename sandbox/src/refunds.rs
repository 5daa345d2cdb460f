//! Sees refunds to their end: the shop is told when one is done or has failed.
//!
//! A refund that was pending when the sandbox stopped ends after its restart.

use std::sync::Arc;
use std::time::Duration;

use crate::ids;
use crate::payments::Refund;
use crate::payments::refund::Refunded;
use crate::payments::store::Store;
use crate::webhooks::Webhooks;

/// How long a refund waits for a journal that cannot be written.
const RETRY: Duration = Duration::from_secs(1);

/// Takes up what a former run left pending.
pub fn resume(store: &Arc<Store>, webhooks: &Webhooks) {
    for (payment_id, refund) in store.pending_refunds() {
        tokio::spawn(end(Arc::clone(store), webhooks.clone(), payment_id, refund));
    }
}

/// Tells the shop about a refund that has just begun, now or when it ends.
pub fn follow(store: &Arc<Store>, webhooks: &Webhooks, refunded: Refunded) {
    if let Some(event) = refunded.event {
        webhooks.send(event);
    } else {
        let payment_id = refunded.payment.id;
        tokio::spawn(end(
            Arc::clone(store),
            webhooks.clone(),
            payment_id,
            refunded.refund,
        ));
    }
}

async fn end(store: Arc<Store>, webhooks: Webhooks, payment_id: String, refund: Refund) {
    let left_ms = refund.then.at_ms.saturating_sub(ids::now_ms());
    let left_ms = u64::try_from(left_ms).unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(left_ms)).await;
    loop {
        match store.end_refund(&payment_id, &refund.id, ids::now_ms()) {
            Ok(Some(event)) => return webhooks.send(event),
            Ok(None) => return,
            Err(error) => tracing::error!(refund.id, "cannot write the journal: {error}"),
        }
        tokio::time::sleep(RETRY).await;
    }
}
