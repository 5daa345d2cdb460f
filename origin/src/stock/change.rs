//! Units added to a running sale or withdrawn from it.
//!
//! Invariant: units leave Redis before MySQL gives them up, and come in after MySQL has them, each
//! change once.

use super::{Released, Stock, StockError, key};
use kernel::ids::{SaleId, StockChangeId};
use redis::Script;
use std::sync::LazyLock;

static WITHDRAW: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../../lua/stock/withdraw.lua")));
static CHANGED: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../../lua/stock/changed.lua")));

/// What became of units to be withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawn {
    /// Redis holds them, for nobody, in this epoch.
    Held {
        /// The epoch.
        epoch: u64,
    },
    /// Only so many are available.
    Short(u32),
    /// The sale is being counted: try again.
    Counting,
}

impl Stock {
    /// Takes units out of a running sale, to be withdrawn.
    pub async fn withdraw(
        &self,
        sale: SaleId,
        change: StockChangeId,
        units: u32,
    ) -> Result<Withdrawn, StockError> {
        let mut call = WITHDRAW.prepare_invoke();
        call.key(key(sale, "")).key(key(sale, ":held"));
        let reply = self.link.run(&mut call, &[change.0, units.into()]).await?;
        match reply.word() {
            "held" | "again" => Ok(Withdrawn::Held {
                epoch: reply.number(1)?,
            }),
            "short" => Ok(Withdrawn::Short(reply.number(2)?)),
            "counting" => Ok(Withdrawn::Counting),
            _ => Err(reply.unexpected()),
        }
    }

    /// Takes in what MySQL has committed: `units` more, or with 0 that a withdrawal is done.
    pub async fn changed(
        &self,
        sale: SaleId,
        change: StockChangeId,
        epoch: u64,
        units: u32,
    ) -> Result<Released, StockError> {
        let mut call = CHANGED.prepare_invoke();
        for part in ["", ":held", ":changes"] {
            call.key(key(sale, part));
        }
        let arguments = [epoch, change.0, units.into()];
        let reply = self.link.run(&mut call, &arguments).await?;
        match reply.word() {
            "changed" | "nothing" | "counted" => Ok(Released::Done),
            "later" => Ok(Released::Later),
            _ => Err(reply.unexpected()),
        }
    }
}
