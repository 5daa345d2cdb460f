//! The PoP's copy of the snapshot in the key-value store, which instances and restarts share.
//!
//! Invariant: losing it, or racing for it, costs another fetch and nothing else.
//!
//! Two entries: the document behind its entity tag, written when it changes, and a small mark,
//! written around each attempt, by which instances see what the others did.

use kernel::time::UnixMillis;
use spin_sdk::key_value::Store;

const DOCUMENT: &str = "snapshot";
const MARK: &str = "snapshot-mark";

/// What the instances tell each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// When one of them last set out to ask the origin.
    pub attempted_at: UnixMillis,
    /// When the origin last said that the document with `etag` is current.
    pub checked_at: UnixMillis,
    /// The entity tag of the document kept; empty if there is none.
    pub etag: String,
}

impl Mark {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let mut instant = || parts.next()?.parse().ok().map(UnixMillis);
        Some(Self {
            attempted_at: instant()?,
            checked_at: instant()?,
            etag: parts.next()?.to_owned(),
        })
    }

    fn to_text(&self) -> String {
        format!(
            "{} {} {}",
            self.attempted_at.0, self.checked_at.0, self.etag
        )
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
            etag: "W/\"a b\"".to_owned(),
        };
        assert_eq!(Mark::parse(&mark.to_text()), Some(mark));
        assert_eq!(Mark::parse(""), None);
        assert_eq!(Mark::parse("1 2"), None);
    }
}
