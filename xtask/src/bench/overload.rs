//! `cargo xtask bench overload`: orders taken in time with ten times as many shoppers as the origin is
//! busy with, under the rules that are shipped and under none.
//!
//! Invariant: what is compared is measured in turns, round by round, and the medians are compared.

use clap::Args;

use super::figures::{Bound, Figures, Limit, Measurement, medians};
use super::stage::Stage;
use crate::install::{self, Purpose};

/// Goodput under ten times the load: exit 1 if it is not near that of the load itself.
#[derive(Debug, Args)]
pub struct Overload {
    /// Print one line of JSON a figure: name, value, unit, against, ratio.
    #[arg(long)]
    json: bool,

    /// Shorter, and one round: to see that it runs, not how fast.
    #[arg(long)]
    quick: bool,
}

/// So many keep the origin busy.
const SHOPPERS: u32 = 100;
const TIMES: u32 = 10;

const PEAK: &str = "goodput";
const TENFOLD: &str = "goodput-tenfold";
const WITHOUT: &str = "goodput-tenfold-without-rules";

const LIMITS: [Limit; 1] = [Limit {
    figure: TENFOLD,
    ratio: Bound::AtLeast(0.8),
}];

/// How much of everything.
struct Size {
    rounds: u32,
    seconds: u32,
    orders: u32,
}

const FULL: Size = Size {
    rounds: 3,
    seconds: 5,
    orders: 160_000,
};
const QUICK: Size = Size {
    rounds: 1,
    seconds: 2,
    orders: 64_000,
};

impl Overload {
    /// Whether every limit was met.
    pub fn run(&self) -> anyhow::Result<bool> {
        install::missing(Purpose::Benchmark)?;
        let size = if self.quick { QUICK } else { FULL };
        let mut stage = Stage::set()?;
        eprintln!("data and logs in {}", stage.folder().display());
        let origin = stage.origin("http")?;
        let watch = stage.watch(Some(&origin));
        let (mut peak, mut tenfold, mut without) = (vec![], vec![], vec![]);
        for round in 1..=size.rounds {
            eprintln!("round {round} of {}", size.rounds);
            peak.push(come(&stage, &size, SHOPPERS, "shipped", &watch)?);
            tenfold.push(come(&stage, &size, SHOPPERS * TIMES, "shipped", &watch)?);
            without.push(come(&stage, &size, SHOPPERS * TIMES, "none", &watch)?);
        }
        stage.check()?;
        let mut figures = Figures::default();
        figures.add_all(PEAK, &medians(&peak)?, None)?;
        figures.add_all(TENFOLD, &medians(&tenfold)?, Some(PEAK))?;
        figures.add_all(WITHOUT, &medians(&without)?, Some(PEAK))?;
        figures.report(self.json, &LIMITS)
    }
}

fn come(
    stage: &Stage,
    size: &Size,
    shoppers: u32,
    rules: &str,
    watch: &[String],
) -> anyhow::Result<Vec<Measurement>> {
    let (shoppers, seconds) = (shoppers.to_string(), size.seconds.to_string());
    let orders = size.orders.to_string();
    let mut args = vec!["overload", "--rules", rules, "--shoppers", &shoppers];
    args.extend(["--seconds", &seconds, "--orders", &orders]);
    args.extend(watch.iter().map(String::as_str));
    stage.measure(&args)
}
