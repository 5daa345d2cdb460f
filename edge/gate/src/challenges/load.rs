//! How many challenges a second the PoP makes.
//!
//! Invariant: making a challenge costs no call of the PoP store; every [`TELL_EVERY_MS`] one of an
//! instance's requests tells how many there were. Without the store the load counts as none.

use kit::clock;
use kit::pop_store::{PopStore, Script};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

static LOAD: Script = Script::new(include_str!("../../../../lua/edge/load.lua"));

/// How often an instance tells what it made, and hears what all made.
const TELL_EVERY_MS: i64 = 250;
/// Over how long the load is averaged, about.
const AVERAGE_OVER_MS: u32 = 2_000;

/// Made and not told yet.
static MADE: AtomicU32 = AtomicU32::new(0);
static TOLD_AT: AtomicI64 = AtomicI64::new(0);
static PER_SECOND: AtomicU32 = AtomicU32::new(0);

/// Counts a challenge and says how many a second the PoP makes.
pub(super) async fn count(store: &PopStore) -> u32 {
    MADE.fetch_add(1, Ordering::Relaxed);
    let now = clock::now();
    let told_at = TOLD_AT.load(Ordering::Relaxed);
    let due = now.0.saturating_sub(told_at) >= TELL_EVERY_MS;
    let ours = due
        && TOLD_AT
            .compare_exchange(told_at, now.0, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok();
    if ours {
        let made = MADE.swap(0, Ordering::Relaxed);
        let arguments = [
            made.to_string(),
            now.0.to_string(),
            AVERAGE_OVER_MS.to_string(),
        ];
        let reply = store
            .eval(&LOAD, &["gate:load".to_owned()], &arguments)
            .await;
        let per_second = reply.and_then(|reply| reply.number(0)).unwrap_or(0);
        PER_SECOND.store(per_second, Ordering::Relaxed);
    }
    PER_SECOND.load(Ordering::Relaxed)
}
