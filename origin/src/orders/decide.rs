//! The decider: takes batches from the queue and has the ledger decide them.
//!
//! Invariant: a message is acknowledged after its row is committed, never before; only then is the
//! order taken off the list of undecided ones. MySQL away, nothing is fetched and nothing counts.

use super::poison;
use crate::fail_points::pass;
use crate::ledger::{Admitted, Decided, LedgerError, Refused};
use crate::ops::metrics::METRICS;
use crate::queue::{Delivery, keeping};
use crate::stores::Stores;
use futures::{StreamExt, stream};
use kernel::ids::{OrderId, SaleId};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

/// How long to wait before the queue is asked again after it went away.
const RECONNECT_AFTER: Duration = Duration::from_millis(500);
/// How long to wait before MySQL is asked again after it went away.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How long an order is put off that cannot be decided now.
const PUT_OFF: Duration = Duration::from_secs(1);
/// Sales whose orders are decided at the same time: they share no row.
const SALES_AT_ONCE: usize = 8;
/// An order delivered as often as this runs alone, and is poison if it fails.
const SUSPECT_AFTER: u64 = 5;

/// An order and the message that brought it.
pub(super) struct Order<'a> {
    pub(super) admitted: Admitted,
    pub(super) delivery: &'a Delivery,
}

/// Decides orders for ever.
pub async fn decide(stores: Stores) {
    loop {
        let consumed = stores
            .queue
            .consume(|batch| Box::pin(decide_batch(&stores, batch)))
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
    // Boxed, as it is large: it holds all that deciding needs.
    let work = Box::pin(async {
        let mut by_sale = BTreeMap::<SaleId, Vec<Order<'_>>>::new();
        let (mut suspects, mut unreadable) = (Vec::new(), Vec::new());
        for delivery in &batch {
            match delivery.read() {
                Ok(admitted) if delivery.count() >= SUSPECT_AFTER => {
                    suspects.push(Order { admitted, delivery });
                }
                Ok(admitted) => {
                    let orders = by_sale.entry(admitted.sale_id).or_default();
                    orders.push(Order { admitted, delivery });
                }
                Err(error) => unreadable.push((delivery, error)),
            }
        }
        stream::iter(by_sale)
            .for_each_concurrent(SALES_AT_ONCE, async |(sale, orders)| {
                decide_orders(stores, sale, &orders).await;
            })
            .await;
        for (delivery, error) in unreadable {
            poison::bury_unreadable(stores, delivery, &error).await;
        }
        // One of these may be what ends the process. In an order of chance, each of the others runs
        // before it sooner or later.
        suspects.sort_by_cached_key(|_| crate::random_bytes::<8>());
        for order in suspects {
            decide_alone(stores, &order).await;
        }
    });
    keeping(&batch, work).await;
}

async fn decide_orders(stores: &Stores, sale: SaleId, orders: &[Order<'_>]) {
    let Err(error) = attempt(stores, sale, orders).await else {
        return;
    };
    tracing::warn!(
        sale.id = %sale,
        orders = orders.len(),
        error = &error as &dyn std::error::Error,
        "A batch could not be decided; its orders run alone"
    );
    for order in orders {
        decide_alone(stores, order).await;
    }
}

async fn decide_alone(stores: &Stores, order: &Order<'_>) {
    let sale = order.admitted.sale_id;
    let Err(error) = attempt(stores, sale, std::slice::from_ref(order)).await else {
        return;
    };
    if order.delivery.count() >= SUSPECT_AFTER {
        return poison::bury(stores, order, &error).await;
    }
    tracing::warn!(
        order.id = %order.admitted.order_id,
        deliveries = order.delivery.count(),
        error = &error as &dyn std::error::Error,
        "An order could not be decided; it comes again"
    );
    put_off(order.delivery).await;
}

/// Decides orders of one sale. An error is MySQL's answer; nothing is settled then.
async fn attempt(stores: &Stores, sale: SaleId, orders: &[Order<'_>]) -> Result<(), LedgerError> {
    let admitted: Vec<Admitted> = orders.iter().map(|order| order.admitted.clone()).collect();
    let decided = answered(|| stores.ledger.decide(sale, &admitted)).await?;
    pass("decide.committed").await;
    finish(stores, sale, &decided, orders).await;
    Ok(())
}

/// Asks the ledger until it answers.
pub(super) async fn answered<T, F: Future<Output = Result<T, LedgerError>>>(
    mut ask: impl FnMut() -> F,
) -> Result<T, LedgerError> {
    loop {
        match ask().await {
            Err(error) if error.is_away() => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "MySQL is away; orders wait"
            ),
            answer => return answer,
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

pub(super) async fn put_off(delivery: &Delivery) {
    if let Err(error) = delivery.put_off(PUT_OFF).await {
        // It comes again all the same, only later.
        tracing::warn!(%error, "A message could not be put off");
    }
}

async fn finish(stores: &Stores, sale: SaleId, decided: &Decided, orders: &[Order<'_>]) {
    METRICS.orders_decided("accepted", decided.accepted.len());
    METRICS.orders_decided("refused", decided.refused.len());
    METRICS.orders_decided("repeated", decided.repeated.len());
    let behind = |(id, refused): &(OrderId, Refused)| {
        matches!(refused, Refused::LedgerBehind).then_some(*id)
    };
    let behind: HashSet<OrderId> = decided.refused.iter().filter_map(behind).collect();
    if !behind.is_empty() {
        tracing::error!(
            sale.id = %sale,
            orders = behind.len(),
            "Redis is of a later epoch than MySQL: MySQL went back in time; orders wait for a rebuild"
        );
    }
    // Before the acknowledgement: if we end in between, the message comes again and meets its row,
    // and the deadline, which has the order's id, is there once.
    if let Err(error) = stores.queue.put_on_lanes(&decided.deadlines).await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(sale.id = %sale, error, "Deadlines are not on their lane; the sweeper keeps them");
    }
    let mut done = Vec::with_capacity(orders.len());
    for Order { admitted, delivery } in orders {
        let id = admitted.order_id;
        if behind.contains(&id) {
            put_off(delivery).await;
            continue;
        }
        if let Err(error) = delivery.acknowledge().await {
            // It comes again and meets its row.
            tracing::warn!(order.id = %id, %error, "A decided order was not acknowledged");
        }
        done.push(id);
    }
    pass("decide.acknowledged").await;
    if let Err(error) = stores.stock.decided(sale, &done).await {
        // The timers find the rows and clear the list.
        tracing::warn!(sale.id = %sale, %error, "Decided orders stay on the undecided list");
    }
}
