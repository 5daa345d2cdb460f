//! The edge's clock, and time limits.
//!
//! Invariant: whatever waits for the world waits with a limit. What is told to shoppers and decided
//! by the time follows the origin's clock; how long something took is measured by our own.
//!
//! The origin says its time with each answer to a request for the snapshot. Half of the round trip is
//! the most by which the difference that follows can be wrong. Instances of one PoP share it through
//! the key-value store, so hosts that share such a store must agree on the time.

use futures::future::{Either, select};
use kernel::time::UnixMillis;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How much longer than it was told [`within`] may wait.
pub const GRACE_MS: u64 = 5;
/// A slower answer says too little about the origin's clock.
const ROUND_TRIP_MS_MAX: i64 = 500;
/// Changes below this are the network's, not the clock's.
const NOISE_MS: i64 = 5;

/// By how much the origin's clock is ahead of ours.
static OFFSET_MS: AtomicI64 = AtomicI64::new(0);

/// The time now, by the origin's clock as far as it is known.
pub fn now() -> UnixMillis {
    local().plus_ms(offset_ms())
}

/// The time now by our own clock, to measure how long something took.
pub fn local() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |elapsed| elapsed.as_millis());
    UnixMillis(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// By how much [`now`] is ahead of [`local`].
pub(crate) fn offset_ms() -> i64 {
    OFFSET_MS.load(Ordering::Relaxed)
}

/// Follows a clock that is ahead of ours by this much.
pub(crate) fn follow(offset_ms: i64) {
    let known = OFFSET_MS.load(Ordering::Relaxed);
    OFFSET_MS.store(followed(known, offset_ms), Ordering::Relaxed);
}

fn followed(known_ms: i64, measured_ms: i64) -> i64 {
    if measured_ms.abs_diff(known_ms) < NOISE_MS.unsigned_abs() {
        known_ms
    } else {
        measured_ms
    }
}

/// By how much the clock that showed `theirs` is ahead of ours, if its answer came between `sent`
/// and `received`; `None` if that took too long to tell.
pub(crate) fn ahead_ms(sent: UnixMillis, received: UnixMillis, theirs: UnixMillis) -> Option<i64> {
    let round_trip_ms = received.since(sent);
    let middle = sent.plus_ms(round_trip_ms / 2);
    (0..ROUND_TRIP_MS_MAX)
        .contains(&round_trip_ms)
        .then(|| theirs.since(middle))
}

/// Waits.
pub async fn sleep_ms(ms: u64) {
    spin_sdk::time::sleep(Duration::from_millis(ms)).await;
}

/// What `work` gives if it is done within `ms` milliseconds; otherwise it is dropped, and whether
/// it had an effect is unknown.
pub async fn within<T>(ms: u64, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    // On a busy machine the result may lie ready behind the timer: hence the second, short look.
    for ms in [ms, GRACE_MS] {
        match select(work, pin!(sleep_ms(ms))).await {
            Either::Left((result, _)) => return Some(result),
            Either::Right(((), unfinished)) => work = unfinished,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origins_clock_is_read_in_the_middle_of_the_round_trip() {
        let check = |sent, received, theirs, expected| {
            let ahead = ahead_ms(UnixMillis(sent), UnixMillis(received), UnixMillis(theirs));
            assert_eq!(ahead, expected, "{sent} {received} {theirs}");
        };
        check(1_000, 1_000, 1_000, Some(0));
        check(1_000, 1_040, 1_020, Some(0));
        check(1_000, 1_040, 31_020, Some(30_000));
        check(31_000, 31_041, 1_020, Some(-30_000));
        check(1_000, 1_499, 1_000, Some(-249));
        // Too slow, or our own clock was set back meanwhile.
        check(1_000, 1_500, 1_000, None);
        check(1_000, 999, 1_000, None);
    }

    #[test]
    fn the_clock_follows_what_is_more_than_noise() {
        let check = |known, measured, expected| assert_eq!(followed(known, measured), expected);
        check(0, 4, 0);
        check(0, -4, 0);
        check(0, 5, 5);
        check(10_000, 9_996, 10_000);
        check(10_000, -3, -3);
        check(i64::MIN, i64::MAX, i64::MAX);
    }
}
