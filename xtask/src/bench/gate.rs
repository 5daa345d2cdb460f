//! `cargo xtask bench gate`: refusing forged tokens and sessions against serving a page, and giving
//! tokens against what the PoP's Redis can do with the same script.
//!
//! Invariant: what is compared is measured in turns, in short rounds, and the medians are compared:
//! a machine that is busy for a while is busy for both.

use anyhow::Context;
use clap::Args;

use super::figures::{Bound, Figures, Limit, Measurement, medians};
use super::stage::{Host, Stage};
use crate::install::{self, Purpose};
use crate::programs;
use crate::servers::Server;

/// The edge's speed in refusing and admitting: exit 1 if a limit is missed.
#[derive(Debug, Args)]
pub struct Gate {
    /// Print one line of JSON a figure: name, value, unit, against, ratio.
    #[arg(long)]
    json: bool,

    /// Fewer requests and one round: to see that it runs, not how fast.
    #[arg(long)]
    quick: bool,
}

/// What redis-benchmark has by default, too.
const CONNECTIONS: &str = "50";
/// The same for everybody at all times, and about 4 KiB long.
const PAGE_PATH: &str = "/sign-in";
/// All shoppers come from one address here, and as fast as they can; limits are not measured.
const EDGE_VARIABLES: [(&str, &str); 3] = [
    ("TOKENS_PER_ACCOUNT_PER_MINUTE", "60000"),
    ("TOKENS_PER_PREFIX_PER_MINUTE", "60000"),
    ("LEASE_SLOTS", "4096"),
];

const PAGE: &str = "page";
const FORGED_TOKENS: &str = "forged-tokens";
const FORGED_SESSIONS: &str = "forged-sessions";
const SCRIPT: &str = "script";
const TOKENS: &str = "tokens";

/// In the order of each round: what a measurement is compared with comes before it.
const MEASUREMENTS: [(&str, Option<&str>); 5] = [
    (PAGE, None),
    (FORGED_TOKENS, Some(PAGE)),
    (FORGED_SESSIONS, Some(PAGE)),
    (SCRIPT, None),
    (TOKENS, Some(SCRIPT)),
];

const LIMITS: [Limit; 2] = [
    Limit {
        figure: FORGED_TOKENS,
        ratio: Bound::AtLeast(1.0),
    },
    Limit {
        figure: TOKENS,
        ratio: Bound::AtLeast(0.3),
    },
];

/// How much of everything.
struct Size {
    rounds: u32,
    requests: &'static str,
}

const FULL: Size = Size {
    rounds: 7,
    requests: "10000",
};
const QUICK: Size = Size {
    rounds: 1,
    requests: "1000",
};

impl Gate {
    /// Whether every limit was met.
    pub fn run(&self) -> anyhow::Result<bool> {
        install::missing(Purpose::Benchmark)?;
        install::component_targets()?;
        let size = if self.quick { QUICK } else { FULL };
        let mut stage = Stage::set()?;
        eprintln!("data and logs in {}", stage.folder().display());
        let rounds = in_turns(&stage, &size)?;
        stage.check()?;

        let mut figures = Figures::default();
        for ((name, against), rounds) in MEASUREMENTS.iter().zip(&rounds) {
            figures.add_all(name, &medians(rounds)?, *against)?;
        }
        figures.report(self.json, &LIMITS)
    }
}

/// Every round of every measurement, in the order of [`MEASUREMENTS`].
fn in_turns(stage: &Stage, size: &Size) -> anyhow::Result<Vec<Vec<Vec<Measurement>>>> {
    let program = programs::need(&["redis-benchmark"])?;
    let program = program.to_str().context("a path that is no text")?;
    let origin = stage.origin("http")?;
    let edge = stage.edge(&Host {
        name: "edge",
        args: &["--cache-mib", "0"],
        variables: &EDGE_VARIABLES,
    })?;
    let pop_redis = stage.pop_redis();
    let mut common = vec![
        format!("--edge=127.0.0.1:{}", edge.port()),
        format!("--pop-redis=redis://127.0.0.1:{}", pop_redis.port()),
        format!("--page={PAGE_PATH}"),
        format!("--program={program}"),
        format!("--requests={}", size.requests),
        format!("--connections={CONNECTIONS}"),
    ];
    let watched = |server: &Server| format!("--process={}={}", server.name(), server.process_id());
    common.extend([&edge, pop_redis, &origin].map(watched));
    let mut measured = vec![Vec::new(); MEASUREMENTS.len()];
    for round in 1..=size.rounds {
        eprintln!("round {round} of {}", size.rounds);
        for ((name, _), rounds) in MEASUREMENTS.iter().zip(&mut measured) {
            let mut args = vec!["gate", name];
            args.extend(common.iter().map(String::as_str));
            rounds.push(stage.measure(&args)?);
        }
    }
    Ok(measured)
}
