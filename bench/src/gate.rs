//! The gate: how fast an edge gives tokens, and how fast it refuses those who forge them.
//!
//! Invariant: every answer is the expected one; a refusal for another reason, or a token that was
//! not given, is no figure. The clock runs while instances, leases and the snapshot are warm.

mod replay;
mod shoppers;

use crate::load::{self, Load, Plan};
use crate::measurement::{Measurement, per_second};
use crate::processes::{Clock, Watched};
use crate::world::World;
use anyhow::ensure;
use clap::{Args, ValueEnum};
use kernel::ids::SaleId;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What a shopper is told who must wait a moment: another one asks for a lease just now.
const WAIT: u16 = 429;
/// The PoP's Redis took longer than the gate waits, as on a machine that others use too.
const SLOW: u16 = 503;
/// An instance that has not heard of the sale yet.
const UNKNOWN: u16 = 404;
/// Requests before the clock starts, for each connection.
const WARM_UP_EACH: usize = 20;
/// An edge that does not know a sale by then never will.
const WARM_UP_DEADLINE: Duration = Duration::from_secs(30);
/// So many in a hundred who ask for a token may be told to come again.
const AGAIN_PER_CENT_MAX: u32 = 5;
/// Accounts that a forger of tokens has.
const FORGERS: u32 = 64;
/// Different forged requests; a cache of their texts would be found out.
const FORGERIES: u32 = 2_000;

#[derive(Args)]
pub struct Arguments {
    /// What to ask for.
    #[arg(value_enum)]
    what: What,
    /// The edge's address.
    #[arg(long)]
    edge: SocketAddr,
    /// The PoP's Redis.
    #[arg(long)]
    pop_redis: String,
    /// The page to compare with.
    #[arg(long, default_value = "/")]
    page: String,
    /// Where redis-benchmark is.
    #[arg(long, default_value = "redis-benchmark")]
    program: PathBuf,
    /// How many requests.
    #[arg(long)]
    requests: u32,
    /// Over how many connections.
    #[arg(long)]
    connections: usize,
    /// Whose CPU time counts: name=process id.
    #[arg(long = "process")]
    processes: Vec<Watched>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// A page that is the same for everybody.
    Page,
    /// Orders with a token that somebody else signed.
    ForgedTokens,
    /// Requests for a token with a session that somebody else signed.
    ForgedSessions,
    /// Tokens, each for an account of its own with a proof of its own.
    Tokens,
    /// The script that gives tokens, by redis-benchmark.
    Script,
}

/// Takes the measurement that was asked for.
pub async fn measure(world: &World, arguments: &Arguments) -> anyhow::Result<Vec<Measurement>> {
    let Arguments { what, edge, .. } = arguments;
    match what {
        What::Page => {
            let page = shoppers::visit(*edge, &arguments.page);
            repeat(arguments, &[page], 200).await
        }
        What::ForgedTokens => {
            let sale = world.sale(FORGERS).await?;
            let forged = shoppers::forged_orders(world, *edge, sale, FORGERS, FORGERIES).await?;
            repeat(arguments, &forged, 403).await
        }
        What::ForgedSessions => {
            let sale = world.sale(FORGERS).await?;
            known(arguments, sale).await?;
            let forged = shoppers::forged_sessions(world, *edge, sale, FORGERIES)?;
            repeat(arguments, &forged, 401).await
        }
        What::Tokens => tokens(world, arguments).await,
        What::Script => replay::measure(world, arguments).await,
    }
}

/// Sends the same requests again and again.
async fn repeat(
    arguments: &Arguments,
    requests: &[Vec<u8>],
    expected: u16,
) -> anyhow::Result<Vec<Measurement>> {
    let mut plan = Plan {
        requests,
        count: arguments.connections * WARM_UP_EACH,
        connections: arguments.connections,
        expected,
        may_shed: &[],
    };
    load::send(arguments.edge, &plan).await?;
    plan.count = usize::try_from(arguments.requests)?;
    timed(arguments, &plan).await.map(|(measured, _)| measured)
}

async fn tokens(world: &World, arguments: &Arguments) -> anyhow::Result<Vec<Measurement>> {
    let sale = world.sale(arguments.requests * 2).await?;
    warm_up(world, arguments, sale).await?;
    let asking = shoppers::asking(world, arguments.edge, sale, arguments.requests).await?;
    let requests: Vec<Vec<u8>> = asking.into_iter().map(|asker| asker.request).collect();
    let plan = Plan {
        requests: &requests,
        count: requests.len(),
        connections: arguments.connections,
        expected: 201,
        may_shed: &[WAIT, SLOW],
    };
    let (measured, load) = timed(arguments, &plan).await?;
    ensure!(
        load.shed <= arguments.requests * AGAIN_PER_CENT_MAX / 100,
        "{} of {} were told to come again",
        load.shed,
        arguments.requests
    );
    Ok(measured)
}

/// Sends what is planned, with an eye on the clock and on the processes.
async fn timed(arguments: &Arguments, plan: &Plan<'_>) -> anyhow::Result<(Vec<Measurement>, Load)> {
    let clock = Clock::start(&arguments.processes, "generator")?;
    let load = load::send(arguments.edge, plan).await?;
    let right = arguments.requests - load.shed;
    let mut measured = vec![
        Measurement::new("rate", per_second(right, load.time), "requests/s"),
        Measurement::new("latency-p50", load.percentile_ms(50), "ms"),
        Measurement::new("latency-p99", load.percentile_ms(99), "ms"),
        Measurement::new("again", f64::from(load.shed), "requests"),
        Measurement::new("answer", f64::from(u32::try_from(load.bytes_max)?), "bytes"),
    ];
    measured.extend(clock.stop(arguments.requests, "µs/request")?);
    Ok((measured, load))
}

/// Until every instance that answers knows the sale, and the PoP has a lease.
async fn warm_up(world: &World, arguments: &Arguments, sale: SaleId) -> anyhow::Result<()> {
    known(arguments, sale).await?;
    let each = u32::try_from(arguments.connections)?;
    let began = Instant::now();
    loop {
        let asking = shoppers::asking(world, arguments.edge, sale, each).await?;
        let requests: Vec<Vec<u8>> = asking.into_iter().map(|asker| asker.request).collect();
        let plan = Plan {
            requests: &requests,
            count: requests.len(),
            connections: arguments.connections,
            expected: 201,
            may_shed: &[WAIT, SLOW, UNKNOWN],
        };
        let again = load::send(arguments.edge, &plan).await?.shed;
        if again <= each * AGAIN_PER_CENT_MAX / 100 {
            return Ok(());
        }
        ensure!(
            began.elapsed() < WARM_UP_DEADLINE,
            "the gate does not give tokens"
        );
    }
}

/// Until every instance that answers knows the sale: a forged session is none anywhere, but
/// elsewhere it is refused for the sale.
async fn known(arguments: &Arguments, sale: SaleId) -> anyhow::Result<()> {
    let requests = [shoppers::nobody(arguments.edge, sale)];
    let began = Instant::now();
    loop {
        let plan = Plan {
            requests: &requests,
            count: arguments.connections * WARM_UP_EACH,
            connections: arguments.connections,
            expected: 401,
            may_shed: &[UNKNOWN],
        };
        if load::send(arguments.edge, &plan).await?.shed == 0 {
            return Ok(());
        }
        ensure!(
            began.elapsed() < WARM_UP_DEADLINE,
            "the edge does not know the sale"
        );
    }
}
