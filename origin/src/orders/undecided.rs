//! Admitted orders without a row: published again, and ended when that does not help.
//!
//! Invariant: `nothing-leaks`. Every admitted reservation ends in a row. One is given up only while
//! MySQL and NATS answer and the queue is short, so that its message is not merely waiting.

use crate::ledger::Admitted;
use crate::queue::{Queue, QueueError};
use crate::stock::Undecided;
use crate::stores::Stores;
use kernel::ids::{LeaseId, OrderId, SaleId};
use std::collections::HashSet;
use std::time::Duration;

/// How often they are looked after.
const EVERY: Duration = Duration::from_millis(500);
/// An admitted order without a row is published again when it is older than this, in milliseconds.
const REPUBLISH_AFTER_MS: i64 = 3_000;
/// And under another id when it is older than this while the queue is short.
const ANOTHER_ID_AFTER_MS: i64 = 10_000;
/// So often at most.
const ANOTHER_ID_EVERY_SECONDS: i64 = 5;
/// And ended when it is older than this.
pub(super) const GIVE_UP_AFTER_MS: i64 = 60_000;
/// The queue is short when its oldest message waits no longer than this.
const SHORT_QUEUE: Duration = Duration::from_secs(3);
/// A sale that closed longer ago than the queue keeps messages has no undecided order, in
/// milliseconds.
const CLOSED_FOR_MS: i64 = 24 * 3_600 * 1_000;
/// Undecided orders looked after in one turn a sale.
const BATCH: u32 = 200;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Looks after undecided orders for ever.
pub async fn look_after_undecided(stores: Stores) {
    loop {
        match stores.ledger.running_sales(CLOSED_FOR_MS).await {
            Ok(sales) => look_after_sales(&stores, sales).await,
            Err(error) => tracing::warn!(%error, "The running sales could not be read"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn look_after_sales(stores: &Stores, sales: Vec<SaleId>) {
    for sale in sales {
        if let Err(error) = look_after_sale(stores, sale, GIVE_UP_AFTER_MS).await {
            tracing::warn!(sale.id = %sale, error, "Undecided orders could not be looked after");
        }
    }
}

/// One turn for one sale: what is older than `give_up_after_ms` is ended.
pub async fn look_after_sale(
    stores: &Stores,
    sale: SaleId,
    give_up_after_ms: i64,
) -> Result<(), Failure> {
    let after = REPUBLISH_AFTER_MS.min(give_up_after_ms);
    let undecided = stores.stock.undecided(sale, after, BATCH).await?;
    if undecided.is_empty() {
        return Ok(());
    }
    let ids: Vec<OrderId> = undecided.iter().map(|entry| entry.order).collect();
    let decided = stores.ledger.decided_among(&ids).await?;
    stores.stock.decided(sale, &decided).await?;
    let decided: HashSet<OrderId> = decided.into_iter().collect();
    let queue = QueueView::look(&stores.queue).await;
    let mut failed = None;
    for entry in undecided {
        if decided.contains(&entry.order) {
            continue;
        }
        // One that fails holds up no other.
        if let Err(error) = look_after(stores, sale, &queue, &entry, give_up_after_ms).await {
            failed = Some(error);
        }
    }
    failed.map_or(Ok(()), Err)
}

/// What is known of the queue, for one turn.
struct QueueView {
    is_short: bool,
    /// Up to which place all messages are acknowledged.
    decided_up_to: u64,
}

impl QueueView {
    /// A queue that cannot be read is taken for one where everything still waits.
    async fn look(queue: &Queue) -> Self {
        let seen = async {
            Ok::<_, QueueError>(Self {
                is_short: queue_is_short(queue).await?,
                decided_up_to: queue.decided_up_to().await?,
            })
        };
        seen.await.unwrap_or_else(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "The queue could not be looked at"
            );
            Self {
                is_short: false,
                decided_up_to: 0,
            }
        })
    }
}

async fn look_after(
    stores: &Stores,
    sale: SaleId,
    queue: &QueueView,
    entry: &Undecided,
    give_up_after_ms: i64,
) -> Result<(), Failure> {
    if entry.age_ms > give_up_after_ms && queue.is_short {
        give_up(stores, sale, entry).await?;
    } else if let Some(admitted) = &entry.admitted {
        publish_again(stores, queue, admitted, entry.age_ms).await?;
    }
    Ok(())
}

/// Whether a message cannot be merely waiting for its turn.
pub(super) async fn queue_is_short(queue: &Queue) -> Result<bool, QueueError> {
    let waits = queue.oldest_waiting().await?;
    Ok(waits.is_none_or(|waits| waits < SHORT_QUEUE))
}

async fn give_up(stores: &Stores, sale: SaleId, entry: &Undecided) -> Result<(), Failure> {
    let id = entry.order;
    let admitted = match &entry.admitted {
        Some(admitted) => Some(admitted.clone()),
        None => lost(stores, sale, id).await?,
    };
    if let Some(admitted) = &admitted
        && stores.ledger.tombstone(admitted).await?
    {
        tracing::error!(order.id = %id, "An order was admitted, never decided, and is refused now");
    }
    Ok(stores.stock.decided(sale, &[id]).await?)
}

/// What can be said of an order whose reservation is gone: who has spent its slot. How many units
/// were asked for is not known any more, and matters to nobody.
async fn lost(stores: &Stores, sale: SaleId, order: OrderId) -> Result<Option<Admitted>, Failure> {
    let account = stores.stock.spender(sale, order).await?;
    let slot = stores.ledger.slot(order).await?;
    Ok(account.map(|account_id| Admitted {
        order_id: order,
        sale_id: sale,
        account_id,
        lease_id: slot.map_or(LeaseId(0), |slot| slot.lease),
        quantity: 1,
        epoch: 0,
        admitted_at_ms: order.minted_at(),
    }))
}

/// Publishes an order whose message may have been lost. The stream knows its id, and may have lost
/// the message all the same; where the decider is past its place, or it waits unreasonably long,
/// another id carries it. Deciding it twice does nothing.
async fn publish_again(
    stores: &Stores,
    queue: &QueueView,
    admitted: &Admitted,
    age_ms: i64,
) -> Result<(), QueueError> {
    let id = admitted.order_id;
    let receipt = stores.queue.publish(admitted, &id.to_string()).await?;
    let passed = queue.decided_up_to >= receipt.sequence;
    let overdue = age_ms > ANOTHER_ID_AFTER_MS && queue.is_short;
    if receipt.duplicate && (passed || overdue) {
        let again = format!("{id}.{}", crate::now().seconds() / ANOTHER_ID_EVERY_SECONDS);
        stores.queue.publish(admitted, &again).await?;
    }
    tracing::info!(order.id = %id, "An undecided order was published again");
    Ok(())
}
