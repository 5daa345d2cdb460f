//! Adds units to a running sale or withdraws them.
//!
//! Invariant: `never-oversold` and `ledger-first`. Units withdrawn leave Redis first, as a
//! reservation of nobody's; units added come into Redis after MySQL has committed them. A change
//! that broke off is finished by the outboxes.

use crate::fail_points::pass;
use crate::ids::{IdError, Ids};
use crate::ledger::{Actor, Direction, Ended, Ledger, LedgerError, StockChange};
use crate::sales::UNITS_MAX;
use crate::stock::{Stock, StockError, Withdrawn};
use crate::stores::Stores;
use kernel::ids::{SaleId, StockChangeId};
use kernel::sale::Phase;
use std::time::Duration;

/// How often a withdrawal waits for a sale that is being counted anew.
const TRIES_MAX: u32 = 75;
/// How long it waits each time.
const WAIT: Duration = Duration::from_millis(200);
/// How often changes that broke off are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A change that was asked for so long ago has nobody at work on it, in milliseconds.
const ABANDONED_AFTER_MS: i64 = 30_000;

/// Why the units were not changed.
#[derive(Debug, thiserror::Error)]
pub enum UnitsError {
    /// No such sale.
    #[error("there is no sale {0}")]
    Unknown(SaleId),
    /// A draft is changed as a draft, and what is closed stays as it is.
    #[error("sale {0} is {1}: units are added to and withdrawn from a running sale")]
    NotRunning(SaleId, &'static str),
    /// Too few or too many.
    #[error("a sale has 1 to {UNITS_MAX} units; this one would have {0}")]
    Total(i64),
    /// Not so many are free.
    #[error("only {0} units are free: the others are in orders")]
    Short(u32),
    /// The ledger has fewer free than Redis said; a rebuild is under way.
    #[error("not so many units are free: the sale is being counted anew; try again")]
    Refused,
    /// The sale is being counted for longer than this waits.
    #[error("the sale is being counted anew; the change is made when that is done")]
    Counting,
    /// Another process finishes it.
    #[error("another process is making this change; look at the sale")]
    Busy,
    /// No id to be had.
    #[error("no id for the change")]
    Id(#[from] IdError),
    /// MySQL.
    #[error("the ledger did not answer; look at the sale before you repeat the command")]
    Ledger(#[from] LedgerError),
    /// Redis.
    #[error("Redis did not answer; the change is made when it does")]
    Stock(#[from] StockError),
}

/// Changes the units of a running sale by `units` in a direction.
pub async fn change_units(
    ledger: &Ledger,
    stock: &Stock,
    ids: &Ids,
    actor: &Actor,
    sale: SaleId,
    direction: Direction,
    units: u32,
) -> Result<(), UnitsError> {
    let row = ledger.sale(sale).await?.ok_or(UnitsError::Unknown(sale))?;
    if !matches!(row.phase, Phase::Published | Phase::Paused) {
        return Err(UnitsError::NotRunning(sale, row.phase.as_str()));
    }
    let (total, by) = (i64::from(row.sale.total), i64::from(units));
    let total = match direction {
        Direction::Add => total + by,
        Direction::Withdraw => total - by,
    };
    if units == 0 || !(1..=i64::from(UNITS_MAX)).contains(&total) {
        return Err(UnitsError::Total(total));
    }
    let change = StockChange {
        id: StockChangeId(ids.next().await?),
        sale,
        direction,
        units,
    };
    ledger.ask_for_change(actor, &change).await?;
    finish(ledger, stock, &change).await
}

/// Brings a change that was asked for to its end. Safe to repeat, by anybody.
async fn finish(ledger: &Ledger, stock: &Stock, change: &StockChange) -> Result<(), UnitsError> {
    let Some(_lock) = ledger.change_lock(change).await? else {
        return Err(UnitsError::Busy);
    };
    if change.direction == Direction::Add {
        return match ledger.add_units(change).await? {
            Ended::Done => Ok(()),
            Ended::Refused | Ended::HoldAgain => Err(UnitsError::Refused),
        };
    }
    for _ in 0..TRIES_MAX {
        match stock.withdraw(change.sale, change.id, change.units).await? {
            Withdrawn::Held { epoch } => {
                pass("units.held").await;
                match ledger.withdraw_units(change, epoch).await? {
                    Ended::Done => return Ok(()),
                    Ended::Refused => return Err(UnitsError::Refused),
                    Ended::HoldAgain => {}
                }
            }
            Withdrawn::Short(available) => {
                ledger.refuse_change(change).await?;
                return Err(UnitsError::Short(available));
            }
            Withdrawn::Counting => {}
        }
        tokio::time::sleep(WAIT).await;
    }
    Err(UnitsError::Counting)
}

/// Finishes for ever what others have begun. A loop of its own, as a withdrawal may wait for a sale
/// that is being counted.
pub async fn look_after_changes(stores: Stores) {
    loop {
        if let Err(error) = finish_changes(&stores.ledger, &stores.stock).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "Changes of units could not be looked for");
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Finishes what others have begun.
pub async fn finish_changes(ledger: &Ledger, stock: &Stock) -> Result<(), UnitsError> {
    for change in ledger.unfinished_changes(ABANDONED_AFTER_MS).await? {
        let finished = finish(ledger, stock, &change).await;
        let change = change.id.to_string();
        match finished {
            Ok(()) => tracing::info!(change.id = change, "A change of units was finished"),
            Err(error) => tracing::warn!(change.id = change, %error, "A change of units waits"),
        }
    }
    Ok(())
}
