//! The edge's clock, and time limits.
//!
//! Invariant: whatever waits for the world waits with a limit.

use futures::future::{Either, select};
use kernel::time::UnixMillis;
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const GRACE_MS: u64 = 5;

/// The time now.
pub fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |elapsed| elapsed.as_millis());
    UnixMillis(i64::try_from(ms).unwrap_or(i64::MAX))
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
