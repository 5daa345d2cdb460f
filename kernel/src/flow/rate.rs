//! A rate: the generic cell rate algorithm (GCRA), as in ITU-T I.371.
//!
//! Invariant: in any time `t` it passes at most `t × rate + burst` requests, and who is refused loses
//! nothing by having asked.

use super::rules::{Period, Rate};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A rate, ready to decide. What is remembered of each is one number: when it is due, had it come
/// evenly; 0 at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gcra {
    interval_ns: u64,
    /// How much too early a request may come.
    tolerance_ns: u64,
}

/// Nanoseconds from one request to the next, for one of `parts` that share a rate.
pub(super) fn interval_ns(requests: u32, per: Period, parts: u32) -> u64 {
    let period_ns = per.seconds() * NANOS_PER_SECOND;
    (period_ns * u64::from(parts.max(1)))
        .div_ceil(u64::from(requests.max(1)))
        .max(1)
}

impl Gcra {
    /// One of `parts` equal parts of a rate. A part has a burst of at least one.
    pub fn part(rate: &Rate, parts: u32) -> Self {
        let interval_ns = interval_ns(rate.requests, rate.per, parts);
        let burst = (rate.burst / parts.max(1)).max(1);
        Self {
            interval_ns,
            tolerance_ns: interval_ns.saturating_mul(u64::from(burst - 1)),
        }
    }

    /// Lets a request through, with how many more may follow at once; or says how many nanoseconds
    /// it is too early.
    pub fn pass(&self, due_ns: &mut u64, now_ns: u64) -> Result<u64, u64> {
        let earliest = due_ns.saturating_sub(self.tolerance_ns);
        if now_ns < earliest {
            return Err(earliest - now_ns);
        }
        *due_ns = now_ns.max(*due_ns).saturating_add(self.interval_ns);
        let ahead = *due_ns - now_ns;
        Ok((self.tolerance_ns + self.interval_ns).saturating_sub(ahead) / self.interval_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = NANOS_PER_SECOND;

    fn rate(requests: u32, per: Period, burst: u32) -> Rate {
        Rate {
            requests,
            per,
            burst,
        }
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let gcra = Gcra::part(&rate(10, Period::Second, 3), 1);
        let mut due = 0;
        let mut check = |now_ms: u64, expected| {
            let found = gcra.pass(&mut due, SECOND + now_ms * 1_000_000);
            assert_eq!(found, expected, "at {now_ms}");
        };
        check(0, Ok(2));
        check(0, Ok(1));
        check(0, Ok(0));
        check(0, Err(100_000_000));
        check(60, Err(40_000_000));
        check(100, Ok(0));
        check(300, Ok(1));
        check(9_000, Ok(2));
    }

    #[test]
    fn origins_share_a_rate() {
        let check = |parts, burst, interval_ms: u64| {
            let gcra = Gcra::part(&rate(60, Period::Minute, 8), parts);
            let mut due = 0;
            let passed = (0..100).filter(|_| gcra.pass(&mut due, SECOND).is_ok());
            assert_eq!(passed.count(), burst, "{parts} parts");
            assert_eq!(gcra.interval_ns, interval_ms * 1_000_000, "{parts} parts");
        };
        check(1, 8, 1_000);
        check(2, 4, 2_000);
        check(3, 2, 3_000);
        check(100, 1, 100_000);
    }

    proptest! {
        #[test]
        fn no_time_sees_more_than_its_rate_and_a_burst(
            requests in 1u32..1_000,
            burst in 1u32..50,
            gaps in prop::collection::vec(0u64..40_000_000, 1..300),
        ) {
            let gcra = Gcra::part(&rate(requests, Period::Second, burst), 1);
            let (mut due, mut now) = (0, SECOND);
            let mut passed = Vec::new();
            for gap in gaps {
                now += gap;
                if gcra.pass(&mut due, now).is_ok() {
                    passed.push(now);
                }
            }
            for (first, from) in passed.iter().enumerate() {
                for (last, to) in passed.iter().enumerate().skip(first) {
                    let most = (to - from) * u64::from(requests) / SECOND + u64::from(burst);
                    prop_assert!((last - first + 1) as u64 <= most);
                }
            }
        }

        #[test]
        fn who_waits_as_long_as_told_passes(
            requests in 1u32..1_000,
            burst in 1u32..5,
            gaps in prop::collection::vec(0u64..5_000_000, 1..100),
        ) {
            let gcra = Gcra::part(&rate(requests, Period::Second, burst), 1);
            let (mut due, mut now) = (0, SECOND);
            for gap in gaps {
                now += gap;
                if let Err(wait) = gcra.pass(&mut due, now) {
                    prop_assert!(gcra.pass(&mut due, now + wait - 1).is_err());
                    now += wait;
                    prop_assert!(gcra.pass(&mut due, now).is_ok());
                }
            }
        }
    }
}
