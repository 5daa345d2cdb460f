//! Units added to a running sale or withdrawn from it.
//!
//! Invariant: a change is written as asked before anything happens, and ends done or refused in the
//! transaction that moves the units, so that whoever finds it asked can finish it. Redis learns of
//! its end from the outbox.

use super::lock::Lock;
use super::operator_log::{Line, log};
use super::rows::{Entry, enter};
use super::{Actor, Ledger, Result, corrupt, must_touch, retry};
use crate::fail_points::pass;
use kernel::ids::{SaleId, StockChangeId};
use serde_json::json;
use sqlx::MySqlConnection;

/// Which way units go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// More are on sale.
    Add,
    /// Fewer.
    Withdraw,
}

/// A change that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StockChange {
    /// Its id.
    pub id: StockChangeId,
    /// The sale.
    pub sale: SaleId,
    /// Which way.
    pub direction: Direction,
    /// How many.
    pub units: u32,
}

/// How a change ended, or that it has to be begun again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The sale has its new total, now or since an earlier try.
    Done,
    /// It was refused: so many units are not free.
    Refused,
    /// The sale was counted anew since the units were held: hold them again.
    HoldAgain,
}

impl Direction {
    fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Withdraw => "withdraw",
        }
    }
}

impl Ledger {
    /// Writes down that a change is wanted.
    pub async fn ask_for_change(&self, actor: &Actor, change: &StockChange) -> Result<()> {
        retry(|| self.ask_for_change_once(actor, change)).await
    }

    async fn ask_for_change_once(&self, actor: &Actor, change: &StockChange) -> Result<()> {
        let mut transaction = self.begin().await?;
        let action = match change.direction {
            Direction::Add => "sale.add-units",
            Direction::Withdraw => "sale.withdraw-units",
        };
        let line = Line {
            actor,
            action,
            subject: format!("sale:{}", change.sale),
            before: None,
            after: Some(&json!({ "change": change.id, "asked": change.units })),
        };
        log(&mut transaction, line).await?;
        let inserted = sqlx::query!(
            "INSERT INTO stock_changes (id, sale_id, direction, units, state, created_at_ms)
             VALUES (?, ?, ?, ?, 'asked', CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            change.id.0,
            change.sale.0,
            change.direction.as_str(),
            change.units
        );
        let done = inserted.execute(&mut *transaction).await?;
        must_touch("ask for a change", 1, done.rows_affected())?;
        Ok(transaction.commit().await?)
    }

    /// Changes that were asked for more than `older_than_ms` ago and have not ended, at most 100.
    pub async fn unfinished_changes(&self, older_than_ms: i64) -> Result<Vec<StockChange>> {
        let rows = sqlx::query!(
            "SELECT id, sale_id, direction, units FROM stock_changes
             WHERE state = 'asked'
               AND created_at_ms < CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) - ?
             ORDER BY created_at_ms LIMIT 100",
            older_than_ms
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let change = |direction: &str| match direction {
            "add" => Ok(Direction::Add),
            "withdraw" => Ok(Direction::Withdraw),
            other => Err(corrupt(format!("`{other}` is no direction of a change"))),
        };
        rows.into_iter()
            .map(|row| {
                Ok(StockChange {
                    id: StockChangeId(row.id),
                    sale: SaleId(row.sale_id),
                    direction: change(&row.direction)?,
                    units: row.units,
                })
            })
            .collect()
    }

    /// Takes the lock of a change, to finish it; `None` if another process is at it, or if it has
    /// ended. Whoever held units for a change that has ended would hold them for ever.
    pub async fn change_lock(&self, change: &StockChange) -> Result<Option<Lock>> {
        let Some(lock) = self.lock(&format!("change {}", change.id)).await? else {
            return Ok(None);
        };
        let state =
            sqlx::query_scalar!("SELECT state FROM stock_changes WHERE id = ?", change.id.0);
        let state = state.fetch_one(&mut *self.connection().await?).await?;
        Ok((state == "asked").then_some(lock))
    }

    /// Ends an addition: the units are on sale.
    pub async fn add_units(&self, change: &StockChange) -> Result<Ended> {
        retry(|| self.end_change(change, None)).await
    }

    /// Ends a withdrawal whose units Redis holds since the epoch `held_in`.
    pub async fn withdraw_units(&self, change: &StockChange, held_in: u64) -> Result<Ended> {
        retry(|| self.end_change(change, Some(held_in))).await
    }

    /// Ends a change that cannot be made, and of which Redis holds nothing.
    pub async fn refuse_change(&self, change: &StockChange) -> Result<()> {
        end(&mut *self.connection().await?, change, "refused").await
    }

    async fn end_change(&self, change: &StockChange, held_in: Option<u64>) -> Result<Ended> {
        let mut transaction = self.begin().await?;
        let sale = sqlx::query!(
            "SELECT epoch, total, reserved, sold FROM sales WHERE id = ? FOR UPDATE",
            change.sale.0
        );
        let sale = sale.fetch_one(&mut *transaction).await?;
        let state = sqlx::query_scalar!(
            "SELECT state FROM stock_changes WHERE id = ? FOR UPDATE",
            change.id.0
        );
        match state.fetch_one(&mut *transaction).await?.as_str() {
            "done" => return Ok(Ended::Done),
            "refused" => return Ok(Ended::Refused),
            _ => {}
        }
        if held_in.is_some_and(|epoch| epoch != sale.epoch) {
            return Ok(Ended::HoldAgain);
        }
        let free = sale.total - sale.reserved - sale.sold;
        let (state, kind, ended) = match change.direction {
            Direction::Add => ("done", "add", Ended::Done),
            Direction::Withdraw if change.units <= free => ("done", "withdrawn", Ended::Done),
            // What Redis holds for it goes back.
            Direction::Withdraw => ("refused", "add", Ended::Refused),
        };
        if ended == Ended::Done {
            move_units(&mut transaction, change).await?;
        }
        end(&mut transaction, change, state).await?;
        let told = sqlx::query!(
            "INSERT INTO release_outbox (sale_id, order_id, epoch, kind, units, created_at_ms)
             VALUES (?, ?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            change.sale.0,
            change.id.0,
            sale.epoch,
            kind,
            if kind == "add" { change.units } else { 0 }
        );
        let told = told.execute(&mut *transaction).await?;
        must_touch("tell of a change", 1, told.rows_affected())?;
        pass("units.counted").await;
        transaction.commit().await?;
        Ok(ended)
    }
}

async fn move_units(connection: &mut MySqlConnection, change: &StockChange) -> Result<()> {
    let (source, target) = match change.direction {
        Direction::Add => ("supply", "available"),
        Direction::Withdraw => ("available", "withdrawn"),
    };
    let entry = Entry {
        sale: change.sale.0,
        order: None,
        source,
        target,
        units: change.units,
    };
    enter(connection, &[entry]).await?;
    let (more, fewer) = match change.direction {
        Direction::Add => (change.units, 0),
        Direction::Withdraw => (0, change.units),
    };
    let update = sqlx::query!(
        "UPDATE sales SET total = total + ? - ?, version = version + 1 WHERE id = ?",
        more,
        fewer,
        change.sale.0
    );
    let done = update.execute(connection).await?;
    must_touch("change the total", 1, done.rows_affected())
}

async fn end(connection: &mut MySqlConnection, change: &StockChange, state: &str) -> Result<()> {
    let update = sqlx::query!(
        "UPDATE stock_changes SET state = ? WHERE id = ? AND state = 'asked'",
        state,
        change.id.0
    );
    let done = update.execute(connection).await?;
    must_touch("end a change", 1, done.rows_affected())
}
