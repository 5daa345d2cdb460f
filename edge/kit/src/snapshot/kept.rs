//! The PoP's copy of the snapshot in the key-value store, which instances and restarts share.
//!
//! Invariant: losing it, or racing for it, costs another fetch and nothing else.
//!
//! Two entries: the document behind its entity tag, written when it changes, and a small mark,
//! written around each attempt, by which instances see what the others did. Its times are by the PoP's
//! own clock.

use crate::clock;
use kernel::time::UnixMillis;
use spin_sdk::key_value::Store;

const DOCUMENT: &str = "snapshot";
const MARK: &str = "snapshot-mark";

/// What the instances tell each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// When one of them last set out to ask the origin.
    pub attempted_at: UnixMillis,
    /// When the document with `etag` was last known to be true at the origin.
    pub checked_at: UnixMillis,
    /// Whether the last attempt failed.
    pub away: bool,
    /// By how much the origin's clock is ahead of the PoP's.
    pub offset_ms: i64,
    /// The entity tag of the document kept; empty if there is none.
    pub etag: String,
}

impl Mark {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, ' ');
        let mut number = || parts.next()?.parse().ok();
        Some(Self {
            attempted_at: UnixMillis(number()?),
            checked_at: UnixMillis(number()?),
            away: number()? != 0,
            offset_ms: number()?,
            etag: parts.next()?.to_owned(),
        })
    }

    fn to_text(&self) -> String {
        format!(
            "{} {} {} {} {}",
            self.attempted_at.0,
            self.checked_at.0,
            u8::from(self.away),
            self.offset_ms,
            self.etag
        )
    }
}

/// Follows the origin's clock as far as the PoP knows it; for an instance that has just begun.
pub(crate) async fn read_clock() {
    if let Some(store) = open().await {
        clock::follow(mark(&store).await.offset_ms);
    }
}

/// The store, or nothing: the snapshot does without.
pub(super) async fn open() -> Option<Store> {
    let store = Store::open_default().await;
    store
        .inspect_err(|error| eprintln!("the key-value store is away: {error:?}"))
        .ok()
}

pub(super) async fn mark(store: &Store) -> Mark {
    let bytes = store.get(MARK).await.ok().flatten().unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    Mark::parse(&text).unwrap_or_default()
}

pub(super) async fn set_mark(store: &Store, mark: &Mark) {
    if let Err(error) = store.set(MARK, mark.to_text()).await {
        eprintln!("the key-value store does not keep the snapshot's mark: {error:?}");
    }
}

/// The document and its entity tag.
pub(super) async fn document(store: &Store) -> Option<(String, Vec<u8>)> {
    let mut bytes = store.get(DOCUMENT).await.ok().flatten()?;
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let document = bytes.split_off(end + 1);
    bytes.truncate(end);
    Some((String::from_utf8(bytes).ok()?, document))
}

pub(super) async fn set_document(store: &Store, etag: &str, document: &[u8]) {
    let entry = [etag.as_bytes(), b"\n", document].concat();
    if let Err(error) = store.set(DOCUMENT, entry).await {
        eprintln!("the key-value store does not keep the snapshot: {error:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_as_it_was_written() {
        let mark = Mark {
            attempted_at: UnixMillis(7),
            checked_at: UnixMillis(5),
            away: true,
            offset_ms: -30,
            etag: "W/\"a b\"".to_owned(),
        };
        assert_eq!(Mark::parse(&mark.to_text()), Some(mark));
        assert_eq!(Mark::parse(""), None);
        assert_eq!(Mark::parse("1 2 \"a\""), None);
    }
}
