//! The snapshot as this instance holds it.
//!
//! Invariant: while the origin is away the last snapshot is served for ever; browsing never fails
//! for want of the origin. While it is there, a snapshot is at most a second or two old, and one
//! instance of the PoP fetches it for all.

mod fetch;
mod kept;

use crate::clock;
use crate::settings::Edge;
use kernel::pop::PopView;
use kernel::problem::{Problem, ProblemKind};
use kernel::session::VerifyingKey;
use kernel::snapshot::Snapshot;
use kernel::time::UnixMillis;
use kernel::token::KeyVersions;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A snapshot younger than this is served as it is.
const FRESH_MS: i64 = 1_000;
/// A snapshot younger than this is served while another is fetched; an older one, as after a quiet
/// time, is worth waiting for.
const STALE_MS: i64 = 2_000;
/// How long to wait for a newer one before the old one will do.
const WAIT_MS_MAX: i64 = 500;
/// How long to wait for the very first one.
const FIRST_WAIT_MS_MAX: i64 = 2_000;
/// The pause between attempts to fetch.
const BACK_OFF_MS: i64 = 1_000;
/// After this a refresh that has not reported back is given up: its request was cancelled.
const REFRESH_MS_MAX: i64 = 4_000;
const LOOK_AGAIN_MS: u64 = 2;

/// A snapshot to answer one request from.
#[derive(Clone, Debug)]
pub struct View {
    held: Arc<Held>,
    /// How long ago the origin last said that this is current.
    pub age_ms: i64,
}

#[derive(Debug)]
struct Held {
    snapshot: Snapshot,
    etag: String,
    session_key: VerifyingKey,
    revoked: BTreeSet<String>,
}

impl Held {
    fn new(snapshot: Snapshot, etag: String) -> Option<Self> {
        Some(Self {
            session_key: snapshot.verifying_key()?,
            revoked: snapshot.revoked_sessions.iter().cloned().collect(),
            snapshot,
            etag,
        })
    }
}

impl View {
    /// A view of this snapshot; `None` if its session key is none.
    pub fn new(snapshot: Snapshot, etag: String) -> Option<Self> {
        Some(Self {
            held: Arc::new(Held::new(snapshot, etag)?),
            age_ms: 0,
        })
    }

    /// The document.
    pub fn snapshot(&self) -> &Snapshot {
        &self.held.snapshot
    }

    /// The origin's entity tag for the document, with its quotes: the same text means the same
    /// document. What is rendered from it also depends on the clock.
    pub fn etag(&self) -> &str {
        &self.held.etag
    }

    /// This PoP as the origin sees it; 503 if it was revoked, or is not known there yet.
    pub fn own_pop(&self, edge: &Edge) -> Result<&PopView, Problem> {
        let pops = &self.held.snapshot.pops;
        let own = pops.iter().find(|pop| pop.id == edge.keys.pop);
        own.ok_or_else(|| {
            let detail = "This edge takes no orders at the moment.";
            Problem::new(ProblemKind::Unavailable, detail)
        })
    }

    /// How many PoPs sell at the same time, this one among them.
    pub fn live_pops(&self, edge: &Edge) -> u32 {
        let pops = self.held.snapshot.pops.iter();
        let live = pops
            .filter(|pop| pop.live || pop.id == edge.keys.pop)
            .count();
        u32::try_from(live).unwrap_or(u32::MAX).max(1)
    }

    /// The versions of this PoP's key whose tokens count.
    pub fn key_versions(&self, edge: &Edge) -> Result<KeyVersions, Problem> {
        let own = self.own_pop(edge)?;
        Ok(KeyVersions {
            current: own.key_version,
            oldest: own.oldest_key_version,
        })
    }

    /// The key that sessions and tickets are checked with.
    pub fn session_key(&self) -> &VerifyingKey {
        &self.held.session_key
    }

    /// Whether the shared session with this id was ended.
    pub fn is_revoked(&self, session_id: &str) -> bool {
        self.held.revoked.contains(session_id)
    }
}

/// Public, and the same for every shopper.
static STATE: Mutex<State> = Mutex::new(State {
    held: None,
    checked_at: UnixMillis(0),
    attempted_at: UnixMillis(0),
    refreshing_since: None,
});

struct State {
    held: Option<Arc<Held>>,
    /// When the origin last said that `held` is current.
    checked_at: UnixMillis,
    /// When anybody last set out to ask the origin.
    attempted_at: UnixMillis,
    refreshing_since: Option<UnixMillis>,
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The snapshot for a request that begins now; 503 only if there has never been one.
pub async fn current(edge: &'static Edge) -> Result<View, Problem> {
    let began = clock::now();
    loop {
        let now = clock::now();
        let (step, held, age_ms) = look(now, now.since(began));
        if step.refresh {
            spin_sdk::wasip3::spawn(async move {
                fetch::refresh(edge).await;
                state().refreshing_since = None;
            });
        }
        match (held, step.wait) {
            (Some(held), false) => return Ok(View { held, age_ms }),
            (None, false) => return Err(ProblemKind::Unavailable.into()),
            (_, true) => clock::sleep_ms(LOOK_AGAIN_MS).await,
        }
    }
}

/// Decides on the state as it is now, and takes the refresh if it is this request's to do.
fn look(now: UnixMillis, waited_ms: i64) -> (Step, Option<Arc<Held>>, i64) {
    let mut state = state();
    // A clock that was set back makes a snapshot old, not young for hours.
    let age_ms = now.since(state.checked_at).abs();
    let step = Step::next(&Situation {
        age_ms: state.held.is_some().then_some(age_ms),
        refreshing: state
            .refreshing_since
            .is_some_and(|since| now.since(since).abs() < REFRESH_MS_MAX),
        backing_off: now.since(state.attempted_at).abs() < BACK_OFF_MS,
        waited_ms,
    });
    if step.refresh {
        state.refreshing_since = Some(now);
        state.attempted_at = now;
    }
    (step, state.held.clone(), age_ms)
}

struct Situation {
    age_ms: Option<i64>,
    refreshing: bool,
    backing_off: bool,
    waited_ms: i64,
}

#[derive(Debug, PartialEq, Eq)]
struct Step {
    /// Begin to fetch.
    refresh: bool,
    /// Look again a little later; otherwise take what is there.
    wait: bool,
}

impl Step {
    fn next(situation: &Situation) -> Self {
        let fresh = situation.age_ms.is_some_and(|age| age < FRESH_MS);
        let refresh = !fresh && !situation.refreshing && !situation.backing_off;
        let wait = match situation.age_ms {
            None => situation.waited_ms < FIRST_WAIT_MS_MAX,
            Some(age) => {
                let coming = situation.refreshing || refresh;
                age >= STALE_MS && coming && situation.waited_ms < WAIT_MS_MAX
            }
        };
        Self { refresh, wait }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        age_ms: Option<i64>,
        refreshing: bool,
        backing_off: bool,
        waited_ms: i64,
        expected: (bool, bool),
    ) {
        let situation = Situation {
            age_ms,
            refreshing,
            backing_off,
            waited_ms,
        };
        let Step { refresh, wait } = Step::next(&situation);
        assert_eq!(
            (refresh, wait),
            expected,
            "{age_ms:?} {refreshing} {backing_off} {waited_ms}"
        );
    }

    #[test]
    fn a_fresh_snapshot_is_served_as_it_is() {
        check(Some(999), false, false, 0, (false, false));
    }

    #[test]
    fn a_stale_one_is_served_while_one_request_refreshes_it() {
        check(Some(1_000), false, false, 0, (true, false));
        check(Some(1_000), true, true, 0, (false, false));
    }

    #[test]
    fn after_a_quiet_time_it_is_worth_a_short_wait() {
        check(Some(60_000), false, false, 0, (true, true));
        check(Some(60_000), true, true, 499, (false, true));
        check(Some(60_000), true, true, 500, (false, false));
    }

    #[test]
    fn while_the_origin_is_away_nobody_waits_and_one_asks_each_second() {
        check(Some(60_000), false, true, 0, (false, false));
        check(Some(60_000), false, false, 600, (true, false));
    }

    #[test]
    fn the_first_snapshot_is_waited_for_and_then_missed() {
        check(None, false, false, 0, (true, true));
        check(None, true, true, 1_999, (false, true));
        check(None, false, true, 1_000, (false, true));
        check(None, true, true, 2_000, (false, false));
    }
}
