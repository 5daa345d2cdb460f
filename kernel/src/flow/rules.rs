//! What a set of rules says, as operators write it and as MySQL keeps it.
//!
//! Invariant: a field that is not known is refused, so that no rule means less than it says.

use serde::{Deserialize, Serialize};

/// All rules that act at the same time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSet {
    /// In the order in which they are asked.
    #[serde(default)]
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it is called in the log, in metrics and in answers: `[a-z0-9-]`.
    pub name: String,
    /// The routes it is about, which share its limit: names of [`super::ROUTES`], or `*` alone.
    pub routes: Vec<String>,
    /// Who has a limit of their own.
    #[serde(default)]
    pub each: Each,
    /// Whether it acts.
    pub mode: Mode,
    /// What is limited, and how.
    pub limit: Limit,
}

/// Who has a limit of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Each {
    /// Nobody: all requests share one.
    #[default]
    All,
    /// Each account that is signed in.
    Account,
    /// Each sale.
    Sale,
    /// Each account in each sale.
    AccountAndSale,
}

/// Whether a rule acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It sheds what is beyond its limit.
    On,
    /// It counts what it would shed, and lets all through.
    DryRun,
    /// It does nothing.
    Off,
}

/// What is limited, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Requests over time; the others are shed.
    Rate(Rate),
    /// Requests at the same time.
    Concurrency(Concurrency),
    /// Requests over time; the others wait for their turn.
    Pacing(Pacing),
    /// Requests at the same time, as many as answers stay quick with.
    Adaptive(Adaptive),
    /// None for a while, when too many fail or are slow.
    Breaker(BreakerRule),
}

/// The time that a number of requests is counted over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Period {
    /// A second.
    Second,
    /// A minute.
    Minute,
}

impl Period {
    /// In seconds.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
        }
    }
}

/// So many requests in a period, at all origins together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many.
    pub requests: u32,
    /// In what time.
    pub per: Period,
    /// How many may come at once after a rest.
    pub burst: u32,
}

/// So many requests at the same time, at each origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    /// How many.
    pub in_flight: u32,
}

/// So many requests in a period, at all origins together, evenly spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pacing {
    /// How many.
    pub requests: u32,
    /// In what time.
    pub per: Period,
    /// How long a request may wait for its turn; who would wait longer is shed.
    pub max_wait_ms: u32,
}

/// As many requests at the same time, at each origin, as answers stay quick with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adaptive {
    /// The limit at the start.
    pub initial: u32,
    /// It never falls below this.
    pub min: u32,
    /// It never rises above this.
    pub max: u32,
    /// How much of a new limit is taken over at once, in percent.
    #[serde(default = "smoothing")]
    pub smoothing_percent: u32,
    /// How slow answers may be, in percent of what is usual, before the limit falls.
    #[serde(default = "tolerance")]
    pub tolerance_percent: u32,
    /// Whether the limit stays as it is: nothing is probed while a sale runs.
    #[serde(default)]
    pub frozen: bool,
}

fn smoothing() -> u32 {
    20
}

fn tolerance() -> u32 {
    150
}

/// None for a while, when too many fail or are slow; counted at each origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerRule {
    /// Requests of so long are looked at.
    pub window_ms: u32,
    /// It does not open before there are so many of them.
    pub min_calls: u32,
    /// It opens when so many percent failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_percent: Option<u32>,
    /// What takes so long is slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_ms: Option<u32>,
    /// It opens when so many percent were slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_percent: Option<u32>,
    /// How long it stays open.
    pub open_ms: u32,
    /// Then so many requests try; all must be well for it to close.
    pub probes: u32,
}
