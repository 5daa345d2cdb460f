//! Deciding: how many waiting orders a second the origin's decider writes into MySQL.
//!
//! Invariant: the decider is the origin's own loop with its own connections, and the clock runs
//! until the last order's row is committed.

use crate::measurement::{Measurement, per_second};
use crate::processes::{Clock, Watched};
use crate::single::ensure_flushed;
use crate::world::World;
use anyhow::{Context, ensure};
use std::time::{Duration, Instant};

/// Orders that were not decided by then never will be.
const DEADLINE: Duration = Duration::from_mins(2);
/// Short against the time of a measurement, long against that of a query.
const POLL: Duration = Duration::from_millis(10);

/// Decides the `count` orders that wait in the queue.
pub async fn measure(
    world: &World,
    count: u32,
    processes: &[Watched],
) -> anyhow::Result<Vec<Measurement>> {
    ensure_flushed(world).await?;
    let before = reserved(world).await?;
    let clock = Clock::start(processes, "decider")?;
    let began = Instant::now();
    let decider = tokio::spawn(origin::orders::decide(world.stores.clone()));
    while reserved(world).await? < before + count {
        ensure!(began.elapsed() < DEADLINE, "the orders are not decided");
        tokio::time::sleep(POLL).await;
    }
    let time = began.elapsed();
    let mut measured = vec![Measurement::new(
        "rate",
        per_second(count, time),
        "orders/s",
    )];
    measured.extend(clock.stop(count, "µs/order")?);
    wait_for_receipts(world).await?;
    decider.abort();
    let after = reserved(world).await?;
    ensure!(after == before + count, "more was decided than waited");
    Ok(measured)
}

/// Units in orders, over all sales. One cheap query, so that looking does not slow what is seen.
async fn reserved(world: &World) -> anyhow::Result<u32> {
    let sales = world.stores.ledger.sales().await?;
    Ok(sales.iter().map(|sale| sale.reserved).sum())
}

/// The last batch is acknowledged after its rows are committed; cut off in between, it would come
/// again in the next measurement.
async fn wait_for_receipts(world: &World) -> anyhow::Result<()> {
    let began = Instant::now();
    while world
        .stores
        .queue
        .oldest_waiting()
        .await
        .context("cannot look at the queue")?
        .is_some()
    {
        ensure!(
            began.elapsed() < DEADLINE,
            "decided orders stay in the queue"
        );
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}
