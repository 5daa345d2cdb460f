//! Orders that were admitted and have no row yet: their message may be lost, so it is published
//! again.
//!
//! Invariant: `nothing-leaks`. Every admitted reservation ends in a row.

use crate::ledger::Admitted;
use crate::stores::Stores;
use kernel::ids::{OrderId, SaleId};
use std::collections::HashSet;
use std::time::Duration;

/// How often they are looked at.
const EVERY: Duration = Duration::from_millis(500);
/// An admitted order without a row is looked after when it is older than this, in milliseconds.
const UNDECIDED_AFTER_MS: i64 = 3_000;
/// A sale that closed longer ago than the queue keeps messages has no undecided order, in
/// milliseconds.
const CLOSED_FOR_MS: i64 = 24 * 3_600 * 1_000;
/// Undecided orders looked after in one turn a sale.
const UNDECIDED_BATCH: u32 = 200;

/// Looks after them for ever.
pub async fn look_after_undecided(stores: Stores) {
    loop {
        republish(&stores).await;
        tokio::time::sleep(EVERY).await;
    }
}

async fn republish(stores: &Stores) {
    let sales = match stores.ledger.running_sales(CLOSED_FOR_MS).await {
        Ok(sales) => sales,
        Err(error) => return tracing::warn!(%error, "The running sales could not be read"),
    };
    for sale in sales {
        if let Err(error) = republish_sale(stores, sale).await {
            tracing::warn!(sale.id = %sale, error, "Undecided orders could not be looked after");
        }
    }
}

async fn republish_sale(
    stores: &Stores,
    sale: SaleId,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let undecided = stores
        .stock
        .undecided(sale, UNDECIDED_AFTER_MS, UNDECIDED_BATCH)
        .await?;
    let ids: Vec<OrderId> = undecided.iter().map(|(id, _)| *id).collect();
    let decided = stores.ledger.decided_among(&ids).await?;
    stores.stock.decided(sale, &decided).await?;
    let decided: HashSet<OrderId> = decided.into_iter().collect();
    let waiting = undecided
        .into_iter()
        .filter(|(id, _)| !decided.contains(id));
    for admitted in waiting.filter_map(|(_, admitted)| admitted) {
        publish_again(stores, &admitted).await?;
    }
    Ok(())
}

/// Publishes an order whose message may have been lost. If the stream has its id and the decider is
/// past that place, the message will not come again: another id carries it.
async fn publish_again(
    stores: &Stores,
    admitted: &Admitted,
) -> Result<(), crate::queue::QueueError> {
    let id = admitted.order_id;
    let receipt = stores.queue.publish(admitted, &id.to_string()).await?;
    if receipt.duplicate && stores.queue.decided_up_to().await? >= receipt.sequence {
        let again = format!("{id}.{}", crate::now().seconds());
        stores.queue.publish(admitted, &again).await?;
    }
    tracing::info!(order.id = %id, "An undecided order was published again");
    Ok(())
}
