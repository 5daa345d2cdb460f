//! Placing: how many orders a second the origin takes through its edge listener.
//!
//! Invariant: every unit of the sale is asked for once, and at the end Redis has none left.

use crate::load::{self, Plan};
use crate::measurement::{Measurement, per_second};
use crate::processes::{Clock, Watched, memory_peaks};
use crate::requests::{Buyer, buyers, render};
use crate::world::World;
use anyhow::ensure;
use std::time::{Duration, Instant};

const ACCEPTED: u16 = 202;
const SHED: u16 = 503;
/// A queue that was not worked off by then never will be.
const SETTLE_DEADLINE: Duration = Duration::from_mins(2);
const SETTLE_POLL: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub struct Arguments {
    /// How many orders.
    #[arg(long)]
    requests: u32,
    /// Over how many connections.
    #[arg(long)]
    connections: usize,
    /// Whose CPU time and memory count: name=process id.
    #[arg(long = "process")]
    processes: Vec<Watched>,
    /// Count answers 503, too: an origin may shed more load than it takes.
    #[arg(long)]
    may_shed: bool,
    /// Return when the decider has worked off the queue.
    #[arg(long)]
    settle: bool,
}

/// Places one order for each unit of a new sale.
pub async fn measure(world: &World, arguments: &Arguments) -> anyhow::Result<Vec<Measurement>> {
    let count = arguments.requests;
    let sale = world.sale(count).await?;
    let buyers = buyers(world, sale, count).await?;
    let requests: Vec<Vec<u8>> = buyers
        .iter()
        .map(|buyer: &Buyer| render(world, sale, buyer))
        .collect::<anyhow::Result<_>>()?;

    let clock = Clock::start(&arguments.processes, "generator")?;
    let may_shed: &[u16] = if arguments.may_shed { &[SHED] } else { &[] };
    let plan = Plan {
        requests: &requests,
        count: requests.len(),
        connections: arguments.connections,
        expected: ACCEPTED,
        may_shed,
    };
    let load = load::send(world.edge, &plan).await?;
    let mut measured = vec![
        Measurement::new("rate", per_second(count, load.time), "orders/s"),
        Measurement::new("latency-p50", load.percentile_ms(50), "ms"),
        Measurement::new("latency-p99", load.percentile_ms(99), "ms"),
        Measurement::new("shed", f64::from(load.shed), "orders"),
    ];
    measured.extend(clock.stop(count, "µs/order")?);
    measured.extend(memory_peaks(&arguments.processes)?);

    // An order that was shed may still hold its unit: a time-out is unknown.
    let left = world.available(sale).await?;
    ensure!(
        left <= load.shed,
        "{left} units of {count} are left after {count} orders"
    );
    if arguments.settle {
        settle(world).await?;
    }
    Ok(measured)
}

async fn settle(world: &World) -> anyhow::Result<()> {
    let began = Instant::now();
    while world.stores.queue.oldest_waiting().await?.is_some() {
        ensure!(
            began.elapsed() < SETTLE_DEADLINE,
            "the queue is not worked off"
        );
        tokio::time::sleep(SETTLE_POLL).await;
    }
    Ok(())
}
