//! What shoppers and the log are told while a part of us is away.
//!
//! Invariant: an outage does not flood the log, nor do those it turned away come back all at once.

use crate::guard::Shed;
use std::error::Error;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A request that failed is logged at most so often, in milliseconds.
const LOG_EVERY_MS: i64 = 1_000;

/// When a failed request was last logged, in Unix milliseconds.
static LOGGED_AT_MS: AtomicI64 = AtomicI64::new(0);
/// Failed requests since then.
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// Logs why a request failed, once a second at most. One that a guard refused is not logged: the
/// breaker has said that it opened, and the metrics count.
pub(super) fn log(error: &(dyn Error + 'static)) {
    if is_shed(error) {
        return tracing::debug!(error, "A request was shed");
    }
    let now = crate::now().0;
    let last = LOGGED_AT_MS.load(Ordering::Relaxed);
    let due = now - last >= LOG_EVERY_MS || now < last;
    let take = || LOGGED_AT_MS.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed);
    if !due || take().is_err() {
        LEFT_OUT.fetch_add(1, Ordering::Relaxed);
        return;
    }
    tracing::error!(
        error,
        left_out = LEFT_OUT.swap(0, Ordering::Relaxed),
        "A request failed because a part of the system is away"
    );
}

fn is_shed(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(shed) = error.downcast_ref::<Shed>() {
            return !matches!(shed, Shed::Slow(_));
        }
        cause = error.source();
    }
    false
}

/// Seconds for `Retry-After`: 1 to 3, by chance.
pub(super) fn retry_after() -> u32 {
    let [byte] = crate::random_bytes::<1>();
    1 + u32::from(byte) % 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orders::PlaceError;
    use crate::stock::StockError;

    #[test]
    fn what_a_guard_refused_is_told_from_what_failed() {
        let check = |shed, expected| {
            let error = PlaceError::from(StockError::from(shed));
            assert_eq!(is_shed(&error), expected, "{error}");
        };
        check(Shed::Open("redis"), true);
        check(Shed::Busy("redis"), true);
        check(Shed::Slow("redis"), false);
    }
}
