//! Sets of rules for flow control, and the origins that apply them.
//!
//! Invariant: a set is never changed or removed. Two who write at the same time do not get the same
//! version: the second writes nothing, as it has not seen the first.

use super::operator_log::{Actor, Line, log};
use super::{Ledger, LedgerError, Result, must_touch, retry};
use kernel::time::UnixMillis;
use serde::Serialize;

/// An origin that is silent for longer does not live.
const LIVE_MS: i64 = 5_000;
/// The row of an origin that is silent for so long is removed.
const FORGOTTEN_MS: i64 = 86_400_000;

/// A set of rules as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSetRow {
    /// Counted from 1.
    pub version: u64,
    /// Who wrote it.
    pub author: String,
    /// Why.
    pub why: String,
    /// The rules as JSON, as they were written: this program may not be able to read them.
    pub rules: String,
    /// When, by the database's clock.
    pub created_at: UnixMillis,
}

/// What an origin tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginBeat {
    /// A name of its own, new with each start.
    pub id: String,
    /// Where its edge listener is.
    pub address: String,
    /// The version it applies; 0 for the rules that it ships.
    pub applied: u64,
    /// A newer version that it could not read.
    pub refused: Option<u64>,
}

/// An origin as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginRow {
    /// What it told last.
    pub beat: OriginBeat,
    /// When that was.
    pub last_seen: UnixMillis,
    /// Whether that was lately.
    pub live: bool,
}

/// What all origins look at again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RulesNow {
    /// The newest version; 0 if there is none.
    pub version: u64,
    /// Origins that live.
    pub origins: u32,
}

/// What the operator log keeps of a set.
#[derive(Serialize)]
struct Logged<'a> {
    version: u64,
    why: &'a str,
    rules: serde_json::Value,
}

impl<'a> Logged<'a> {
    fn new(version: u64, why: &'a str, rules: &str) -> Self {
        // What cannot be read is kept as the text it is.
        let rules = serde_json::from_str(rules).unwrap_or_else(|_| rules.into());
        Self {
            version,
            why,
            rules,
        }
    }
}

impl Ledger {
    /// The newest version, and how many origins live.
    pub async fn rules_now(&self) -> Result<RulesNow> {
        let row = sqlx::query!(
            r#"SELECT CAST(COALESCE((SELECT MAX(version) FROM rule_sets), 0) AS UNSIGNED)
                          AS "version!: u64",
                      (SELECT CAST(COUNT(*) AS SIGNED) FROM origins
                       WHERE last_seen_ms > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ?)
                          AS "origins!: i64""#,
            LIVE_MS
        );
        let row = row.fetch_one(&mut *self.connection().await?).await?;
        Ok(RulesNow {
            version: row.version,
            origins: u32::try_from(row.origins).unwrap_or(u32::MAX),
        })
    }

    /// The newest sets up to a version, the newest first.
    pub async fn rule_sets(&self, up_to: u64, limit: u32) -> Result<Vec<RuleSetRow>> {
        let rows = sqlx::query!(
            "SELECT version, author, why, rules, created_at_ms FROM rule_sets
             WHERE version <= ? ORDER BY version DESC LIMIT ?",
            up_to,
            limit
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let rows = rows.into_iter().map(|row| RuleSetRow {
            version: row.version,
            author: row.author,
            why: row.why,
            rules: row.rules,
            created_at: UnixMillis(row.created_at_ms),
        });
        Ok(rows.collect())
    }

    /// Writes a set, whose version is the answer. `None` if somebody else wrote one at this moment.
    pub async fn write_rules(&self, actor: &Actor, why: &str, rules: &str) -> Result<Option<u64>> {
        let write = || async {
            let mut transaction = self.begin().await?;
            let last = sqlx::query!(
                "SELECT version, why, rules FROM rule_sets ORDER BY version DESC LIMIT 1"
            );
            let last = last.fetch_optional(&mut *transaction).await?;
            let version = last.as_ref().map_or(0, |last| last.version) + 1;
            let inserted = sqlx::query!(
                "INSERT INTO rule_sets (version, author, why, rules, created_at_ms)
                 VALUES (?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
                version,
                actor.0,
                why,
                rules
            );
            let inserted = inserted.execute(&mut *transaction).await?;
            must_touch("write rules", 1, inserted.rows_affected())?;
            let before = last.as_ref();
            let before = before.map(|last| Logged::new(last.version, &last.why, &last.rules));
            let line = Line {
                actor,
                action: "rules.apply",
                subject: format!("rules:{version}"),
                before: before.as_ref(),
                after: Some(&Logged::new(version, why, rules)),
            };
            log(&mut transaction, line).await?;
            transaction.commit().await?;
            Ok(version)
        };
        match retry(write).await {
            Ok(version) => Ok(Some(version)),
            Err(error) if error.is_duplicate() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Notes that an origin lives, and what it applies.
    pub async fn origin_lives(&self, beat: &OriginBeat) -> Result<()> {
        let mut connection = self.connection().await?;
        let updated = sqlx::query!(
            "UPDATE origins SET applied_version = ?, refused_version = ?,
                    last_seen_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             WHERE id = ?",
            beat.applied,
            beat.refused,
            beat.id
        );
        if updated.execute(&mut *connection).await?.rows_affected() == 1 {
            return Ok(());
        }
        let inserted = sqlx::query!(
            "INSERT INTO origins (id, address, applied_version, refused_version, last_seen_ms)
             VALUES (?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            beat.id,
            beat.address,
            beat.applied,
            beat.refused
        );
        let inserted = inserted.execute(&mut *connection).await?;
        must_touch("note an origin", 1, inserted.rows_affected())
    }

    /// Notes that an origin is gone, which it may have been before.
    pub async fn origin_leaves(&self, id: &str) -> Result<()> {
        let deleted = sqlx::query!("DELETE FROM origins WHERE id = ?", id);
        let deleted = deleted.execute(&mut *self.connection().await?).await?;
        if deleted.rows_affected() > 1 {
            return must_touch("forget an origin", 1, deleted.rows_affected());
        }
        Ok(())
    }

    /// Forgets the origins that nobody has heard of for a day; any number of them.
    pub async fn forget_silent_origins(&self) -> Result<()> {
        sqlx::query!(
            "DELETE FROM origins
             WHERE last_seen_ms < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ?",
            FORGOTTEN_MS
        )
        .execute(&mut *self.connection().await?)
        .await?;
        Ok(())
    }

    /// All origins, in the order of their addresses.
    pub async fn origins(&self) -> Result<Vec<OriginRow>, LedgerError> {
        let rows = sqlx::query!(
            r#"SELECT id, address, applied_version, refused_version, last_seen_ms,
                      last_seen_ms > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ?
                          AS "live!: bool"
               FROM origins ORDER BY address, id"#,
            LIVE_MS
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let rows = rows.into_iter().map(|row| OriginRow {
            beat: OriginBeat {
                id: row.id,
                address: row.address,
                applied: row.applied_version,
                refused: row.refused_version,
            },
            last_seen: UnixMillis(row.last_seen_ms),
            live: row.live,
        });
        Ok(rows.collect())
    }
}
