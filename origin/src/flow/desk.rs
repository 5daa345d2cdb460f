//! What operators do with rules.
//!
//! Invariant: what is written passed the check of this program, has a reason, and stands in the
//! operator log. Nothing is ever taken back: a rollback is a new version.

use crate::ledger::{Actor, Ledger, LedgerError, RuleSetRow};
use kernel::flow::{Faults, RuleSet};
use kernel::time::UnixMillis;

/// Characters of a reason.
const WHY_MAX: usize = 500;

/// Why rules were not written or shown.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// They cannot act.
    #[error("{0}")]
    Faults(#[from] Faults),
    /// The reason is missing or too long.
    #[error("say why, in 1 to {WHY_MAX} characters")]
    Why,
    /// There is no such version.
    #[error("there is no version {0} of the rules")]
    Unknown(u64),
    /// Somebody else was quicker.
    #[error("somebody else wrote rules at this moment: look at them and try again")]
    Raced,
    /// MySQL.
    #[error("the rules could not be read or written")]
    Ledger(#[from] LedgerError),
}

/// A version of the rules. Version 0 is what this program ships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Which.
    pub version: u64,
    /// Who wrote it.
    pub author: String,
    /// Why.
    pub why: String,
    /// When; 0 for version 0.
    pub created_at: UnixMillis,
    /// The rules, or why this program cannot read them.
    pub rules: Result<RuleSet, Faults>,
}

impl Shown {
    fn shipped() -> Self {
        Self {
            version: 0,
            author: "the program".to_owned(),
            why: "what acts where nobody has written rules".to_owned(),
            created_at: UnixMillis(0),
            rules: Ok(RuleSet::shipped()),
        }
    }

    fn of(row: RuleSetRow) -> Self {
        Self {
            version: row.version,
            author: row.author,
            why: row.why,
            created_at: row.created_at,
            rules: RuleSet::from_json(&row.rules),
        }
    }
}

/// Writes rules, which all origins apply within two seconds. The answer is their version.
pub async fn apply(
    ledger: &Ledger,
    actor: &Actor,
    rules: &RuleSet,
    why: &str,
) -> Result<u64, DeskError> {
    rules.check()?;
    let why = why.trim();
    if why.is_empty() || why.chars().count() > WHY_MAX {
        return Err(DeskError::Why);
    }
    let written = ledger.write_rules(actor, why, &rules.to_json()).await?;
    written.ok_or(DeskError::Raced)
}

/// Writes the rules of a former version anew.
pub async fn rollback(
    ledger: &Ledger,
    actor: &Actor,
    version: u64,
    why: &str,
) -> Result<u64, DeskError> {
    let former = show(ledger, Some(version)).await?;
    apply(ledger, actor, &former.rules?, why).await
}

/// A version, or the newest.
pub async fn show(ledger: &Ledger, version: Option<u64>) -> Result<Shown, DeskError> {
    let newest = ledger.rule_sets(version.unwrap_or(u64::MAX), 1).await?;
    let newest = newest
        .into_iter()
        .next()
        .map_or_else(Shown::shipped, Shown::of);
    match version {
        Some(0) => Ok(Shown::shipped()),
        Some(version) if newest.version != version => Err(DeskError::Unknown(version)),
        _ => Ok(newest),
    }
}

/// The newest versions, the newest first, and last version 0 if there is room for it.
pub async fn history(ledger: &Ledger, limit: u32) -> Result<Vec<Shown>, DeskError> {
    let rows = ledger.rule_sets(u64::MAX, limit).await?;
    let mut shown: Vec<Shown> = rows.into_iter().map(Shown::of).collect();
    if shown.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
        shown.push(Shown::shipped());
    }
    Ok(shown)
}
