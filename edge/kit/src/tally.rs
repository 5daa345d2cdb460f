//! Counts of this component: reads of the catalogue by level, calls of the PoP store by outcome.
//!
//! Invariant: counting costs a request nothing but an addition. What an instance counted goes into
//! the key-value store a moment later, where the counts of all instances add up, and from there to
//! the origin with a request for the snapshot that is made anyway.
//!
//! An instance lives for a few requests, and only one of the PoP asks the origin: hence the way
//! through the store. It has no atomic addition, so instances write to one of several entries by
//! chance; two that meet in one cost a few counts, not the shares of the levels.

use crate::{clock, random};
use kernel::edge_report::{Component, EdgeReport, Level, StoreCall, Tally};
use kernel::time::UnixMillis;
use spin_sdk::key_value::Store;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// How long an instance collects before it writes.
const COLLECT_MS: u64 = 200;
/// Entries that the instances of a component write to.
const ENTRIES: u8 = 8;
/// The pause between reports to the origin.
const REPORT_MS: i64 = 2_000;
/// What has been told to the origin, and when.
const REPORTED: &str = "tally-reported";

static COMPONENT: OnceLock<Component> = OnceLock::new();
static PENDING: Mutex<Option<Tally>> = Mutex::new(None);
static COLLECTING: AtomicBool = AtomicBool::new(false);

/// Says which component this is; without that nothing is counted.
pub fn belongs_to(component: Component) {
    COMPONENT.get_or_init(|| component);
}

/// Counts a read of the catalogue.
pub(crate) fn read(level: Level) {
    count(|tally| tally.count_read(level));
}

/// Counts a call of the PoP store.
pub(crate) fn store_call(call: StoreCall) {
    count(|tally| tally.count_call(call));
}

fn count(add: impl FnOnce(&mut Tally)) {
    let Some(component) = COMPONENT.get() else {
        return;
    };
    add(pending().get_or_insert_default());
    if !COLLECTING.swap(true, Ordering::Relaxed) {
        spin_sdk::wasip3::spawn(async {
            clock::sleep_ms(COLLECT_MS).await;
            COLLECTING.store(false, Ordering::Relaxed);
            write(*component).await;
        });
    }
}

fn pending() -> MutexGuard<'static, Option<Tally>> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn write(component: Component) {
    let counted = pending().take();
    let (Some(counted), Ok(store)) = (counted, Store::open_default().await) else {
        return;
    };
    static CHANCE: OnceLock<u8> = OnceLock::new();
    let chance = CHANCE.get_or_init(|| random::bytes::<1>().map_or(0, |[byte]| byte));
    let entry = entry(component, chance % ENTRIES);
    let sum = kept(&store, &entry).await.plus(&counted);
    if let Err(error) = store.set(&entry, sum.to_string()).await {
        eprintln!("the key-value store does not keep the counts: {error:?}");
    }
}

/// What the origin is to be told.
#[derive(Debug)]
pub(crate) struct Due {
    /// The counts since the last report.
    pub report: EdgeReport,
    told: [Tally; Component::ALL.len()],
}

/// The report that is due by now, if one is.
pub(crate) async fn due(store: &Store) -> Option<Due> {
    let (at, told) = reported(&text(store, REPORTED).await);
    if clock::local().since(at).abs() < REPORT_MS {
        return None;
    }
    let mut counted = told;
    let mut now_told = told;
    for (index, component) in Component::ALL.into_iter().enumerate() {
        let mut sum = Tally::default();
        for number in 0..ENTRIES {
            sum = sum.plus(&kept(store, &entry(component, number)).await);
        }
        let since = sum.since(&told[index]);
        now_told[index] = told[index].plus(&since);
        counted[index] = since;
    }
    Some(Due {
        report: EdgeReport::new(counted),
        told: now_told,
    })
}

/// Remembers that the origin has taken the report.
pub(crate) async fn done(store: &Store, due: &Due) {
    let told = due.told.map(|tally| tally.to_string()).join(" ");
    let text = format!("{} {told}", clock::local().0);
    if let Err(error) = store.set(REPORTED, text).await {
        eprintln!("the key-value store does not keep what was reported: {error:?}");
    }
}

fn entry(component: Component, number: u8) -> String {
    format!("tally-{}-{number}", component.word())
}

async fn kept(store: &Store, entry: &str) -> Tally {
    text(store, entry).await.parse().unwrap_or_default()
}

async fn text(store: &Store, entry: &str) -> String {
    let bytes = store.get(entry).await.ok().flatten().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// When the origin was told last, and what it has been told in all.
fn reported(text: &str) -> (UnixMillis, [Tally; Component::ALL.len()]) {
    let mut parts = text.split(' ');
    let at = parts.next().and_then(|part| part.parse().ok());
    let told = Component::ALL.map(|_| parts.next().and_then(|part| part.parse().ok()));
    let told = told.map(Option::unwrap_or_default);
    (UnixMillis(at.unwrap_or_default()), told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_reported_reads_as_it_was_written() {
        let (at, told) = reported("17 1.0.0.0.0.0.0.0.0 0.0.0.0.0.0.0.0.0 0.2.0.0.0.0.0.0.3");
        assert_eq!(at, UnixMillis(17));
        assert_eq!(told[0].reads(Level::Instance), 1);
        assert!(told[1].is_empty());
        assert_eq!(told[2].calls(StoreCall::Refused), 3);
        assert_eq!(reported(""), (UnixMillis(0), Default::default()));
    }
}
