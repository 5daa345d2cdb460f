//! The draw of a sale's places, step by step: frozen, then, with a beacon, its value, then drawn.
//!
//! Invariant: each step happens once, by a conditional UPDATE under the sale's row, whichever
//! process takes it; the seed is shown by nobody before `drawn_at_ms` is committed.

use super::rows::{insert, push_ids};
use super::{Ledger, Result, corrupt, retry};
use kernel::ids::SaleId;
use kernel::lobby::{Beacon, CLOSING_MS_MAX, EMPTY_ROOT, Lobby, LobbyPop, commitment};
use kernel::time::UnixMillis;
use sqlx::{MySql, Transaction};
use std::collections::HashMap;
use std::fmt;

/// How long after it is due a beacon's round is waited for.
pub const BEACON_WAIT_MS: i64 = 60_000;
/// Sales looked at in one turn.
const TURN: u32 = 100;

/// What decides a draw. Nobody may see it before; its `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[seed]")
    }
}

/// The draw of a sale as its row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawRow {
    /// Committed to from the publishing on.
    pub seed: Seed,
    /// The beacon's round, of a sale that names one and is published.
    pub beacon: Option<Beacon>,
    /// When the lobbies were frozen.
    pub frozen_at: Option<UnixMillis>,
    /// When the draw was made.
    pub drawn_at: Option<UnixMillis>,
}

impl DrawRow {
    /// What everybody may see of it.
    pub fn public(&self, waiting: u64, pops: Vec<LobbyPop>) -> Lobby {
        let seed = self.drawn_at.map(|_| hex::encode(self.seed.0));
        Lobby {
            commitment: commitment(&self.seed.0),
            seed,
            waiting,
            beacon: self.beacon.clone(),
            drawn_at_ms: self.drawn_at,
            pops,
        }
    }
}

/// A beacon's round that a frozen sale waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundDue {
    /// The sale.
    pub sale: SaleId,
    /// The round.
    pub round: u64,
    /// Whether it was waited for long enough.
    pub is_late: bool,
}

impl Ledger {
    /// Sales that have opened and whose lobbies are not frozen.
    pub async fn sales_to_freeze(&self) -> Result<Vec<SaleId>> {
        let rows = sqlx::query_scalar!(
            "SELECT id FROM sales
             WHERE phase IN ('published', 'paused') AND frozen_at_ms IS NULL
               AND opens_at_ms <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
               AND closes_at_ms > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             ORDER BY opens_at_ms LIMIT ?",
            TURN
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        Ok(rows.into_iter().map(SaleId).collect())
    }

    /// Fixes who takes part in the draw of a sale and with what, if it has opened and every lobby
    /// has closed or had the time to; without a beacon, draws. True if this did it.
    pub async fn freeze_lobbies(&self, sale: SaleId) -> Result<bool> {
        retry(|| self.freeze_lobbies_once(sale)).await
    }

    async fn freeze_lobbies_once(&self, id: SaleId) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let sale = sqlx::query!(
            r#"SELECT opens_at_ms, beacon_due_at_ms,
                      CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AS "now_ms!: i64"
               FROM sales
               WHERE id = ? AND phase IN ('published', 'paused') AND frozen_at_ms IS NULL
               FOR UPDATE"#,
            id.0
        );
        let Some(sale) = sale.fetch_optional(&mut *transaction).await? else {
            return Ok(false);
        };
        if sale.now_ms < sale.opens_at_ms {
            return Ok(false);
        }
        let deadline = sale
            .beacon_due_at_ms
            .unwrap_or(sale.opens_at_ms + CLOSING_MS_MAX);
        let parts = parts(&mut transaction, id).await?;
        let all_closed = parts.iter().all(|(_, closed)| *closed);
        if !all_closed && sale.now_ms < deadline {
            return Ok(false);
        }
        insert(
            &mut transaction,
            "INSERT INTO draw_pops (sale_id, pop, arrivals, size, root) ",
            &parts,
            |mut row, (pop, _)| {
                let root = hex::decode(&pop.root).unwrap_or_default();
                row.push_bind(id.0).push_bind(pop.id.clone());
                row.push_bind(pop.count).push_bind(pop.size).push_bind(root);
            },
        )
        .await?;
        let drawn_at = sale.beacon_due_at_ms.is_none().then_some(sale.now_ms);
        let update = sqlx::query!(
            "UPDATE sales SET frozen_at_ms = ?, drawn_at_ms = ?, version = version + 1
             WHERE id = ? AND frozen_at_ms IS NULL",
            sale.now_ms,
            drawn_at,
            id.0
        );
        let done = update.execute(&mut *transaction).await?;
        super::must_touch("freeze lobbies", 1, done.rows_affected())?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Frozen sales whose beacon's round is due.
    pub async fn rounds_due(&self) -> Result<Vec<RoundDue>> {
        let rows = sqlx::query!(
            r#"SELECT id, beacon_round AS "round!",
                      beacon_due_at_ms + ? <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
                        AS "is_late!: bool"
               FROM sales
               WHERE phase IN ('published', 'paused') AND frozen_at_ms IS NOT NULL
                 AND drawn_at_ms IS NULL AND beacon_round IS NOT NULL
                 AND beacon_due_at_ms <= CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
                 AND closes_at_ms > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
               ORDER BY beacon_due_at_ms LIMIT ?"#,
            BEACON_WAIT_MS,
            TURN
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let due = rows.into_iter().map(|row| RoundDue {
            sale: SaleId(row.id),
            round: row.round,
            is_late: row.is_late,
        });
        Ok(due.collect())
    }

    /// Draws a frozen sale with this value of its beacon's round, or without one. True if this did
    /// it.
    pub async fn finish_draw(&self, due: RoundDue, value: Option<&[u8]>) -> Result<bool> {
        let update = sqlx::query!(
            "UPDATE sales SET beacon_value = ?, version = version + 1,
                    drawn_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             WHERE id = ? AND frozen_at_ms IS NOT NULL AND drawn_at_ms IS NULL
               AND beacon_round = ?",
            value,
            due.sale.0,
            due.round
        );
        let done = update.execute(&mut *self.connection().await?).await?;
        Ok(done.rows_affected() == 1)
    }

    /// The PoPs in the draws of these sales, each list in the order of their ids.
    pub(super) async fn draw_pops(&self, sales: &[u64]) -> Result<HashMap<u64, Vec<LobbyPop>>> {
        let mut pops: HashMap<u64, Vec<LobbyPop>> = HashMap::new();
        if sales.is_empty() {
            return Ok(pops);
        }
        let mut query = sqlx::QueryBuilder::new(
            "SELECT sale_id, pop, arrivals, size, root FROM draw_pops WHERE sale_id IN ",
        );
        push_ids(&mut query, sales.iter().copied());
        query.push(" ORDER BY sale_id, pop");
        let rows: Vec<(u64, String, u64, u64, Vec<u8>)> = query
            .build_query_as()
            .fetch_all(&mut *self.connection().await?)
            .await?;
        for (sale, id, count, size, root) in rows {
            let root = hex::encode(root);
            let of_sale = pops.entry(sale).or_default();
            of_sale.push(LobbyPop {
                id,
                count,
                size,
                root,
            });
        }
        Ok(pops)
    }

    /// The lobby of a sale, as everybody may see it.
    pub async fn lobby(&self, sale: SaleId, draw: &DrawRow) -> Result<Lobby> {
        let ids = [sale.0];
        let waiting = self.arrivals(&ids).await?.remove(&sale.0);
        let pops = self.draw_pops(&ids).await?.remove(&sale.0);
        Ok(draw.public(waiting.unwrap_or(0), pops.unwrap_or_default()))
    }
}

/// What each PoP brings into a draw, and whether it has closed its lobby or had none. Those that
/// are revoked bring nothing and are not in it.
async fn parts(
    transaction: &mut Transaction<'_, MySql>,
    sale: SaleId,
) -> Result<Vec<(LobbyPop, bool)>> {
    let rows = sqlx::query!(
        r#"SELECT pops.id, lobbies.sale_id AS "lobby?", lobbies.closed_count, lobbies.size,
                  lobbies.root
           FROM pops LEFT JOIN lobbies ON lobbies.pop = pops.id AND lobbies.sale_id = ?
           WHERE NOT pops.revoked ORDER BY pops.id"#,
        sale.0
    );
    let rows = rows.fetch_all(&mut **transaction).await?;
    let part = |(id, has_lobby, count, size, root): (String, bool, _, _, Option<Vec<u8>>)| {
        let Some(root) = root else {
            let empty = LobbyPop {
                id,
                count: 0,
                size: 0,
                root: EMPTY_ROOT.to_owned(),
            };
            return Ok((empty, !has_lobby));
        };
        let missing = || corrupt("a closed lobby without its count");
        let pop = LobbyPop {
            id,
            count: Option::ok_or_else(count, missing)?,
            size: Option::ok_or_else(size, missing)?,
            root: hex::encode(root),
        };
        Ok((pop, true))
    };
    let rows = rows.into_iter().map(|row| {
        let has_lobby = row.lobby.is_some();
        (row.id, has_lobby, row.closed_count, row.size, row.root)
    });
    rows.map(part).collect()
}
