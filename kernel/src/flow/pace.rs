//! Pacing: evenly spaced turns, a leaky bucket with a bounded queue.
//!
//! Invariant: turns are given in the order of asking, never two within an interval, and none that is
//! further away than the longest wait.

use super::NANOS_PER_MS;
use super::rate::interval_ns;
use super::rules::Pacing;

/// Pacing, ready to decide. What is remembered is when the next turn is; 0 at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    interval_ns: u64,
    max_wait_ns: u64,
}

impl Pace {
    /// One of `parts` equal parts.
    pub fn part(pacing: &Pacing, parts: u32) -> Self {
        Self {
            interval_ns: interval_ns(pacing.requests, pacing.per, parts),
            max_wait_ns: u64::from(pacing.max_wait_ms) * NANOS_PER_MS,
        }
    }

    /// How long to wait for the turn that is given; or, if that would be too long, how much too long.
    pub fn turn(&self, next_ns: &mut u64, now_ns: u64) -> Result<u64, u64> {
        let turn = now_ns.max(*next_ns);
        let wait = turn - now_ns;
        if wait > self.max_wait_ns {
            return Err(wait - self.max_wait_ns);
        }
        *next_ns = turn.saturating_add(self.interval_ns);
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::Period;
    use super::*;
    use proptest::prelude::*;

    fn pace(requests: u32, max_wait_ms: u32, parts: u32) -> Pace {
        let pacing = Pacing {
            requests,
            per: Period::Second,
            max_wait_ms,
        };
        Pace::part(&pacing, parts)
    }

    #[test]
    fn turns_are_spaced_and_the_queue_ends() {
        let pace = pace(10, 200, 1);
        let mut next = 0;
        let mut check = |now_ms: u64, expected: Result<u64, u64>| {
            let in_ms = |ns| ns / NANOS_PER_MS;
            let found = pace.turn(&mut next, now_ms * NANOS_PER_MS);
            assert_eq!(found.map(in_ms).map_err(in_ms), expected, "at {now_ms}");
        };
        check(1_000, Ok(0));
        check(1_000, Ok(100));
        check(1_000, Ok(200));
        check(1_000, Err(100));
        check(1_050, Err(50));
        check(1_100, Ok(200));
        check(5_000, Ok(0));
    }

    proptest! {
        #[test]
        fn turns_keep_order_and_distance(
            requests in 1u32..1_000,
            parts in 1u32..4,
            gaps in prop::collection::vec(0u64..20_000_000, 1..300),
        ) {
            let pace = pace(requests, 500, parts);
            let (mut next, mut now) = (0, 1);
            let mut last: Option<u64> = None;
            for gap in gaps {
                now += gap;
                let Ok(wait) = pace.turn(&mut next, now) else { continue };
                prop_assert!(wait <= 500 * NANOS_PER_MS);
                let turn = now + wait;
                if let Some(last) = last {
                    prop_assert!(turn - last >= pace.interval_ns);
                }
                last = Some(turn);
            }
        }
    }
}
