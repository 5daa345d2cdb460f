//! Files of pictures in the PoP's key-value store.
//!
//! Invariant: losing one costs another fetch and nothing else, and one that no item has any more goes
//! with the next that comes.

use super::flights::{Flight, Turn};
use bytes::Bytes;
use kernel::catalogue::ImageName;
use kernel::snapshot::Snapshot;
use kernel::time::UnixMillis;
use kit::{clock, random};
use spin_sdk::key_value::Store;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};

/// What the names of entries begin with.
const PREFIX: &str = "image ";
/// The same of marks.
const MARK_PREFIX: &str = "image-mark ";
/// The longest to wait for others that set out at the same moment.
const ANNOUNCE_MS_MAX: i64 = 100;
/// How often an instance looks for files that are not needed any more, at most.
const SWEEP_MS: i64 = 60_000;

static SWEPT_AT: AtomicI64 = AtomicI64::new(0);

/// The store, or nothing: every file is then fetched each time.
pub(super) async fn open() -> Option<Store> {
    let store = Store::open_default().await;
    store
        .inspect_err(|error| eprintln!("the key-value store is away: {error:?}"))
        .ok()
}

fn key(name: &ImageName) -> String {
    format!("{PREFIX}{name}")
}

pub(super) async fn get(store: Option<&Store>, name: &ImageName) -> Option<Bytes> {
    let bytes = store?.get(key(name)).await.ok().flatten();
    bytes.map(Bytes::from)
}

pub(super) async fn set(store: Option<&Store>, name: &ImageName, bytes: &Bytes) {
    let Some(store) = store else { return };
    if let Err(error) = store.set(key(name), bytes).await {
        eprintln!("the key-value store does not keep a picture: {error:?}");
    }
}

/// Whose turn among all instances it is to fetch a file that is not there. The store has no locks:
/// whoever wrote its mark last, when all that read none have written theirs, goes.
pub(super) async fn begin(store: Option<&Store>, name: &ImageName) -> Turn {
    let Some(store) = store else {
        return Turn::Mine;
    };
    let now = clock::local();
    if let Some(mark) = mark(store, name).await {
        let turn = Flight::told(mark.at, mark.failed).turn(now);
        if turn != Turn::Mine {
            return turn;
        }
    }
    let mine = Mark {
        at: now,
        failed: false,
        by: random::name(),
    };
    set_mark(store, name, &mine).await;
    let took_ms = clock::local().since(now).clamp(1, ANNOUNCE_MS_MAX);
    clock::sleep_ms(took_ms.unsigned_abs()).await;
    // A store that does not keep the mark keeps nobody from asking.
    match mark(store, name).await {
        Some(latest) if latest.by != mine.by => Turn::Others,
        _ => Turn::Mine,
    }
}

/// The fetch is over.
pub(super) async fn end(store: Option<&Store>, name: &ImageName, done: bool) {
    let Some(store) = store else { return };
    if done {
        // What is left of it is swept.
        drop(store.delete(mark_key(name)).await);
        return;
    }
    let failed = Mark {
        at: clock::local(),
        failed: true,
        by: random::name(),
    };
    set_mark(store, name, &failed).await;
}

/// What instances tell each other about a file that one fetches.
struct Mark {
    at: UnixMillis,
    failed: bool,
    /// Who: a random name.
    by: String,
}

fn mark_key(name: &ImageName) -> String {
    format!("{MARK_PREFIX}{name}")
}

async fn mark(store: &Store, name: &ImageName) -> Option<Mark> {
    let bytes = store.get(mark_key(name)).await.ok().flatten()?;
    let text = String::from_utf8(bytes).ok()?;
    let mut parts = text.split(' ');
    Some(Mark {
        at: UnixMillis(parts.next()?.parse().ok()?),
        failed: parts.next()? == "failed",
        by: parts.next()?.to_owned(),
    })
}

async fn set_mark(store: &Store, name: &ImageName, mark: &Mark) {
    let state = if mark.failed { "failed" } else { "begun" };
    let text = format!("{} {state} {}", mark.at.0, mark.by);
    if let Err(error) = store.set(mark_key(name), text).await {
        eprintln!("the key-value store does not keep a picture's mark: {error:?}");
    }
}

/// Removes files that no item of the snapshot has.
pub(super) async fn sweep(store: Option<&Store>, snapshot: &Snapshot) {
    let now = clock::local().0;
    let Some(store) = store else { return };
    if now
        .saturating_sub(SWEPT_AT.swap(now, Ordering::Relaxed))
        .abs()
        < SWEEP_MS
    {
        return;
    }
    let named: BTreeSet<ImageName> = super::paths(snapshot)
        .filter_map(ImageName::of_path)
        .collect();
    let keys = store.get_keys().await.collect().await.unwrap_or_default();
    for key in keys {
        let name = key.strip_prefix(PREFIX).or(key.strip_prefix(MARK_PREFIX));
        let name = name.and_then(ImageName::parse);
        if name.is_some_and(|name| !named.contains(&name))
            && let Err(error) = store.delete(&key).await
        {
            eprintln!("the key-value store does not let go of a picture: {error:?}");
        }
    }
}
