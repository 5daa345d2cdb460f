//! The decider: takes batches from the queue and has the ledger decide them.
//!
//! Invariant: a message is acknowledged after its row is committed, never before; only then is the
//! order taken off the list of undecided ones.

use crate::ledger::{Admitted, Decided, LedgerError, Refused};
use crate::ops::metrics::METRICS;
use crate::queue::Delivery;
use crate::stores::Stores;
use kernel::ids::{OrderId, SaleId};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// How long to wait before the queue is asked again after it went away.
const RECONNECT_AFTER: Duration = Duration::from_millis(500);
/// How long to wait before a batch is tried again. Nothing is fetched meanwhile.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// How often a batch is tried before its messages are left to come again later.
const TRIES_MAX: u32 = 50;

/// Decides orders for ever.
pub async fn decide(stores: Stores) {
    loop {
        let consumed = stores
            .queue
            .consume(|batch| decide_batch(&stores, batch))
            .await;
        if let Err(error) = consumed {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "The queue is away"
            );
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

async fn decide_batch(stores: &Stores, batch: Vec<Delivery>) {
    let mut by_sale = BTreeMap::<SaleId, Vec<Delivery>>::new();
    for delivery in batch {
        by_sale
            .entry(delivery.admitted.sale_id)
            .or_default()
            .push(delivery);
    }
    for (sale, deliveries) in by_sale {
        let orders: Vec<Admitted> = deliveries
            .iter()
            .map(|delivery| delivery.admitted.clone())
            .collect();
        let Some(decided) = decide_until_done(stores, sale, &orders, &deliveries).await else {
            continue;
        };
        finish(stores, sale, &decided, &deliveries).await;
    }
}

async fn decide_until_done(
    stores: &Stores,
    sale: SaleId,
    orders: &[Admitted],
    deliveries: &[Delivery],
) -> Option<Decided> {
    for attempt in 1..=TRIES_MAX {
        match stores.ledger.decide(sale, orders).await {
            Ok(decided) => return Some(decided),
            Err(error) => warn(sale, &error),
        }
        tokio::time::sleep(RETRY_AFTER).await;
        if attempt % 20 == 0 {
            for delivery in deliveries {
                drop(delivery.keep().await);
            }
        }
    }
    None
}

fn warn(sale: SaleId, error: &LedgerError) {
    let error = error as &dyn std::error::Error;
    tracing::warn!(sale.id = %sale, error, "Orders could not be decided; trying again");
}

async fn finish(stores: &Stores, sale: SaleId, decided: &Decided, deliveries: &[Delivery]) {
    METRICS.orders_decided("accepted", decided.accepted.len());
    METRICS.orders_decided("refused", decided.refused.len());
    METRICS.orders_decided("repeated", decided.repeated.len());
    let behind = |(id, refused): &(OrderId, Refused)| {
        matches!(refused, Refused::LedgerBehind).then_some(*id)
    };
    let undecidable: HashSet<OrderId> = decided.refused.iter().filter_map(behind).collect();
    if !undecidable.is_empty() {
        tracing::error!(
            sale.id = %sale,
            orders = undecidable.len(),
            "Redis is of a later epoch than MySQL: MySQL went back in time"
        );
    }
    let mut done = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        let id = delivery.admitted.order_id;
        if undecidable.contains(&id) {
            continue;
        }
        if let Err(error) = delivery.acknowledge().await {
            // It comes again and meets its row.
            tracing::warn!(order.id = %id, %error, "A decided order was not acknowledged");
        }
        done.push(id);
    }
    if let Err(error) = stores.stock.decided(sale, &done).await {
        // The timers find the rows and clear the list.
        tracing::warn!(sale.id = %sale, %error, "Decided orders stay on the undecided list");
    }
}
