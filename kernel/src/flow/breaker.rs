//! A circuit breaker of routes: opens when too many requests fail or are slow.
//!
//! Invariant: while it is open nothing is let through; after that so many requests at once as the rule
//! says, and all of them must be well for it to close. What began before it last opened counts for
//! nothing.

use super::NANOS_PER_MS;
use super::rules::BreakerRule;

/// Parts of the window, each forgotten as a whole.
const BUCKETS: usize = 10;

/// What it does with requests; the number is that of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Lets them through.
    Closed = 0,
    /// Lets some through, to see whether they are well.
    HalfOpen = 1,
    /// Refuses them.
    Open = 2,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// With an answer, be it a refusal.
    Well,
    /// With an error of ours.
    Failed,
}

/// Leave for one request. It is told or given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    opened: u64,
    is_probe: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    number: u64,
    calls: u32,
    failed: u32,
    slow: u32,
}

/// What is remembered of a breaker.
#[derive(Clone, Debug)]
pub struct Breaker {
    phase: Phase,
    /// How often it has opened.
    opened: u64,
    until_ns: u64,
    probes_out: u32,
    probes_well: u32,
    buckets: [Bucket; BUCKETS],
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            phase: Phase::Closed,
            opened: 0,
            until_ns: 0,
            probes_out: 0,
            probes_well: 0,
            buckets: [Bucket::default(); BUCKETS],
        }
    }
}

impl Breaker {
    /// What it does with requests.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Leave for a request, or for how many nanoseconds there is none; 0 while others try.
    pub fn enter(&mut self, rule: &BreakerRule, now_ns: u64) -> Result<Call, u64> {
        if self.phase == Phase::Open {
            if now_ns < self.until_ns {
                return Err(self.until_ns - now_ns);
            }
            self.phase = Phase::HalfOpen;
            (self.probes_out, self.probes_well) = (0, 0);
        }
        let is_probe = self.phase == Phase::HalfOpen;
        if is_probe {
            if self.probes_out + self.probes_well >= rule.probes {
                return Err(0);
            }
            self.probes_out += 1;
        }
        Ok(Call {
            opened: self.opened,
            is_probe,
        })
    }

    /// Takes how a request ended and how long it took.
    pub fn tell(&mut self, rule: &BreakerRule, call: Call, now_ns: u64, told: Told, took_ns: u64) {
        if call.opened != self.opened {
            return;
        }
        let slow_ns = rule.slow_ms.map(|ms| u64::from(ms) * NANOS_PER_MS);
        let is_slow = slow_ns.is_some_and(|slow_ns| took_ns >= slow_ns);
        let has_failed = told == Told::Failed;
        if call.is_probe {
            self.probes_out = self.probes_out.saturating_sub(1);
            if is_slow || (has_failed && rule.error_percent.is_some()) {
                self.open(rule, now_ns);
            } else {
                self.probes_well += 1;
                if self.probes_well >= rule.probes {
                    self.phase = Phase::Closed;
                    self.buckets = Default::default();
                }
            }
            return;
        }
        let bucket_ns = u64::from(rule.window_ms) * NANOS_PER_MS / BUCKETS as u64;
        let number = now_ns / bucket_ns.max(1);
        // The remainder is less than the number of buckets, which is small.
        let bucket =
            &mut self.buckets[usize::try_from(number % BUCKETS as u64).unwrap_or_default()];
        if bucket.number != number {
            *bucket = Bucket {
                number,
                ..Bucket::default()
            };
        }
        bucket.calls += 1;
        bucket.failed += u32::from(has_failed);
        bucket.slow += u32::from(is_slow);
        if self.is_too_much(rule, number) {
            self.open(rule, now_ns);
        }
    }

    /// The request was given up, and says nothing; another may try in its place.
    pub fn give_up(&mut self, call: Call) {
        if call.opened == self.opened && call.is_probe {
            self.probes_out = self.probes_out.saturating_sub(1);
        }
    }

    fn is_too_much(&self, rule: &BreakerRule, number: u64) -> bool {
        let lately = self.buckets.iter();
        let lately = lately.filter(|bucket| bucket.number + BUCKETS as u64 > number);
        let (mut calls, mut failed, mut slow) = (0_u64, 0_u64, 0_u64);
        for bucket in lately {
            calls += u64::from(bucket.calls);
            failed += u64::from(bucket.failed);
            slow += u64::from(bucket.slow);
        }
        let reaches = |count: u64, percent: Option<u32>| {
            percent.is_some_and(|percent| count * 100 >= calls * u64::from(percent))
        };
        calls >= u64::from(rule.min_calls)
            && (reaches(failed, rule.error_percent) || reaches(slow, rule.slow_percent))
    }

    fn open(&mut self, rule: &BreakerRule, now_ns: u64) {
        self.phase = Phase::Open;
        self.opened += 1;
        self.until_ns = now_ns + u64::from(rule.open_ms) * NANOS_PER_MS;
        self.buckets = Default::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Told::{Failed, Well};

    const RULE: BreakerRule = BreakerRule {
        window_ms: 1_000,
        min_calls: 10,
        error_percent: Some(50),
        slow_ms: Some(100),
        slow_percent: Some(80),
        open_ms: 500,
        probes: 2,
    };
    const MS: u64 = NANOS_PER_MS;

    /// Answers told at once, `(at, how, took)` in milliseconds, and what phase follows from them.
    #[track_caller]
    fn check(answers: &[(u64, Told, u64)], expected: Phase) {
        let mut breaker = Breaker::default();
        for &(at, told, took) in answers {
            if let Ok(call) = breaker.enter(&RULE, at * MS) {
                breaker.tell(&RULE, call, at * MS, told, took * MS);
            }
        }
        assert_eq!(breaker.phase(), expected, "{answers:?}");
    }

    fn many(count: usize, answer: (u64, Told, u64)) -> Vec<(u64, Told, u64)> {
        vec![answer; count]
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            let call = breaker.enter(&RULE, 0).unwrap();
            breaker.tell(&RULE, call, 0, Failed, 0);
        }
        assert_eq!(breaker.phase(), Phase::Open);
        breaker
    }

    #[test]
    fn it_opens_when_the_share_of_a_full_window_says_so() {
        check(&many(9, (0, Failed, 1)), Phase::Closed);
        check(&many(10, (0, Failed, 1)), Phase::Open);
        check(
            &[many(6, (0, Well, 1)), many(5, (0, Failed, 1))].concat(),
            Phase::Closed,
        );
        check(
            &[many(5, (0, Well, 1)), many(5, (0, Failed, 1))].concat(),
            Phase::Open,
        );
        // Slow answers count by themselves.
        check(&many(10, (0, Well, 100)), Phase::Open);
        check(&many(10, (0, Well, 99)), Phase::Closed);
        check(
            &[many(3, (0, Well, 1)), many(8, (0, Well, 200))].concat(),
            Phase::Closed,
        );
        // What is older than the window is forgotten.
        check(
            &[many(9, (0, Failed, 1)), many(9, (1_100, Failed, 1))].concat(),
            Phase::Closed,
        );
        check(
            &[many(5, (0, Failed, 1)), many(5, (850, Failed, 1))].concat(),
            Phase::Open,
        );
    }

    #[test]
    fn while_it_is_open_it_says_for_how_long() {
        let mut breaker = opened();
        assert_eq!(breaker.enter(&RULE, 100 * MS), Err(400 * MS));
        assert_eq!(breaker.enter(&RULE, 499 * MS), Err(MS));
        assert!(breaker.enter(&RULE, 500 * MS).is_ok());
        assert_eq!(breaker.phase(), Phase::HalfOpen);
    }

    #[test]
    fn all_who_try_must_be_well() {
        let mut breaker = opened();
        let try_at = |breaker: &mut Breaker, at: u64| breaker.enter(&RULE, at * MS);
        let first = try_at(&mut breaker, 500).unwrap();
        let second = try_at(&mut breaker, 500).unwrap();
        assert_eq!(try_at(&mut breaker, 500), Err(0), "two may try");
        breaker.tell(&RULE, first, 510 * MS, Well, MS);
        assert_eq!(try_at(&mut breaker, 510), Err(0), "one of two was well");
        breaker.tell(&RULE, second, 520 * MS, Failed, MS);
        assert_eq!(
            try_at(&mut breaker, 520),
            Err(500 * MS),
            "and the other not"
        );

        let first = try_at(&mut breaker, 1_020).unwrap();
        breaker.give_up(first);
        let first = try_at(&mut breaker, 1_020).unwrap();
        let second = try_at(&mut breaker, 1_020).unwrap();
        for call in [first, second] {
            breaker.tell(&RULE, call, 1_030 * MS, Well, MS);
        }
        assert_eq!(breaker.phase(), Phase::Closed);
        let call = try_at(&mut breaker, 1_040).unwrap();
        breaker.tell(&RULE, call, 1_040 * MS, Failed, 0);
        assert_eq!(
            breaker.phase(),
            Phase::Closed,
            "what was before is forgotten"
        );
    }

    #[test]
    fn what_began_before_it_opened_counts_for_nothing() {
        let mut breaker = Breaker::default();
        let late = [(); 20].map(|()| breaker.enter(&RULE, 0).unwrap());
        for _ in 0..10 {
            let call = breaker.enter(&RULE, 0).unwrap();
            breaker.tell(&RULE, call, 0, Failed, 0);
        }
        let probe = breaker.enter(&RULE, 500 * MS).unwrap();
        for call in late {
            breaker.tell(&RULE, call, 500 * MS, Failed, 0);
            breaker.give_up(call);
        }
        assert_eq!(breaker.phase(), Phase::HalfOpen);
        breaker.tell(&RULE, probe, 500 * MS, Failed, 0);
        assert_eq!(breaker.phase(), Phase::Open);
    }
}
