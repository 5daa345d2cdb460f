//! When to leave the PoP store alone.
//!
//! Invariant: while it is open nobody waits for the store; after [`OPEN_MS`] one call tries, and its
//! outcome alone decides.
//!
//! Calls that fail together, as when the machine stood still for a moment, are one failure: a call
//! counts only if it began after the failure before it was known.

use kernel::time::UnixMillis;

/// It opens after so many failures in a row.
const FAILURES_MAX: u32 = 3;
/// How long the store is left alone.
const OPEN_MS: i64 = 500;
/// After this a trying call that has not reported back is given up: its request was cancelled.
const TRY_MS_MAX: i64 = 1_000;

/// The state of one instance's breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    failures: u32,
    failed_at: UnixMillis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        since: UnixMillis,
    },
    /// The call that began at `since` tries whether the store is back.
    Trying {
        since: UnixMillis,
    },
}

/// What a settled call changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// The store is left alone from now on; `again` if a trying call failed.
    Opened { again: bool },
    /// The store is back.
    Closed,
}

impl Breaker {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Closed,
            failures: 0,
            failed_at: UnixMillis(0),
        }
    }

    /// Whether a call may begin now; one that may must be settled.
    pub(super) fn enter(&mut self, now: UnixMillis) -> bool {
        let over = |since, ms| now.since(since).abs() >= ms;
        let may = match self.state {
            State::Closed => return true,
            State::Open { since } => over(since, OPEN_MS),
            State::Trying { since } => over(since, TRY_MS_MAX),
        };
        if may {
            self.state = State::Trying { since: now };
        }
        may
    }

    /// How the call that began at `began` ended.
    pub(super) fn settle(&mut self, began: UnixMillis, now: UnixMillis, answered: bool) -> Change {
        match (self.state, answered) {
            (State::Closed, true) => self.failures = 0,
            (State::Closed, false) => {
                if self.failures == 0 || began > self.failed_at {
                    self.failures += 1;
                    self.failed_at = now;
                }
                if self.failures >= FAILURES_MAX {
                    self.state = State::Open { since: now };
                    return Change::Opened { again: false };
                }
            }
            (State::Trying { since }, true) if since == began => {
                *self = Self::new();
                return Change::Closed;
            }
            (State::Trying { since }, false) if since == began => {
                self.state = State::Open { since: now };
                return Change::Opened { again: true };
            }
            // It began before the breaker opened.
            (State::Open { .. } | State::Trying { .. }, _) => {}
        }
        Change::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Step {
        /// A call may begin, or not.
        Enter(bool),
        /// A call that began then failed.
        Failed(i64, Change),
        /// A call that began then was answered.
        Answered(i64, Change),
    }
    use Step::{Answered, Enter, Failed};

    const OPENED: Change = Change::Opened { again: false };
    const OPENED_AGAIN: Change = Change::Opened { again: true };

    /// Steps with the time at which they happen.
    fn check(steps: &[(i64, Step)]) {
        let mut breaker = Breaker::new();
        for (index, (at, step)) in steps.iter().enumerate() {
            let now = UnixMillis(*at);
            match step {
                Enter(may) => assert_eq!(breaker.enter(now), *may, "step {index} at {at}"),
                Failed(began, change) => {
                    let changed = breaker.settle(UnixMillis(*began), now, false);
                    assert_eq!(changed, *change, "step {index} at {at}");
                }
                Answered(began, change) => {
                    let changed = breaker.settle(UnixMillis(*began), now, true);
                    assert_eq!(changed, *change, "step {index} at {at}");
                }
            }
        }
    }

    #[test]
    fn it_opens_after_three_failures_in_a_row_and_one_call_tries() {
        check(&[
            (0, Enter(true)),
            (50, Failed(0, Change::None)),
            (60, Enter(true)),
            (110, Failed(60, Change::None)),
            (120, Enter(true)),
            (170, Failed(120, OPENED)),
            (171, Enter(false)),
            (669, Enter(false)),
            (670, Enter(true)),
            (670, Enter(false)),
            (720, Failed(670, OPENED_AGAIN)),
            (1_219, Enter(false)),
            (1_220, Enter(true)),
            (1_225, Answered(1_220, Change::Closed)),
            (1_226, Enter(true)),
            (1_226, Enter(true)),
        ]);
    }

    #[test]
    fn calls_that_fail_together_are_one_failure() {
        check(&[
            (50, Failed(0, Change::None)),
            (51, Failed(1, Change::None)),
            (52, Failed(40, Change::None)),
            (53, Failed(50, Change::None)),
            (99, Failed(51, Change::None)),
            (150, Failed(100, OPENED)),
        ]);
    }

    #[test]
    fn an_answer_forgives() {
        check(&[
            (10, Failed(0, Change::None)),
            (20, Failed(11, Change::None)),
            (25, Answered(21, Change::None)),
            (30, Failed(26, Change::None)),
            (40, Failed(31, Change::None)),
            (50, Failed(41, OPENED)),
        ]);
    }

    #[test]
    fn late_outcomes_of_earlier_calls_decide_nothing() {
        check(&[
            (10, Failed(0, Change::None)),
            (20, Failed(11, Change::None)),
            (30, Failed(21, OPENED)),
            (40, Answered(22, Change::None)),
            (41, Enter(false)),
            (530, Enter(true)),
            (531, Answered(22, Change::None)),
            (532, Failed(23, Change::None)),
            (533, Enter(false)),
            (540, Answered(530, Change::Closed)),
        ]);
    }

    #[test]
    fn a_try_that_was_cancelled_is_followed_by_another() {
        check(&[
            (10, Failed(0, Change::None)),
            (20, Failed(11, Change::None)),
            (30, Failed(21, OPENED)),
            (530, Enter(true)),
            (1_529, Enter(false)),
            (1_530, Enter(true)),
            (1_531, Answered(530, Change::None)),
            (1_535, Answered(1_530, Change::Closed)),
        ]);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        check(&[
            (90_010, Failed(90_000, Change::None)),
            (90_020, Failed(90_011, Change::None)),
            (90_030, Failed(90_021, OPENED)),
            (5, Enter(true)),
        ]);
    }
}
