//! Files of pictures in the PoP's key-value store.
//!
//! Invariant: losing one costs another fetch and nothing else, and one that no item has any more goes
//! with the next that comes.

use bytes::Bytes;
use kernel::catalogue::ImageName;
use kernel::snapshot::Snapshot;
use kit::clock;
use spin_sdk::key_value::Store;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};

/// What the names of entries begin with.
const PREFIX: &str = "image ";
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
        let name = key.strip_prefix(PREFIX).and_then(ImageName::parse);
        if name.is_some_and(|name| !named.contains(&name))
            && let Err(error) = store.delete(&key).await
        {
            eprintln!("the key-value store does not let go of a picture: {error:?}");
        }
    }
}
