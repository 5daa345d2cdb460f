//! The snapshot as this instance holds it.
//!
//! Invariant: `never-sticky`. While the origin answers, nothing older than [`AGE_MS_MAX`] is served,
//! and one instance of the PoP asks for all, about twice a second. While the origin is away the last
//! snapshot is served for ever, and nobody waits: browsing never fails for want of the origin.
//!
//! Ages and pauses are measured by the PoP's own clock; what opens and closes goes by the origin's.

mod fetch;
mod kept;
mod step;

pub(crate) use kept::read_clock;

use crate::clock;
use crate::settings::Edge;
use crate::tally;
use kernel::edge_report::Level;
use kernel::pop::PopView;
use kernel::problem::{Problem, ProblemKind};
use kernel::session::VerifyingKey;
use kernel::snapshot::Snapshot;
use kernel::time::UnixMillis;
use kernel::token::KeyVersions;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use step::{Situation, Step, back_off_ms};

/// The oldest that is served while the origin answers.
pub const AGE_MS_MAX: i64 = 1_000;
/// After this a refresh that has not reported back is given up: its request was cancelled.
const REFRESH_MS_MAX: i64 = 5_000;
const LOOK_AGAIN_MS: u64 = 2;

/// A snapshot to answer one request from.
#[derive(Clone, Debug)]
pub struct View {
    held: Arc<Held>,
    /// How long ago this was last known to be true at the origin.
    pub age_ms: i64,
}

/// What a rendering depends on: the document, and the clock as far as it changes states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// The document's entity tag.
    pub etag: String,
    /// How many openings and closings lie behind.
    pub period: usize,
}

#[derive(Debug)]
struct Held {
    snapshot: Snapshot,
    etag: String,
    session_key: VerifyingKey,
    revoked: BTreeSet<String>,
    /// When sales open, in order.
    openings: Vec<UnixMillis>,
    /// When sales open or close, in order.
    turns: Vec<UnixMillis>,
}

impl Held {
    fn new(snapshot: Snapshot, etag: String) -> Option<Self> {
        let sales = || snapshot.sales.iter().map(|entry| &entry.sale);
        let mut openings: Vec<_> = sales().map(|sale| sale.opens_at_ms).collect();
        let closings = sales().map(|sale| sale.closes_at_ms);
        let mut turns: Vec<_> = openings.iter().copied().chain(closings).collect();
        openings.sort_unstable();
        turns.sort_unstable();
        Some(Self {
            openings,
            turns,
            session_key: snapshot.verifying_key()?,
            revoked: snapshot.revoked_sessions.iter().cloned().collect(),
            snapshot,
            etag,
        })
    }

    /// How long ago the last sale opened, by the origin's clock.
    fn since_opening_ms(&self, now: UnixMillis) -> Option<i64> {
        let behind = self.openings.partition_point(|at| *at <= now);
        let last = self.openings.get(behind.checked_sub(1)?)?;
        Some(now.since(*last))
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

    /// What a rendering at `now` depends on: equal versions render alike.
    pub fn version(&self, now: UnixMillis) -> Version {
        Version {
            etag: self.held.etag.clone(),
            period: self.held.turns.partition_point(|at| *at <= now),
        }
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
    away: false,
    source: Level::None,
});

/// Its times are by our own clock.
struct State {
    held: Option<Arc<Held>>,
    /// When `held` was last known to be true at the origin.
    checked_at: UnixMillis,
    /// When anybody last set out to ask the origin.
    attempted_at: UnixMillis,
    refreshing_since: Option<UnixMillis>,
    /// Whether the last attempt failed.
    away: bool,
    /// Where `checked_at` comes from.
    source: Level,
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn situation(&self, now: UnixMillis, waited_ms: i64) -> Situation {
        // A clock that was set back makes a snapshot old, not young for hours.
        let since = |at: UnixMillis| now.since(at).abs();
        let refreshing_ms = self.refreshing_since.map(since);
        let held = self.held.as_ref();
        Situation {
            age_ms: held.map(|_| since(self.checked_at)),
            since_opening_ms: held.and_then(|held| held.since_opening_ms(clock::now())),
            since_attempt_ms: since(self.attempted_at),
            refreshing_ms: refreshing_ms.filter(|ms| *ms < REFRESH_MS_MAX),
            away: self.away,
            waited_ms,
        }
    }

    /// The level at which a request that `waited` was served.
    fn level(&self, age_ms: i64, waited: bool) -> Level {
        match (age_ms <= AGE_MS_MAX, waited) {
            (false, _) => Level::Stale,
            (true, false) => Level::Instance,
            (true, true) => self.source,
        }
    }
}

/// The snapshot for a request that begins now; 503 only if there has never been one.
pub async fn current(edge: &'static Edge) -> Result<View, Problem> {
    let began = clock::local();
    let mut waited = false;
    loop {
        let (step, found) = look(clock::local(), began, waited);
        if step.refresh {
            spin_sdk::wasip3::spawn(async move {
                fetch::refresh(edge).await;
                state().refreshing_since = None;
            });
        }
        if step.wait {
            waited = true;
            clock::sleep_ms(LOOK_AGAIN_MS).await;
            continue;
        }
        let Some((view, level)) = found else {
            tally::read(Level::None);
            return Err(ProblemKind::Unavailable.into());
        };
        tally::read(level);
        return Ok(view);
    }
}

/// Decides on the state as it is now, and takes the refresh if it is this request's to do.
fn look(now: UnixMillis, began: UnixMillis, waited: bool) -> (Step, Option<(View, Level)>) {
    let mut state = state();
    let situation = state.situation(now, now.since(began).abs());
    let step = Step::next(&situation);
    if step.refresh {
        state.refreshing_since = Some(now);
        state.attempted_at = now;
    }
    let found = state.held.clone().zip(situation.age_ms);
    let found = found.map(|(held, age_ms)| (View { held, age_ms }, state.level(age_ms, waited)));
    (step, found)
}
