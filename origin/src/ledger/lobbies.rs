//! What PoPs tell of their lobbies.
//!
//! Invariant: of one sale no arrival is given twice at a PoP. A store that lost its data goes on
//! above all that it can have given before, and what a late report says never counts back.

use super::rows::push_ids;
use super::{Ledger, Result, must_touch, retry};
use kernel::ids::SaleId;
use kernel::lobby::{ARRIVALS_UNREPORTED_MAX, LobbyStanding};
use std::collections::HashMap;

/// A lobby that has closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedTree {
    /// The highest arrival in it.
    pub count: u64,
    /// How many tickets its tree holds.
    pub size: u64,
    /// The root over them.
    pub root: [u8; 32],
}

/// A PoP's report.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The sale.
    pub sale: SaleId,
    /// The PoP.
    pub pop: &'a str,
    /// The generation of its store.
    pub generation: &'a str,
    /// The highest arrival given.
    pub count: u64,
    /// The tree, when the lobby has closed.
    pub closed: Option<ClosedTree>,
}

/// What was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reported {
    /// Noted; so it stands.
    Noted(LobbyStanding),
    /// There is no such sale, or nobody sees it yet.
    UnknownSale,
    /// A lobby has closed whose sale has not opened.
    TooEarly,
}

/// A lobby as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LobbyRow {
    /// The PoP.
    pub pop: String,
    /// The highest arrival it has told.
    pub arrivals: u64,
    /// The highest arrival in its closed lobby.
    pub closed_count: Option<u64>,
}

impl Ledger {
    /// Notes a PoP's report and tells it where it stands; safe to repeat.
    pub async fn report_lobby(&self, report: Report<'_>) -> Result<Reported> {
        retry(|| self.report_lobby_once(report)).await
    }

    async fn report_lobby_once(&self, report: Report<'_>) -> Result<Reported> {
        let mut transaction = self.begin().await?;
        // The sale's row is hot once it sells: it is held only for a lobby that closes, which must
        // not pass the draw, and that comes once a PoP and sale.
        if report.closed.is_some() {
            sqlx::query!(
                "SELECT id FROM sales WHERE id = ? FOR UPDATE",
                report.sale.0
            )
            .fetch_optional(&mut *transaction)
            .await?;
        }
        let row = sqlx::query!(
            "INSERT INTO lobbies (sale_id, pop, generation, continue_above, arrivals)
             SELECT id, ?, ?, 0, 0 FROM sales WHERE id = ? AND phase <> 'draft'
             ON DUPLICATE KEY UPDATE sale_id = sale_id",
            report.pop,
            report.generation,
            report.sale.0
        );
        row.execute(&mut *transaction).await?;
        let row = sqlx::query!(
            r#"SELECT lobbies.generation, lobbies.continue_above, lobbies.arrivals,
                      lobbies.closed_at_ms, sales.opens_at_ms, sales.beacon_due_at_ms,
                      sales.frozen_at_ms,
                      CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) AS "now_ms!: i64"
               FROM lobbies JOIN sales ON sales.id = lobbies.sale_id
               WHERE lobbies.sale_id = ? AND lobbies.pop = ?"#,
            report.sale.0,
            report.pop
        );
        // The INSERT holds the lobby's row, so this reads what nobody changes meanwhile.
        let Some(row) = row.fetch_optional(&mut *transaction).await? else {
            return Ok(Reported::UnknownSale);
        };
        if report.closed.is_some() && row.now_ms < row.opens_at_ms {
            return Ok(Reported::TooEarly);
        }

        let same = row.generation == report.generation;
        let (continue_above, arrivals) = if same {
            (row.continue_above, row.arrivals.max(report.count))
        } else {
            let above = row.arrivals.saturating_add(ARRIVALS_UNREPORTED_MAX);
            (above, above.max(report.count))
        };
        // With the beacon's round out, a PoP that closes now could choose.
        let over =
            row.frozen_at_ms.is_some() || row.beacon_due_at_ms.is_some_and(|due| due <= row.now_ms);
        let closed = row.closed_at_ms.is_some();
        let tree = report.closed.filter(|_| !over && !closed);
        let update = sqlx::query!(
            "UPDATE lobbies SET generation = ?, continue_above = ?, arrivals = ?,
                    closed_count = COALESCE(closed_count, ?), size = COALESCE(size, ?),
                    root = COALESCE(root, ?), closed_at_ms = COALESCE(closed_at_ms, ?)
             WHERE sale_id = ? AND pop = ?",
            report.generation,
            continue_above,
            arrivals,
            tree.map(|tree| tree.count),
            tree.map(|tree| tree.size),
            tree.map(|tree| tree.root.to_vec()),
            tree.map(|_| row.now_ms),
            report.sale.0,
            report.pop
        );
        let done = update.execute(&mut *transaction).await?;
        must_touch("report a lobby", 1, done.rows_affected())?;
        transaction.commit().await?;
        let closed = over || closed || tree.is_some();
        Ok(Reported::Noted(LobbyStanding {
            continue_above,
            closed,
        }))
    }

    /// How many arrivals the PoPs have told, of each of these sales that has any.
    pub(super) async fn arrivals(&self, sales: &[u64]) -> Result<HashMap<u64, u64>> {
        if sales.is_empty() {
            return Ok(HashMap::new());
        }
        let mut query = sqlx::QueryBuilder::new(
            "SELECT sale_id, CAST(SUM(arrivals) AS UNSIGNED) FROM lobbies WHERE sale_id IN ",
        );
        push_ids(&mut query, sales.iter().copied());
        query.push(" GROUP BY sale_id");
        let rows: Vec<(u64, u64)> = query
            .build_query_as()
            .fetch_all(&mut *self.connection().await?)
            .await?;
        Ok(rows.into_iter().collect())
    }

    /// The lobbies of a sale, in the order of their PoPs.
    pub async fn lobbies(&self, sale: SaleId) -> Result<Vec<LobbyRow>> {
        let rows = sqlx::query_as!(
            LobbyRow,
            "SELECT pop, arrivals, closed_count FROM lobbies WHERE sale_id = ? ORDER BY pop",
            sale.0
        );
        Ok(rows.fetch_all(&mut *self.connection().await?).await?)
    }
}
