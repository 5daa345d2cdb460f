//! The count of a sale, for a Redis that is to go by it.
//!
//! Invariant: counters, orders and accounts are read while the sale's row is held, under an epoch
//! that this same transaction makes: whatever commits after it carries that epoch or a later one.

use super::lock::Lock;
use super::{Ledger, Result, corrupt};
use kernel::ids::{AccountId, LeaseId, OrderId, SaleId};
use kernel::order::OrderState;
use kernel::sale::Phase;
use kernel::time::UnixMillis;
use sqlx::MySqlConnection;

/// Orders read in one statement.
const PAGE: u32 = 5_000;

/// All that Redis must know of a sale.
#[derive(Clone, Debug)]
pub struct Count {
    /// The sale.
    pub sale: SaleId,
    /// The epoch of this count.
    pub epoch: u64,
    /// `open`, `paused` or `closed`.
    pub state: &'static str,
    /// Units neither reserved nor sold.
    pub available: u32,
    /// Units an account can have.
    pub limit: u32,
    /// When it opens.
    pub opens_at: UnixMillis,
    /// When it closes.
    pub closes_at: UnixMillis,
    /// Every order there ever was: their slots are spent.
    pub orders: Vec<CountedOrder>,
    /// Units by account, where there are any.
    pub accounts: Vec<(AccountId, u32)>,
}

/// An order, for its slot's record, and what it holds.
#[derive(Clone, Copy, Debug)]
pub struct CountedOrder {
    /// Its id.
    pub id: OrderId,
    /// Whose it is.
    pub account: AccountId,
    /// The lease its slot came from.
    pub lease: LeaseId,
    /// When it was admitted.
    pub admitted_at: UnixMillis,
    /// The units it holds; `None` if it has ended.
    pub units: Option<u32>,
}

/// What Redis is compared with, to see whether it goes by the ledger.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    /// The sale.
    pub sale: SaleId,
    /// Its epoch.
    pub epoch: u64,
    /// What the operator decided.
    pub phase: Phase,
    /// Whether a rebuild was asked for.
    pub asked: bool,
}

/// The word that `place.lua` knows a phase by.
pub fn stock_state(phase: Phase) -> &'static str {
    match phase {
        // A draft is loaded open, and then becomes public.
        Phase::Draft | Phase::Published => "open",
        Phase::Paused => "paused",
        Phase::Closed => "closed",
    }
}

impl Ledger {
    /// Takes the lock of a sale's rebuild; `None` if another process has it.
    pub async fn rebuild_lock(&self, sale: SaleId) -> Result<Option<Lock>> {
        self.lock(&format!("rebuild {sale}")).await
    }

    /// The sales that Redis must know: all but drafts and those that closed more than
    /// `closed_for_ms` ago; at most 1,000, the newest first.
    pub async fn watched_sales(&self, closed_for_ms: i64) -> Result<Vec<Watched>> {
        let rows = sqlx::query!(
            "SELECT id, epoch, phase, rebuild_above FROM sales
             WHERE phase <> 'draft'
               AND closes_at_ms > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ?
             ORDER BY id DESC LIMIT 1000",
            closed_for_ms
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let watched = rows.into_iter().map(|row| {
            Ok(Watched {
                sale: SaleId(row.id),
                epoch: row.epoch,
                phase: row.phase.parse().map_err(corrupt)?,
                asked: row.rebuild_above.is_some(),
            })
        });
        watched.collect()
    }

    /// Opens an epoch above the sale's own, `above` and whatever was asked for, and counts.
    pub async fn count(&self, sale: SaleId, above: u64) -> Result<Count> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query!(
            "SELECT phase, total, reserved, sold, limit_per_account, opens_at_ms, closes_at_ms,
                    epoch, rebuild_above
             FROM sales WHERE id = ? FOR UPDATE",
            sale.0
        );
        let row = row.fetch_one(&mut *transaction).await?;
        let epoch = row.epoch.max(above).max(row.rebuild_above.unwrap_or(0)) + 1;
        let phase: Phase = row.phase.parse().map_err(corrupt)?;
        let opened = sqlx::query!(
            "UPDATE sales SET epoch = ?, rebuild_above = NULL, version = version + 1 WHERE id = ?",
            epoch,
            sale.0
        );
        let opened = opened.execute(&mut *transaction).await?;
        super::must_touch("open an epoch", 1, opened.rows_affected())?;
        let mut orders = Vec::new();
        for state in OrderState::ALL {
            read_orders(&mut transaction, sale, state, &mut orders).await?;
        }
        let accounts = sqlx::query!(
            "SELECT account_id, units FROM sale_accounts WHERE sale_id = ? AND units > 0",
            sale.0
        );
        let accounts = accounts.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(Count {
            sale,
            epoch,
            state: stock_state(phase),
            available: row.total - row.reserved - row.sold,
            limit: row.limit_per_account,
            opens_at: UnixMillis(row.opens_at_ms),
            closes_at: UnixMillis(row.closes_at_ms),
            orders,
            accounts: accounts
                .into_iter()
                .map(|row| (AccountId(row.account_id), row.units))
                .collect(),
        })
    }
}

async fn read_orders(
    connection: &mut MySqlConnection,
    sale: SaleId,
    state: OrderState,
    orders: &mut Vec<CountedOrder>,
) -> Result<()> {
    let mut after = 0;
    loop {
        let rows = sqlx::query!(
            "SELECT id, account_id, quantity, lease_id, created_at_ms FROM orders
             WHERE sale_id = ? AND state = ? AND id > ? ORDER BY id LIMIT ?",
            sale.0,
            state.as_str(),
            after,
            PAGE
        );
        let rows = rows.fetch_all(&mut *connection).await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.id;
        orders.extend(rows.into_iter().map(|row| CountedOrder {
            id: OrderId(row.id),
            account: AccountId(row.account_id),
            lease: LeaseId(row.lease_id),
            admitted_at: UnixMillis(row.created_at_ms),
            units: state.is_live().then_some(row.quantity),
        }));
    }
}
