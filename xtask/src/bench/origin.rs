//! `cargo xtask bench origin`: placing against redis-benchmark, deciding against one order a
//! transaction, memory against what is allowed, and five algorithms side by side.
//!
//! Invariant: what is compared is measured in turns, round by round, and the medians are compared:
//! a machine that is busy for a while is busy for both.

use anyhow::Context;
use clap::Args;

use super::figures::{Bound, Figures, Limit, Measurement, medians};
use super::stage::Stage;
use crate::install::{self, Purpose};
use crate::programs;

/// The origin's speed and memory: exit 1 if a limit is missed.
#[derive(Debug, Args)]
pub struct Origin {
    /// Print one line of JSON a figure: name, value, unit, against, ratio.
    #[arg(long)]
    json: bool,

    /// Fewer orders and one round: to see that it runs, not how fast.
    #[arg(long)]
    quick: bool,
}

/// What redis-benchmark has by default, too.
const CONNECTIONS: u32 = 50;
/// Near the most that the origin handles at the same time.
const CONNECTIONS_FULL: u32 = 1_000;
const CONNECTIONS_ALGORITHMS: u32 = 32;
const MEMORY_ALLOWED_MIB: f64 = 150.0;

const SCRIPT: &str = "redis-benchmark";
const PLACING: &str = "placing";
const SINGLE: &str = "one-order-a-transaction";
const DECIDING: &str = "deciding";
const MEMORY_ALLOWED: &str = "memory-allowed";
const MEMORY: &str = "memory-peak";

const LIMITS: [Limit; 3] = [
    Limit {
        figure: PLACING,
        ratio: Bound::AtLeast(0.5),
    },
    Limit {
        figure: DECIDING,
        ratio: Bound::AtLeast(10.0),
    },
    Limit {
        figure: MEMORY,
        ratio: Bound::Below(1.0),
    },
];

/// How much of everything.
struct Size {
    rounds: u32,
    orders: u32,
    single_orders: u32,
    units: u32,
    buyers: u32,
}

const FULL: Size = Size {
    rounds: 5,
    orders: 20_000,
    single_orders: 3_000,
    units: 1_000,
    buyers: 10_000,
};
const QUICK: Size = Size {
    rounds: 1,
    orders: 3_000,
    single_orders: 500,
    units: 200,
    buyers: 2_000,
};

impl Origin {
    /// Whether every limit was met.
    pub fn run(&self) -> anyhow::Result<bool> {
        install::missing(Purpose::Benchmark)?;
        let size = if self.quick { QUICK } else { FULL };
        let mut stage = Stage::set()?;
        eprintln!("data and logs in {}", stage.folder().display());
        let mut figures = Figures::default();
        let together = all_roles(&stage, &size)?;
        let in_turns = in_turns(&stage, &size)?;
        eprintln!("five algorithms");
        let algorithms = algorithms(&stage, &size)?;
        stage.check()?;

        figures.add_all(SCRIPT, &in_turns.script, None)?;
        figures.add_all(PLACING, &in_turns.placing, Some(SCRIPT))?;
        figures.add_all("placing-all-roles", &together.placing, Some(SCRIPT))?;
        figures.add_all(SINGLE, &in_turns.single, None)?;
        figures.add_all(DECIDING, &in_turns.deciding, Some(SINGLE))?;
        figures.add_all("full-load", &together.full, None)?;
        figures.add(MEMORY_ALLOWED, MEMORY_ALLOWED_MIB, "MiB", None)?;
        figures.add(MEMORY, together.memory_mib, "MiB", Some(MEMORY_ALLOWED))?;
        add_algorithms(&mut figures, &algorithms)?;

        figures.report(self.json, &LIMITS)
    }
}

/// What one origin with all its roles did.
struct Together {
    placing: Vec<Measurement>,
    /// Under as many connections as it serves.
    full: Vec<Measurement>,
    memory_mib: f64,
}

/// One origin that places, decides and does all else, as small shops run it, and last under as many
/// connections as it serves. First of all, as its timers would take up what others leave behind.
fn all_roles(stage: &Stage, size: &Size) -> anyhow::Result<Together> {
    let origin = stage.origin("http,decider,timers,outboxes")?;
    let watch = stage.watch(Some(&origin));
    let mut rounds = Vec::new();
    for round in 1..=size.rounds {
        eprintln!("all roles: round {round} of {}", size.rounds);
        rounds.push(place(stage, size, CONNECTIONS, &["--settle"], &watch)?);
    }
    eprintln!("all roles: {CONNECTIONS_FULL} connections");
    let full = place(
        stage,
        size,
        CONNECTIONS_FULL,
        &["--settle", "--may-shed"],
        &watch,
    )?;
    let of_full = |name: &str| {
        let found = full.iter().find(|found| found.name == name);
        found.with_context(|| format!("{name} was not measured"))
    };
    Ok(Together {
        placing: medians(&without_memory(rounds))?,
        memory_mib: of_full("memory-origin")?.value,
        full: vec![of_full("rate")?.clone(), of_full("shed")?.clone()],
    })
}

/// What is compared, as medians.
struct InTurns {
    script: Vec<Measurement>,
    placing: Vec<Measurement>,
    deciding: Vec<Measurement>,
    single: Vec<Measurement>,
}

/// An origin that only places, while nobody decides; then a decider that works off what was placed.
fn in_turns(stage: &Stage, size: &Size) -> anyhow::Result<InTurns> {
    let program = programs::need(&["redis-benchmark"])?;
    let program = program.to_str().context("a path that is no text")?;
    let origin = stage.origin("http")?;
    let (orders, connections) = (size.orders.to_string(), CONNECTIONS.to_string());
    let single_orders = size.single_orders.to_string();
    let (with_origin, stores) = (stage.watch(Some(&origin)), stage.watch(None));
    let (mut script, mut placing, mut deciding, mut single) = (vec![], vec![], vec![], vec![]);
    for round in 1..=size.rounds {
        eprintln!("in turns: round {round} of {}", size.rounds);
        let mut run = vec!["script", "--program", program, "--requests", &orders];
        run.extend(["--connections", &connections]);
        run.extend(stores.iter().map(String::as_str));
        script.push(stage.measure(&run)?);
        placing.push(place(stage, size, CONNECTIONS, &[], &with_origin)?);
        single.push(stage.measure(&["single", "--orders", &single_orders])?);
        let mut decide = vec!["decide", "--orders", &orders];
        decide.extend(stores.iter().map(String::as_str));
        deciding.push(stage.measure(&decide)?);
    }
    Ok(InTurns {
        script: medians(&script)?,
        placing: medians(&without_memory(placing))?,
        deciding: medians(&deciding)?,
        single: medians(&single)?,
    })
}

fn place(
    stage: &Stage,
    size: &Size,
    connections: u32,
    more: &[&str],
    watch: &[String],
) -> anyhow::Result<Vec<Measurement>> {
    let (orders, connections) = (size.orders.to_string(), connections.to_string());
    let mut args = vec![
        "place",
        "--requests",
        &orders,
        "--connections",
        &connections,
    ];
    args.extend(more);
    args.extend(watch.iter().map(String::as_str));
    stage.measure(&args)
}

/// The memory that counts is that under full load.
fn without_memory(mut rounds: Vec<Vec<Measurement>>) -> Vec<Vec<Measurement>> {
    for round in &mut rounds {
        round.retain(|measurement| !measurement.name.starts_with("memory-"));
    }
    rounds
}

fn algorithms(stage: &Stage, size: &Size) -> anyhow::Result<Vec<Measurement>> {
    let (units, buyers) = (size.units.to_string(), size.buyers.to_string());
    let connections = CONNECTIONS_ALGORITHMS.to_string();
    stage.measure(&[
        "algorithms",
        "--units",
        &units,
        "--buyers",
        &buyers,
        "--connections",
        &connections,
    ])
}

/// Rates are compared with the algorithm that most systems begin with once they have oversold.
fn add_algorithms(figures: &mut Figures, measured: &[Measurement]) -> anyhow::Result<()> {
    let base = "for-update";
    let (first, others): (Vec<_>, Vec<_>) = measured.iter().partition(|found| found.name == base);
    for Measurement { name, value, unit } in first.into_iter().chain(others) {
        let compared = name != base && unit == "purchases/s";
        let against = compared.then(|| format!("selling-{base}"));
        figures.add(&format!("selling-{name}"), *value, unit, against.as_deref())?;
    }
    Ok(())
}
