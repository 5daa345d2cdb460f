//! Whether a set of rules can act.
//!
//! Invariant: what passes is bounded in every number; what does not is told all at once, each fault
//! with its place.

use super::rules::{Adaptive, BreakerRule, Each, Limit, Pacing, Rule, RuleSet};
use super::{EVERY_ROUTE, ROUTES};
use std::fmt;
use std::ops::RangeInclusive;

/// Rules of a set.
const RULES_MAX: usize = 64;
/// A set as JSON.
pub const RULES_BYTES_MAX: usize = 64 * 1_024;
/// Characters of a name.
const NAME_MAX: usize = 40;
const REQUESTS: RangeInclusive<u32> = 1..=1_000_000;
const IN_FLIGHT: RangeInclusive<u32> = 1..=100_000;
const WAIT_MS: RangeInclusive<u32> = 1..=2_000;
/// Requests that one rule of pacing may let wait.
pub const WAITING_MAX: u64 = 512;
const PERCENT: RangeInclusive<u32> = 1..=100;
const TOLERANCE_PERCENT: RangeInclusive<u32> = 100..=1_000;
const WINDOW_MS: RangeInclusive<u32> = 100..=600_000;
const MIN_CALLS: RangeInclusive<u32> = 1..=1_000_000;
const SLOW_MS: RangeInclusive<u32> = 1..=8_000;
const OPEN_MS: RangeInclusive<u32> = 100..=600_000;
const PROBES: RangeInclusive<u32> = 1..=1_000;
/// The only route that says which sale it is about before the request is handled.
const OF_A_SALE: &str = "place";
/// Routes of somebody who is not signed in yet, and those of PoPs.
const OF_NO_ACCOUNT: [&str; 8] = [
    "codes", "register", "password", "sign-in", "snapshot", "leases", "lobbies", "slots",
];

/// All that is wrong with a set, a sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Faults {}

impl RuleSet {
    /// Reads a set from JSON and checks it.
    pub fn from_json(text: &str) -> Result<Self, Faults> {
        let mut json = serde_json::Deserializer::from_str(text);
        let set: Self = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let place = error.path().to_string();
            let place = if place == "." {
                String::new()
            } else {
                place + ": "
            };
            Faults(vec![format!("{place}{}", error.into_inner())])
        })?;
        json.end()
            .map_err(|error| Faults(vec![error.to_string()]))?;
        set.check()?;
        Ok(set)
    }

    /// The set as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// All faults together.
    pub fn check(&self) -> Result<(), Faults> {
        let mut faults = Vec::new();
        if self.rules.len() > RULES_MAX {
            faults.push(format!("rules: there are more than {RULES_MAX}"));
        }
        for (number, rule) in self.rules.iter().enumerate().take(RULES_MAX) {
            let mut of_rule = OfRule {
                rule,
                faults: Vec::new(),
            };
            of_rule.check();
            if self.rules[..number]
                .iter()
                .any(|other| other.name == rule.name)
            {
                of_rule.fault("name", "another rule has it");
            }
            let place = format!("rules[{number}] ({})", rule.name.escape_debug());
            faults.extend(
                of_rule
                    .faults
                    .iter()
                    .map(|fault| format!("{place}: {fault}")),
            );
        }
        if self.to_json().len() > RULES_BYTES_MAX {
            faults.push(format!(
                "the set has more than {RULES_BYTES_MAX} bytes as JSON"
            ));
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Faults(faults))
        }
    }
}

/// Collects the faults of one rule.
struct OfRule<'a> {
    rule: &'a Rule,
    faults: Vec<String>,
}

impl OfRule<'_> {
    fn fault(&mut self, place: &str, what: impl fmt::Display) {
        self.faults.push(format!("{place}: {what}"));
    }

    fn within(&mut self, place: &str, value: u32, range: &RangeInclusive<u32>) {
        if !range.contains(&value) {
            let (least, most) = (range.start(), range.end());
            self.fault(
                place,
                format_args!("is {value}, but must be {least} to {most}"),
            );
        }
    }

    fn check(&mut self) {
        let Rule {
            name,
            routes,
            each,
            limit,
            ..
        } = self.rule;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(plain) {
            let what = format!("must be 1 to {NAME_MAX} of a-z, 0-9 and -");
            self.fault("name", what);
        }
        self.routes(routes, *each);
        match limit {
            Limit::Rate(rate) => {
                self.within("limit.rate.requests", rate.requests, &REQUESTS);
                self.within("limit.rate.burst", rate.burst, &REQUESTS);
            }
            Limit::Concurrency(concurrency) => {
                self.within(
                    "limit.concurrency.in_flight",
                    concurrency.in_flight,
                    &IN_FLIGHT,
                );
            }
            Limit::Pacing(pacing) => self.pacing(pacing),
            Limit::Adaptive(adaptive) => self.adaptive(adaptive),
            Limit::Breaker(breaker) => self.breaker(breaker),
        }
        let is_of_route = matches!(limit, Limit::Adaptive(_) | Limit::Breaker(_));
        if is_of_route && *each != Each::All {
            self.fault(
                "each",
                "an adaptive limit or a breaker is of its routes: leave it out",
            );
        }
    }

    fn routes(&mut self, routes: &[String], each: Each) {
        let known = |name: &str| ROUTES.iter().any(|route| route.name == name);
        let of_sale = matches!(each, Each::Sale | Each::AccountAndSale);
        let of_account = matches!(each, Each::Account | Each::AccountAndSale);
        if routes.is_empty() {
            self.fault("routes", "is empty: name routes, or \"*\"");
        }
        for (number, name) in routes.iter().enumerate() {
            let is_every = name == EVERY_ROUTE;
            if !is_every && !known(name) {
                let all: Vec<&str> = ROUTES.iter().map(|route| route.name).collect();
                let all = all.join(", ");
                self.fault(
                    "routes",
                    format_args!("there is no route {name:?}; there are {all}"),
                );
            } else if is_every && routes.len() > 1 {
                self.fault("routes", "\"*\" stands alone");
            } else if routes[..number].contains(name) {
                self.fault("routes", format_args!("{name} stands there twice"));
            } else if of_sale && name != OF_A_SALE {
                let what = format!("of each sale can be limited {OF_A_SALE} alone, not {name}");
                self.fault("each", what);
            } else if of_account && OF_NO_ACCOUNT.contains(&name.as_str()) {
                self.fault(
                    "each",
                    format_args!("nobody is signed in who asks for {name}"),
                );
            }
        }
    }

    fn pacing(&mut self, pacing: &Pacing) {
        self.within("limit.pacing.requests", pacing.requests, &REQUESTS);
        self.within("limit.pacing.max_wait_ms", pacing.max_wait_ms, &WAIT_MS);
        let waiting = u64::from(pacing.requests) * u64::from(pacing.max_wait_ms)
            / (pacing.per.seconds() * 1_000);
        if waiting > WAITING_MAX {
            let what = format!("lets {waiting} requests wait, but at most {WAITING_MAX} may");
            self.fault("limit.pacing.max_wait_ms", what);
        }
    }

    fn adaptive(&mut self, adaptive: &Adaptive) {
        let Adaptive {
            initial,
            min,
            max,
            smoothing_percent,
            tolerance_percent,
            ..
        } = *adaptive;
        self.within("limit.adaptive.min", min, &IN_FLIGHT);
        self.within("limit.adaptive.max", max, &IN_FLIGHT);
        if min > max {
            self.fault(
                "limit.adaptive.min",
                format_args!("is {min}, above max, {max}"),
            );
        } else if !(min..=max).contains(&initial) {
            let what = format!("is {initial}, but must be min to max, {min} to {max}");
            self.fault("limit.adaptive.initial", what);
        }
        self.within(
            "limit.adaptive.smoothing_percent",
            smoothing_percent,
            &PERCENT,
        );
        let place = "limit.adaptive.tolerance_percent";
        self.within(place, tolerance_percent, &TOLERANCE_PERCENT);
    }

    fn breaker(&mut self, breaker: &BreakerRule) {
        self.within("limit.breaker.window_ms", breaker.window_ms, &WINDOW_MS);
        self.within("limit.breaker.min_calls", breaker.min_calls, &MIN_CALLS);
        self.within("limit.breaker.open_ms", breaker.open_ms, &OPEN_MS);
        self.within("limit.breaker.probes", breaker.probes, &PROBES);
        if let Some(percent) = breaker.error_percent {
            self.within("limit.breaker.error_percent", percent, &PERCENT);
        }
        match (breaker.slow_ms, breaker.slow_percent) {
            (Some(ms), Some(percent)) => {
                self.within("limit.breaker.slow_ms", ms, &SLOW_MS);
                self.within("limit.breaker.slow_percent", percent, &PERCENT);
            }
            (None, None) if breaker.error_percent.is_none() => {
                self.fault(
                    "limit.breaker",
                    "needs error_percent, or slow_ms and slow_percent",
                );
            }
            (None, None) => {}
            _ => self.fault("limit.breaker", "slow_ms and slow_percent go together"),
        }
    }
}

#[cfg(test)]
mod tests;
