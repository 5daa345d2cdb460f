//! Connections by the kind of their listener.
//!
//! They are counted where they are accepted and closed, far from any component, so the counters are
//! the process's own.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A kind of listener.
#[derive(Clone, Copy, Debug)]
pub enum Listener {
    /// Without TLS.
    Plain,
    /// With TLS.
    Tls,
    /// That of the operators.
    Operators,
}

/// A connection that is counted as open until this is dropped.
pub struct Open(Listener);

impl Listener {
    /// All kinds and how they are called.
    pub(super) const ALL: [(Self, &str); 3] = [
        (Self::Plain, "http"),
        (Self::Tls, "https"),
        (Self::Operators, "ops"),
    ];
}

#[derive(Default)]
struct Counts {
    opened: AtomicU64,
    closed: AtomicU64,
}

static COUNTS: [Counts; Listener::ALL.len()] = [const {
    Counts {
        opened: AtomicU64::new(0),
        closed: AtomicU64::new(0),
    }
}; Listener::ALL.len()];

/// Counts a connection as open for as long as the answer lives.
pub fn connection_opened(listener: Listener) -> Open {
    COUNTS[listener as usize].opened.fetch_add(1, Relaxed);
    Open(listener)
}

/// Connections refused because their network had too many.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// Counts a connection as refused.
pub fn connection_refused() {
    REFUSED.fetch_add(1, Relaxed);
}

/// How many were ever refused.
pub(super) fn refused() -> u64 {
    REFUSED.load(Relaxed)
}

impl Drop for Open {
    fn drop(&mut self) {
        COUNTS[self.0 as usize].closed.fetch_add(1, Relaxed);
    }
}

/// How many were ever opened and how many are open now, by listener.
pub(super) fn counts() -> impl Iterator<Item = (&'static str, u64, u64)> {
    Listener::ALL.iter().map(|(listener, name)| {
        let counts = &COUNTS[*listener as usize];
        let closed = counts.closed.load(Relaxed);
        let opened = counts.opened.load(Relaxed);
        (*name, opened, opened.saturating_sub(closed))
    })
}
