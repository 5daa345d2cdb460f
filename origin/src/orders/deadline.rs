//! The end of the time to pay: the unpaid expire.
//!
//! Invariant: `nothing-leaks` and `one-clock`. Every pending row ends paid, cancelled or expired,
//! and MySQL decides which. The sweeper is the authority; the lanes close most orders at their very
//! deadline and leave it little to find. Each alone closes every order.

use crate::queue::{LaneMessage, QueueError};
use crate::stores::Stores;
use kernel::ids::OrderId;
use std::collections::HashSet;
use std::time::Duration;

/// How often the sweeper looks.
const SWEEP_EVERY: Duration = Duration::from_millis(500);
/// Orders expired in one transaction.
const BATCH: u32 = 100;
/// How long the reader waits for a head at most before it looks at all lanes again. A message put
/// on an empty lane is due much later, as nobody gets less than a minute to pay.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at a lane whose next message is due soon, so that they are closed together.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// When to try again what MySQL's clock says is not due yet, or what MySQL did not answer.
const COME_AGAIN: Duration = Duration::from_millis(250);

/// Expires what is overdue, for ever, whatever the lanes do.
pub async fn sweep(stores: Stores) {
    loop {
        expire(&stores).await;
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

async fn expire(stores: &Stores) {
    loop {
        match stores.ledger.expire(BATCH).await {
            Ok(expired) if expired == BATCH as usize => {}
            Ok(0) => return,
            Ok(expired) => return tracing::info!(orders = expired, "Orders expired unpaid"),
            Err(error) => return tracing::warn!(%error, "Orders could not be expired"),
        }
    }
}

/// Waits at the heads of all lanes and expires orders at their deadlines, for ever. Any number of
/// readers share the lanes.
pub async fn watch_lanes(stores: Stores) {
    loop {
        let wait = read_lanes(&stores).await.unwrap_or_else(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "The lanes could not be read; the sweeper does it");
            LOOK_EVERY
        });
        tokio::time::sleep(wait).await;
    }
}

/// Expires what is due and says how long to wait for the next.
async fn read_lanes(stores: &Stores) -> Result<Duration, QueueError> {
    let mut wait = LOOK_EVERY;
    for lane in stores.queue.lanes().await? {
        wait = wait.min(read_lane(stores, lane).await?);
    }
    Ok(wait)
}

async fn read_lane(stores: &Stores, lane: u32) -> Result<Duration, QueueError> {
    let Some(head) = stores.queue.lane_head(lane).await? else {
        return Ok(LOOK_EVERY);
    };
    let early_ms = head.since(crate::now());
    if early_ms > 0 {
        let early = Duration::from_millis(early_ms.unsigned_abs());
        return Ok(early.clamp(LOOK_AGAIN, LOOK_EVERY));
    }
    let taken = stores.queue.take_from_lane(lane, BATCH as usize).await?;
    let full = taken.len() == BATCH as usize;
    let all_due = close(stores, taken).await?;
    Ok(if full && all_due {
        Duration::ZERO
    } else {
        LOOK_AGAIN
    })
}

/// Expires the orders of these messages; false if some are not due yet.
async fn close(stores: &Stores, messages: Vec<LaneMessage>) -> Result<bool, QueueError> {
    let now = crate::now();
    let (due, early): (Vec<_>, Vec<_>) = messages
        .into_iter()
        .partition(|message| message.expires_at <= now);
    for message in &early {
        let early_ms = message.expires_at.since(now).unsigned_abs();
        message.put_off(Duration::from_millis(early_ms)).await?;
    }
    let orders: Vec<OrderId> = due.iter().map(|message| message.order).collect();
    let pending: HashSet<OrderId> = match stores.ledger.expire_orders(&orders).await {
        Ok(done) => {
            if done.expired > 0 {
                tracing::info!(
                    orders = done.expired,
                    "Orders expired unpaid, by their lane"
                );
            }
            done.pending.into_iter().collect()
        }
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "Orders of a lane could not be expired; they come again"
            );
            orders.into_iter().collect()
        }
    };
    for message in &due {
        if pending.contains(&message.order) {
            message.put_off(COME_AGAIN).await?;
        } else {
            message.acknowledge().await?;
        }
    }
    Ok(early.is_empty() && pending.is_empty())
}
