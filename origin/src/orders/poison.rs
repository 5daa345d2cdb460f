//! Poison: messages that fail alone while MySQL answers, and those nobody can read.
//!
//! Invariant: none of them stops the queue. The order is refused first, so that its buyer has an
//! answer and its units come back; then its message is among the dead letters; then it is
//! acknowledged.

use super::decide::{Order, answered, put_off};
use crate::ledger::LedgerError;
use crate::ops::metrics::METRICS;
use crate::queue::Delivery;
use crate::stores::Stores;
use std::fmt::Write;
use std::time::Duration;

/// How often a dead letter is tried to be written before its message is put off.
const TRIES_MAX: u32 = 5;
/// How long to wait in between.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Ends an order that could not be decided because of `error`.
pub(super) async fn bury(stores: &Stores, order: &Order<'_>, error: &LedgerError) {
    let admitted = &order.admitted;
    let (sale, id) = (admitted.sale_id, admitted.order_id);
    let mut reason = chain(error);
    match answered(|| stores.ledger.tombstone(admitted)).await {
        Ok(true) => {
            if let Err(error) = stores.stock.decided(sale, &[id]).await {
                tracing::warn!(order.id = %id, %error, "A refused order stays on the undecided list");
            }
        }
        Ok(false) => reason.push_str("; it has a row already"),
        Err(error) => {
            let _infallible = write!(reason, "; it could not be refused: {}", chain(&error));
        }
    }
    tracing::error!(sale.id = %sale, order.id = %id, reason, "An order cannot be decided");
    put_away(stores, order.delivery, &id.to_string(), &reason, "poison").await;
}

/// Nothing of ours writes a message that cannot be read; it can never be decided.
pub(super) async fn bury_unreadable(
    stores: &Stores,
    delivery: &Delivery,
    error: &serde_json::Error,
) {
    let (sequence, reason) = (delivery.sequence(), format!("it cannot be read: {error}"));
    tracing::error!(sequence, reason, "A message in the queue cannot be read");
    let id = format!("unreadable.{sequence}");
    put_away(stores, delivery, &id, &reason, "unreadable").await;
}

async fn put_away(stores: &Stores, delivery: &Delivery, id: &str, reason: &str, cause: &str) {
    for _ in 0..TRIES_MAX {
        match stores.queue.bury(delivery, id, reason, crate::now()).await {
            Ok(()) => {
                METRICS.dead_letters.with_label_values(&[cause]).inc();
                if let Err(error) = delivery.acknowledge().await {
                    // It comes again; the stream keeps one letter an id.
                    tracing::warn!(%error, "A dead letter's message was not acknowledged");
                }
                return;
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "A dead letter could not be written"
            ),
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
    put_off(delivery).await;
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let _infallible = write!(text, ": {error}");
        source = error.source();
    }
    text
}
