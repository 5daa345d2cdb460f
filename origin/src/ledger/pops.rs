//! The PoPs that the origins know.
//!
//! Invariant: a revoked PoP gets no lease. The flag is committed before its leases are ended, each
//! under its sale's row, and a grant reads it under that row too: none slips in between.

use super::operator_log::{Line, log};
use super::{Actor, Ledger, Result, must_touch, retry};
use kernel::ids::SaleId;
use kernel::lease::LEASE_LIFE_SECONDS;
use kernel::time::UnixMillis;
use kernel::token::KeyVersions;
use serde_json::json;
use sqlx::MySqlConnection;

/// A PoP that is silent for longer does not live.
pub(super) const LIVE_MS: i64 = 15_000;
/// How long the former key counts after a rotation: as long as a lease, so as any token.
const OVERLAP_MS: i64 = LEASE_LIFE_SECONDS * 1_000;
/// A lease lives for minutes: one of a sale that closed before that is over.
const CLOSED_FOR_MS: i64 = 3_600_000;

/// A PoP as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PopRow {
    /// Its id.
    pub id: String,
    /// Which of its keys count.
    pub versions: KeyVersions,
    /// Whether an operator has shut it out.
    pub revoked: bool,
    /// Where other PoPs reach it.
    pub url: Option<String>,
    /// When an origin last heard from it; 0 if never.
    pub heard_at: UnixMillis,
    /// Whether that was lately.
    pub live: bool,
}

/// What an origin heard from a PoP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The PoP.
    pub pop: String,
    /// Where other PoPs reach it, if it said so.
    pub url: Option<String>,
}

/// What became of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The key has this version now.
    To(u32),
    /// The last rotation is so fresh that its former key still counts, for so many milliseconds.
    TooSoon(i64),
    /// There is no such PoP.
    Unknown,
}

impl Ledger {
    /// All PoPs, in the order of their ids.
    pub async fn pops(&self) -> Result<Vec<PopRow>> {
        let rows = sqlx::query!(
            r#"SELECT id, key_version, rotated_at_ms, revoked AS "revoked!: bool", url, heard_at_ms,
                      CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AS "now_ms!: i64"
               FROM pops ORDER BY id"#
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let pops = rows.into_iter().map(|row| {
            let overlaps = row.now_ms - row.rotated_at_ms < OVERLAP_MS;
            let former = row.key_version.saturating_sub(1).max(1);
            PopRow {
                id: row.id,
                versions: KeyVersions {
                    current: row.key_version,
                    oldest: if overlaps { former } else { row.key_version },
                },
                revoked: row.revoked,
                url: row.url,
                heard_at: UnixMillis(row.heard_at_ms),
                live: row.now_ms - row.heard_at_ms < LIVE_MS,
            }
        });
        Ok(pops.collect())
    }

    /// Makes PoPs known that are not yet.
    pub async fn register_pops(&self, ids: &[&str]) -> Result<()> {
        let mut connection = self.connection().await?;
        for id in ids {
            sqlx::query!(
                "INSERT INTO pops (id) VALUES (?) ON DUPLICATE KEY UPDATE id = id",
                id
            )
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }

    /// Notes that these PoPs were heard now. An address that was not told stays as it was.
    pub async fn heard(&self, heard: &[Heard]) -> Result<()> {
        let mut connection = self.connection().await?;
        for Heard { pop, url } in heard {
            sqlx::query!(
                "UPDATE pops SET heard_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED),
                        url = COALESCE(?, url)
                 WHERE id = ?",
                url.as_deref(),
                pop
            )
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }

    /// Gives a PoP its next key; the former counts for a while.
    pub async fn rotate_pop(&self, actor: &Actor, id: &str) -> Result<Rotated> {
        retry(|| self.rotate_pop_once(actor, id)).await
    }

    async fn rotate_pop_once(&self, actor: &Actor, id: &str) -> Result<Rotated> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query!(
            r#"SELECT key_version, rotated_at_ms,
                      CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AS "now_ms!: i64"
               FROM pops WHERE id = ? FOR UPDATE"#,
            id
        );
        let Some(row) = row.fetch_optional(&mut *transaction).await? else {
            return Ok(Rotated::Unknown);
        };
        let left = OVERLAP_MS - (row.now_ms - row.rotated_at_ms);
        if left > 0 {
            return Ok(Rotated::TooSoon(left));
        }
        let update = sqlx::query!(
            "UPDATE pops SET key_version = key_version + 1, rotated_at_ms = ? WHERE id = ?",
            row.now_ms,
            id
        );
        let done = update.execute(&mut *transaction).await?;
        must_touch("rotate a PoP's key", 1, done.rows_affected())?;
        let key = |version: u32| json!({ "key_version": version });
        let (before, after) = (key(row.key_version), key(row.key_version + 1));
        tell(&mut transaction, actor, "pop.rotate", id, &before, &after).await?;
        transaction.commit().await?;
        Ok(Rotated::To(row.key_version + 1))
    }

    /// Shuts a PoP out and ends its leases, so that their slots flow back; false if there is no
    /// such PoP. Safe to repeat.
    pub async fn revoke_pop(&self, actor: &Actor, id: &str) -> Result<bool> {
        if !retry(|| self.mark_pop(actor, id, true)).await? {
            return Ok(false);
        }
        for sale in self.running_sales(CLOSED_FOR_MS).await? {
            retry(|| self.end_leases(sale, id)).await?;
        }
        Ok(true)
    }

    /// Lets a PoP in again; its former leases stay ended. False if there is no such PoP.
    pub async fn restore_pop(&self, actor: &Actor, id: &str) -> Result<bool> {
        retry(|| self.mark_pop(actor, id, false)).await
    }

    async fn mark_pop(&self, actor: &Actor, id: &str, revoked: bool) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let was = sqlx::query_scalar!(
            r#"SELECT revoked AS "revoked!: bool" FROM pops WHERE id = ? FOR UPDATE"#,
            id
        );
        let Some(was) = was.fetch_optional(&mut *transaction).await? else {
            return Ok(false);
        };
        let update = sqlx::query!("UPDATE pops SET revoked = ? WHERE id = ?", revoked, id);
        let done = update.execute(&mut *transaction).await?;
        must_touch("mark a PoP", 1, done.rows_affected())?;
        let action = if revoked { "pop.revoke" } else { "pop.restore" };
        let state = |revoked: bool| json!({ "revoked": revoked });
        let (before, after) = (state(was), state(revoked));
        tell(&mut transaction, actor, action, id, &before, &after).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn end_leases(&self, sale: SaleId, pop: &str) -> Result<()> {
        let mut transaction = self.begin().await?;
        sqlx::query!("SELECT id FROM sales WHERE id = ? FOR UPDATE", sale.0)
            .fetch_optional(&mut *transaction)
            .await?;
        sqlx::query!(
            "UPDATE leases SET revoked = TRUE
             WHERE sale_id = ? AND pop = ? AND NOT revoked
               AND ends_at_ms > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)",
            sale.0,
            pop
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }
}

async fn tell(
    connection: &mut MySqlConnection,
    actor: &Actor,
    action: &'static str,
    pop: &str,
    before: &serde_json::Value,
    after: &serde_json::Value,
) -> Result<()> {
    let line = Line {
        actor,
        action,
        subject: format!("pop:{pop}"),
        before: Some(before),
        after: Some(after),
    };
    log(connection, line).await
}
