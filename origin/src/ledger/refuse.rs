//! Refusals: rows that say no, each with a release of what Redis may hold for the order.
//!
//! Invariant: a refusal is found and written while the sale's row is held, so that its epoch is the
//! one its release carries. What proves that Redis counts wrongly asks for a rebuild in the same
//! transaction.

use super::decide::Admitted;
use super::{Ledger, LedgerError, Result, corrupt, must_touch, retry};
use kernel::ids::SaleId;
use kernel::order::Refusal;
use sqlx::MySqlConnection;

/// Why an order was refused, or that it cannot be decided now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A row says so now.
    Because(Refusal),
    /// Redis is of a later epoch than MySQL: MySQL went back in time. A rebuild is asked for; no
    /// order was written.
    LedgerBehind,
}

struct Locked {
    epoch: u64,
    limit: u32,
    free: u32,
}

impl Ledger {
    /// Writes the refusal of one order with its reason; `None` if there is no reason any more.
    pub(super) async fn refuse(&self, order: &Admitted) -> Result<Option<Refused>> {
        let mut transaction = self.begin().await?;
        let sale = lock(&mut transaction, order.sale_id).await?;
        let units = sqlx::query_scalar!(
            "SELECT units FROM sale_accounts WHERE sale_id = ? AND account_id = ?",
            order.sale_id.0,
            order.account_id.0
        );
        let units = units.fetch_optional(&mut *transaction).await?.unwrap_or(0);
        if order.epoch > sale.epoch {
            ask_for_rebuild(&mut transaction, order.sale_id, order.epoch).await?;
            transaction.commit().await?;
            return Ok(Some(Refused::LedgerBehind));
        }
        let refusal = if order.epoch < sale.epoch {
            Refusal::TryAgain
        } else if units + order.quantity > sale.limit {
            Refusal::OverLimit
        } else if order.quantity > sale.free {
            Refusal::SoldOut
        } else {
            return Ok(None);
        };
        if refusal != Refusal::TryAgain {
            // Redis of this very epoch has admitted what there was no room for.
            ask_for_rebuild(&mut transaction, order.sale_id, sale.epoch).await?;
        }
        insert_refused(&mut transaction, order, refusal).await?;
        transaction.commit().await?;
        Ok(Some(Refused::Because(refusal)))
    }

    /// Ends an order that will not be decided, as refused (`try-again`); false if it has a row.
    pub async fn tombstone(&self, order: &Admitted) -> Result<bool> {
        let written = retry(async || {
            let mut transaction = self.begin().await?;
            lock(&mut transaction, order.sale_id).await?;
            insert_refused(&mut transaction, order, Refusal::TryAgain).await?;
            Ok(transaction.commit().await?)
        });
        match written.await {
            Ok(()) => Ok(true),
            Err(error) if error.is_duplicate() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Asks whoever watches over the sales to count one anew, under an epoch above this one.
    pub async fn ask_for_rebuild(&self, sale: SaleId, above: u64) -> Result<()> {
        ask_for_rebuild(&mut *self.connection().await?, sale, above).await
    }
}

async fn lock(connection: &mut MySqlConnection, sale: SaleId) -> Result<Locked> {
    let row = sqlx::query!(
        "SELECT epoch, total, reserved, sold, limit_per_account FROM sales WHERE id = ? FOR UPDATE",
        sale.0
    );
    let row = row.fetch_optional(connection).await?;
    let row = row.ok_or_else(|| corrupt(format!("an order of sale {sale}, which is not there")))?;
    Ok(Locked {
        epoch: row.epoch,
        limit: row.limit_per_account,
        free: row.total.saturating_sub(row.reserved + row.sold),
    })
}

async fn ask_for_rebuild(
    connection: &mut MySqlConnection,
    sale: SaleId,
    above: u64,
) -> Result<(), LedgerError> {
    let update = sqlx::query!(
        "UPDATE sales SET rebuild_above = GREATEST(COALESCE(rebuild_above, 0), ?) WHERE id = ?",
        above,
        sale.0
    );
    let done = update.execute(connection).await?;
    must_touch("ask for a rebuild", 1, done.rows_affected())
}

async fn insert_refused(
    connection: &mut MySqlConnection,
    order: &Admitted,
    refusal: Refusal,
) -> Result<()> {
    let inserted = sqlx::query!(
        "INSERT INTO orders
            (id, sale_id, account_id, lease_id, quantity, amount_minor, currency, state,
             reason, created_at_ms)
         SELECT ?, id, ?, ?, ?, price_minor * ?, currency, 'refused', ?, ?
         FROM sales WHERE id = ?",
        order.order_id.0,
        order.account_id.0,
        order.lease_id.0,
        order.quantity,
        order.quantity,
        refusal.as_str(),
        order.admitted_at_ms.0,
        order.sale_id.0
    );
    let done = inserted.execute(&mut *connection).await?;
    must_touch("refuse order", 1, done.rows_affected())?;
    write_release(connection, order).await
}

/// A release of what Redis holds for this order, with the sale's epoch of this moment.
pub(super) async fn write_release(
    connection: &mut MySqlConnection,
    order: &Admitted,
) -> Result<()> {
    let inserted = sqlx::query!(
        "INSERT INTO release_outbox (sale_id, order_id, epoch, created_at_ms)
         SELECT id, ?, epoch, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) FROM sales WHERE id = ?",
        order.order_id.0,
        order.sale_id.0
    );
    let done = inserted.execute(connection).await?;
    must_touch("write release", 1, done.rows_affected())
}
