//! When to ask for a newer snapshot, and who waits for it.
//!
//! Invariant: it is asked for long before it is too old to be served, so that as a rule nobody
//! waits; who would be served something too old waits a little, unless the origin is known to be
//! away.

use super::AGE_MS_MAX;
use crate::random;
use std::sync::OnceLock;

/// A newer one is asked for from this age on, ...
const REFRESH_MS: i64 = 500;
/// ... and up to so much later, by chance, so that not all instances of a PoP set out at once.
const SPREAD_MS: u8 = 100;
/// The pause between attempts of a PoP.
const BACK_OFF_MS: i64 = 500;
/// The pause while the origin is away.
const AWAY_BACK_OFF_MS: i64 = 1_000;
/// The pause, and the age, just after a sale has opened: facts come to light then.
const OPENING_BACK_OFF_MS: i64 = 200;
/// How long that goes on.
const OPENING_MS: i64 = 2_000;
/// How long to wait for a newer one before the old one will do.
const WAIT_MS_MAX: i64 = 500;
/// How long to wait for the very first one.
const FIRST_WAIT_MS_MAX: i64 = 2_000;

/// What an instance knows when a request comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    /// How old what it holds is.
    pub age_ms: Option<i64>,
    /// How long ago the last sale opened.
    pub since_opening_ms: Option<i64>,
    /// How long ago the PoP last set out to ask the origin, as far as this instance knows.
    pub since_attempt_ms: i64,
    /// For how long the instance has been asking.
    pub refreshing_ms: Option<i64>,
    /// Whether the last attempt failed.
    pub away: bool,
    /// How long this request has waited.
    pub waited_ms: i64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Begin to fetch.
    pub refresh: bool,
    /// Look again a little later; otherwise take what is there.
    pub wait: bool,
}

impl Step {
    pub(super) fn next(situation: &Situation) -> Self {
        Self::with_spread(situation, spread_ms())
    }

    /// Whether a newer one is wanted, be it that somebody asks for it already.
    pub(super) fn is_due(situation: &Situation) -> bool {
        let spread_ms = spread_ms();
        situation
            .age_ms
            .is_none_or(|age| is_due(age, situation, spread_ms))
    }

    fn with_spread(situation: &Situation, spread_ms: i64) -> Self {
        let Situation {
            age_ms,
            since_attempt_ms,
            refreshing_ms,
            ..
        } = *situation;
        let due = age_ms.is_none_or(|age| is_due(age, situation, spread_ms));
        let backing_off = since_attempt_ms < back_off_ms(situation);
        let refresh = due && refreshing_ms.is_none() && !backing_off;
        let away = situation.away || refreshing_ms.is_some_and(|ms| ms > WAIT_MS_MAX);
        let wait = match age_ms {
            None => situation.waited_ms < FIRST_WAIT_MS_MAX,
            Some(age) => age > AGE_MS_MAX && !away && situation.waited_ms < WAIT_MS_MAX,
        };
        Self { refresh, wait }
    }
}

fn is_due(age_ms: i64, situation: &Situation, spread_ms: i64) -> bool {
    match situation.since_opening_ms {
        // It was true before a sale opened, and is no longer.
        Some(opened) if opened < age_ms => true,
        Some(opened) if opened < OPENING_MS => age_ms >= OPENING_BACK_OFF_MS,
        _ => age_ms >= REFRESH_MS + spread_ms,
    }
}

/// The pause between two attempts.
pub(super) fn back_off_ms(situation: &Situation) -> i64 {
    let opening = situation
        .since_opening_ms
        .is_some_and(|opened| opened < OPENING_MS);
    match (situation.away, opening) {
        (true, _) => AWAY_BACK_OFF_MS,
        (false, true) => OPENING_BACK_OFF_MS,
        (false, false) => BACK_OFF_MS,
    }
}

fn spread_ms() -> i64 {
    static CHANCE: OnceLock<u8> = OnceLock::new();
    let chance = CHANCE.get_or_init(|| random::bytes::<1>().map_or(0, |[byte]| byte));
    i64::from(chance % SPREAD_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A quiet moment with a snapshot of this age.
    fn aged(age_ms: i64) -> Situation {
        Situation {
            age_ms: Some(age_ms),
            since_opening_ms: None,
            since_attempt_ms: age_ms,
            refreshing_ms: None,
            away: false,
            waited_ms: 0,
        }
    }

    #[track_caller]
    fn check(situation: Situation, expected: (bool, bool)) {
        let Step { refresh, wait } = Step::with_spread(&situation, 40);
        assert_eq!((refresh, wait), expected, "{situation:?}");
    }

    #[test]
    fn a_young_snapshot_is_served_as_it_is() {
        check(aged(0), (false, false));
        check(aged(539), (false, false));
    }

    #[test]
    fn a_newer_one_is_fetched_while_the_old_one_is_still_served() {
        check(aged(540), (true, false));
        let refreshing_ms = Some(10);
        check(
            Situation {
                refreshing_ms,
                ..aged(700)
            },
            (false, false),
        );
        check(
            Situation {
                since_attempt_ms: 499,
                ..aged(700)
            },
            (false, false),
        );
        check(
            Situation {
                since_attempt_ms: 500,
                ..aged(700)
            },
            (true, false),
        );
    }

    #[test]
    fn nobody_is_served_one_that_is_too_old_if_a_short_wait_helps() {
        check(aged(1_000), (true, false));
        check(aged(1_001), (true, true));
        check(aged(60_000), (true, true));
        let waiting = Situation {
            refreshing_ms: Some(499),
            since_attempt_ms: 499,
            waited_ms: 499,
            ..aged(60_000)
        };
        check(waiting, (false, true));
        check(
            Situation {
                waited_ms: 500,
                ..waiting
            },
            (false, false),
        );
        check(
            Situation {
                refreshing_ms: Some(501),
                ..waiting
            },
            (false, false),
        );
        // A neighbour asks at this moment.
        check(
            Situation {
                refreshing_ms: None,
                ..waiting
            },
            (false, true),
        );
    }

    #[test]
    fn while_the_origin_is_away_nobody_waits_and_one_asks_each_second() {
        let away = Situation {
            away: true,
            ..aged(60_000)
        };
        check(away, (true, false));
        check(
            Situation {
                since_attempt_ms: 999,
                ..away
            },
            (false, false),
        );
        check(
            Situation {
                since_attempt_ms: 1_000,
                ..away
            },
            (true, false),
        );
    }

    #[test]
    fn the_first_snapshot_is_waited_for_and_then_missed() {
        let first = Situation {
            age_ms: None,
            ..aged(60_000)
        };
        check(first, (true, true));
        let waiting = Situation {
            refreshing_ms: Some(1_999),
            since_attempt_ms: 1_999,
            waited_ms: 1_999,
            ..first
        };
        check(waiting, (false, true));
        check(
            Situation {
                waited_ms: 2_000,
                ..waiting
            },
            (false, false),
        );
        check(
            Situation {
                away: true,
                since_attempt_ms: 500,
                ..first
            },
            (false, true),
        );
    }

    #[test]
    fn what_was_true_before_a_sale_opened_is_refreshed_at_once() {
        let opened = |since_opening_ms, age_ms, since_attempt_ms| Situation {
            since_opening_ms: Some(since_opening_ms),
            since_attempt_ms,
            ..aged(age_ms)
        };
        check(opened(0, 1, 200), (true, false));
        check(opened(0, 1, 199), (false, false));
        check(opened(50, 50, 300), (false, false));
        check(opened(50, 51, 300), (true, false));
        // For a while after the opening facts may come to light at any moment.
        check(opened(1_999, 200, 200), (true, false));
        check(opened(1_999, 199, 200), (false, false));
        check(opened(2_000, 200, 200), (false, false));
        check(opened(2_000, 540, 540), (true, false));
        // Served meanwhile: states go by the clock, and a crowd that waits would be in the way.
        check(opened(10, 900, 300), (true, false));
    }
}
