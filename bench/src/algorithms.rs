//! Five ways to sell a stock, side by side, as systems of this kind compare them.
//!
//! Invariant: each sells the same stock to as many buyers over as many connections, and a purchase
//! is a committed row; but for Lua, which admits in Redis and leaves the row to the decider.

mod lua;
mod sql;

use crate::measurement::{Measurement, per_second};
use crate::world::World;
use anyhow::ensure;
use futures::future::try_join_all;
use sql::Algorithm;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub struct Arguments {
    /// Units to sell.
    #[arg(long)]
    units: u32,
    /// Who want one each.
    #[arg(long)]
    buyers: u32,
    /// How many of them at the same time.
    #[arg(long)]
    connections: u32,
}

/// What became of one buyer.
pub enum Bought {
    /// They have a unit, after so many lost tries.
    Yes { lost: u32 },
    /// Nothing was left.
    No,
}

/// What became of all of them.
struct Sold {
    purchases: u32,
    /// Lost tries.
    lost: u32,
    /// Until the last purchase: refusals are cheap and would flatter.
    time: Duration,
}

/// Sells the stock by each algorithm.
pub async fn measure(world: &World, arguments: &Arguments) -> anyhow::Result<Vec<Measurement>> {
    let mut measured = Vec::new();
    for algorithm in Algorithm::ALL {
        let sold = sql::sell(world, algorithm, arguments).await?;
        let name = algorithm.name();
        measured.push(rate(name, &sold));
        let over = sold.purchases.saturating_sub(arguments.units);
        match algorithm {
            Algorithm::Naive => {
                let name = format!("{name}-oversold");
                measured.push(Measurement::new(name, f64::from(over), "units"));
            }
            _ => ensure!(
                sold.purchases == arguments.units,
                "{name} sold {} of {} units",
                sold.purchases,
                arguments.units
            ),
        }
        if algorithm == Algorithm::Optimistic {
            let lost = f64::from(sold.lost) / f64::from(sold.purchases);
            let name = format!("{name}-retries");
            measured.push(Measurement::new(name, lost, "tries/purchase"));
        }
    }
    let sold = lua::sell(world, arguments).await?;
    ensure!(sold.purchases == arguments.units, "lua did not sell all");
    measured.push(rate("lua", &sold));
    Ok(measured)
}

fn rate(name: &str, sold: &Sold) -> Measurement {
    Measurement::new(name, per_second(sold.purchases, sold.time), "purchases/s")
}

/// Has all buyers served, by as many servants at the same time as there are `connections`.
async fn serve<C>(
    connections: Vec<C>,
    buyers: u32,
    buy: impl AsyncFn(&mut C, u32) -> anyhow::Result<Bought>,
) -> anyhow::Result<Sold> {
    let next = AtomicU32::new(0);
    let began = Instant::now();
    let serve_some = async |mut connection: C| {
        let mut sold = Sold {
            purchases: 0,
            lost: 0,
            time: Duration::ZERO,
        };
        loop {
            let buyer = next.fetch_add(1, Ordering::Relaxed);
            if buyer >= buyers {
                return anyhow::Ok(sold);
            }
            if let Bought::Yes { lost } = buy(&mut connection, buyer).await? {
                sold.purchases += 1;
                sold.lost += lost;
                sold.time = began.elapsed();
            }
        }
    };
    let all = try_join_all(connections.into_iter().map(serve_some)).await?;
    Ok(Sold {
        purchases: all.iter().map(|sold| sold.purchases).sum(),
        lost: all.iter().map(|sold| sold.lost).sum(),
        time: all.iter().map(|sold| sold.time).max().unwrap_or_default(),
    })
}
