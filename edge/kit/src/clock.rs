//! The edge's clock, and time limits.
//!
//! Invariant: whatever waits for the world waits with a limit. What is told to shoppers and decided
//! by the time follows the origin's clock; how long something took is measured by our own.
//!
//! The origin says its time with each answer to a request for the snapshot. Half of the round trip is
//! the most by which what that tells can be wrong. Instances of one PoP share it through
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
/// Differences up to this are the network's, not the clock's.
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

/// Goes by what another instance measured.
pub(crate) fn adopt(offset_ms: i64) {
    OFFSET_MS.store(offset_ms, Ordering::Relaxed);
}

/// Follows the clock that showed `theirs`, if its answer came between `sent` and `received`.
pub(crate) fn follow(sent: UnixMillis, received: UnixMillis, theirs: UnixMillis) {
    OFFSET_MS.store(
        followed(offset_ms(), sent, received, theirs),
        Ordering::Relaxed,
    );
}

/// By how much the clock is ahead of ours, after an answer of it. What was known stays if the answer
/// fits it, as a slow one fits much, or if it took too long to tell.
fn followed(known_ms: i64, sent: UnixMillis, received: UnixMillis, theirs: UnixMillis) -> i64 {
    let round_trip_ms = received.since(sent);
    let measured_ms = theirs.since(sent.plus_ms(round_trip_ms / 2));
    let doubt_ms = NOISE_MS.max(round_trip_ms / 2);
    let tells = (0..ROUND_TRIP_MS_MAX).contains(&round_trip_ms);
    if tells && measured_ms.abs_diff(known_ms) > doubt_ms.unsigned_abs() {
        measured_ms
    } else {
        known_ms
    }
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
    fn the_clock_follows_what_the_round_trip_does_not_explain() {
        let check = |known, sent, received, theirs, expected| {
            let followed = followed(
                known,
                UnixMillis(sent),
                UnixMillis(received),
                UnixMillis(theirs),
            );
            assert_eq!(followed, expected, "{known} {sent} {received} {theirs}");
        };
        check(0, 1_000, 1_000, 1_000, 0);
        check(0, 1_000, 1_002, 31_001, 30_000);
        check(0, 31_000, 31_041, 1_020, -30_000);
        check(30_000, 1_000, 1_002, 1_001, 0);
        // Noise.
        check(0, 1_000, 1_002, 1_006, 0);
        check(0, 1_000, 1_002, 1_007, 6);
        check(10_000, 1_000, 1_002, 10_996, 10_000);
        // A slow answer says little, and a quick one puts right what a slow one got wrong.
        check(0, 1_000, 1_400, 1_390, 0);
        check(0, 1_000, 1_400, 1_401, 201);
        check(201, 1_000, 1_004, 1_002, 0);
        check(0, 1_000, 1_500, 9_000, 0);
        // Our own clock was set back meanwhile.
        check(0, 1_000, 999, 9_000, 0);
        check(i64::MAX, i64::MIN, i64::MAX, 0, i64::MAX);
    }
}
