//! The stored answers, by address.
//!
//! Invariant: they never take more than the bound in memory; what is asked for often stays when much is
//! asked for once.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU64,
            Ordering::{Acquire, Release},
        },
    },
    time::{Duration, Instant},
};

use http::HeaderMap;
use moka::future::Cache;

use super::{
    address::{Address, Key},
    stored::Stored,
};

/// Answers for one address that differ by `Vary`; the one stored first goes first.
const VARIANTS_MAX: usize = 8;
/// The largest answer that is kept.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Answers from this size on are counted against the bound at once.
const LARGE_BYTES: usize = 16 << 10;
/// At most this part of the whole goes to one answer.
const SHARE_MIN: usize = 8;
/// How long an address whose answer could not be kept is asked for by everybody at once.
const PASSES_FOR: Duration = Duration::from_secs(10);
/// What an entry takes without answers.
const OVERHEAD_BYTES: usize = 256;

/// All that is stored.
pub struct Store {
    entries: Cache<Key, Arc<Entry>>,
    answer_bytes_max: usize,
    /// Counts how often everything was dropped.
    generation: AtomicU64,
}

/// What is known of an address.
#[derive(Default)]
pub struct Entry {
    /// The latest first.
    answers: Vec<Arc<Stored>>,
    /// Until then nobody waits for what another request brings: it could not be kept last time.
    passes_until: Option<Instant>,
}

impl Entry {
    /// The answer for a request with these headers; who is signed in gets public ones alone.
    pub fn select(&self, request: &HeaderMap, signed_in: bool) -> Option<&Arc<Stored>> {
        let mut answers = self.answers.iter();
        answers.find(|stored| (stored.public || !signed_in) && stored.vary.admits(request))
    }

    /// Whether something is stored, for whichever request.
    pub fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Whether waiting for another request's answer has lately been in vain.
    pub fn passes(&self, now: Instant) -> bool {
        self.passes_until.is_some_and(|until| now < until)
    }

    fn bytes(&self) -> usize {
        let answers = self.answers.iter().map(|stored| stored.bytes());
        OVERHEAD_BYTES + answers.sum::<usize>()
    }
}

impl Store {
    /// A store of so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        let weigh = |key: &Key, entry: &Arc<Entry>| {
            u32::try_from(key.bytes() + entry.bytes()).unwrap_or(u32::MAX)
        };
        let entries = Cache::builder()
            .max_capacity(bytes_max as u64)
            .weigher(weigh);
        Self {
            entries: entries.build(),
            answer_bytes_max: ANSWER_BYTES_MAX.min(bytes_max / SHARE_MIN),
            generation: AtomicU64::new(0),
        }
    }

    /// The largest body that is kept.
    pub fn answer_bytes_max(&self) -> usize {
        self.answer_bytes_max
    }

    /// What is known of an address.
    pub async fn find(&self, address: &Address<'_>) -> Option<Arc<Entry>> {
        self.entries.get(address).await
    }

    /// To be told when keeping an answer, so that none outlives its app.
    pub fn generation(&self) -> u64 {
        self.generation.load(Acquire)
    }

    /// Keeps an answer to a request with these headers that was sent in `generation`, in place of
    /// those that were for such a request.
    pub async fn keep(
        &self,
        key: &Key,
        request: &HeaderMap,
        stored: Arc<Stored>,
        passes: bool,
        generation: u64,
    ) {
        let large = stored.bytes() >= LARGE_BYTES;
        let change = |old: &Entry| {
            let others = old.answers.iter().filter(|old| !old.vary.admits(request));
            let others = others.take(VARIANTS_MAX - 1).cloned();
            Entry {
                answers: std::iter::once(stored).chain(others).collect(),
                passes_until: passes.then(|| Instant::now() + PASSES_FOR),
            }
        };
        self.change(key, change, generation).await;
        if large {
            // The bound is enforced in turns; large answers must not gather in between.
            self.entries.run_pending_tasks().await;
        }
    }

    /// Notes that the answer to a request with these headers could not be kept; what was kept for such
    /// a request goes.
    pub async fn pass(&self, key: &Key, request: &HeaderMap, generation: u64) {
        let change = |old: &Entry| {
            let others = old.answers.iter().filter(|old| !old.vary.admits(request));
            Entry {
                answers: others.cloned().collect(),
                passes_until: Some(Instant::now() + PASSES_FOR),
            }
        };
        self.change(key, change, generation).await;
    }

    /// Drops what is stored for an address.
    pub async fn drop(&self, key: &Key) {
        self.entries.invalidate(key).await;
    }

    /// Drops everything.
    pub fn clear(&self) {
        self.generation.fetch_add(1, Release);
        self.entries.invalidate_all();
    }

    async fn change(&self, key: &Key, change: impl FnOnce(&Entry) -> Entry, generation: u64) {
        if self.generation() != generation {
            return;
        }
        let update = |old: Option<moka::Entry<Key, Arc<Entry>>>| {
            let new = match old {
                Some(old) => change(old.value()),
                None => change(&Entry::default()),
            };
            std::future::ready(Arc::new(new))
        };
        self.entries
            .entry(key.clone())
            .and_upsert_with(update)
            .await;
        // Everything may have been dropped a moment ago.
        if self.generation() != generation {
            self.entries.invalidate(key).await;
        }
    }
}
