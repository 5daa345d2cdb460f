//! Keeps an origin at the newest rules, and tells the others that it lives.
//!
//! Invariant: while MySQL is away, or holds a set that this program cannot read, the former rules stay
//! in force.

use super::Flow;
use crate::ledger::{Ledger, LedgerError, OriginBeat, RuleSetRow};
use kernel::flow::RuleSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How often MySQL is asked which version is the newest.
pub const POLL_EVERY: Duration = Duration::from_millis(500);
/// How often an origin says that it lives.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);
/// How long it may take to say that it is gone; later it is noticed.
pub const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);
/// How far a program that has just started looks back for a set that it can read.
const LOOK_BACK: u32 = 10;

/// An origin among those that share the rates.
#[derive(Debug)]
pub struct Member {
    flow: Arc<Flow>,
    ledger: Ledger,
    beat: OriginBeat,
    /// The newest version when MySQL was last asked.
    seen: u64,
    told_at: Option<Instant>,
    /// Whether the log has said that MySQL does not answer.
    is_away: bool,
}

impl Member {
    /// Takes over the newest rules and becomes known to the other origins. `address` is that of the
    /// edge listener.
    pub async fn join(
        flow: Arc<Flow>,
        ledger: Ledger,
        address: String,
    ) -> Result<Self, LedgerError> {
        let beat = OriginBeat {
            id: crate::random_id(),
            address,
            applied: flow.version(),
            refused: None,
        };
        let mut member = Self {
            flow,
            ledger,
            beat,
            seen: 0,
            told_at: None,
            is_away: false,
        };
        member.ledger.forget_silent_origins().await?;
        // Before the first look, which counts who shares the rates.
        member.ledger.origin_lives(&member.beat).await?;
        member.look().await?;
        Ok(member)
    }

    /// Follows the rules until `stop` is done, then leaves.
    pub async fn follow(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(POLL_EVERY) => {}
            }
            match self.look().await {
                Ok(()) => self.is_away = false,
                Err(error) if self.is_away => tracing::debug!(%error, "The rules stay as they are"),
                Err(error) => {
                    self.is_away = true;
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "The rules stay as they are: MySQL does not answer");
                }
            }
        }
        let left = timeout(LEAVE_TIMEOUT, self.ledger.origin_leaves(&self.beat.id)).await;
        if !matches!(left, Ok(Ok(()))) {
            tracing::debug!("The other origins will notice that this one is gone");
        }
    }

    /// Takes over what has changed.
    async fn look(&mut self) -> Result<(), LedgerError> {
        let now = self.ledger.rules_now().await?;
        self.flow.share(now.origins);
        let has_news = now.version != self.seen;
        if has_news {
            let sets = self.ledger.rule_sets(now.version, LOOK_BACK).await?;
            self.take_newest(&sets);
            self.seen = now.version;
        }
        let told_at = self.told_at;
        if has_news || told_at.is_none_or(|told_at| told_at.elapsed() >= BEAT_EVERY) {
            self.ledger.origin_lives(&self.beat).await?;
            self.told_at = Some(Instant::now());
        }
        Ok(())
    }

    /// Applies the newest set that can be read; `sets` has the newest first.
    fn take_newest(&mut self, sets: &[RuleSetRow]) {
        self.beat.refused = None;
        for row in sets {
            if row.version == self.beat.applied {
                return;
            }
            match RuleSet::from_json(&row.rules) {
                Ok(set) => {
                    self.flow.enforce(row.version, &set);
                    self.beat.applied = row.version;
                    tracing::info!(
                        rules.version = row.version,
                        rules.author = row.author,
                        rules.why = row.why,
                        "Other rules are in force"
                    );
                    return;
                }
                Err(faults) => {
                    self.beat.refused = self.beat.refused.or(Some(row.version));
                    tracing::error!(
                        rules.version = row.version,
                        %faults,
                        "A set of rules cannot be read, and the former stays in force"
                    );
                }
            }
        }
    }
}
