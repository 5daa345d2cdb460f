//! What an operator does to a sale that is made: its terms, its units, its phase, its count.
//!
//! Invariant: each command says what holds after it.

use crate::{Stores, when};
use anyhow::Context;
use clap::Args;
use kernel::ids::SaleId;
use kernel::sale::Phase;
use kernel::time::UnixMillis;
use origin::ledger::{Direction, Ledger};
use origin::ops::rebuild::{Rebuilt, rebuild};
use origin::sales::{Change as PhaseChange, Terms, change, change_units};

#[derive(Args)]
pub(crate) struct Change {
    /// The sale.
    pub(super) id: SaleId,
    /// The price of a unit, in minor units; of a draft.
    #[arg(long)]
    price: Option<i64>,
    /// Units on sale; of a draft.
    #[arg(long)]
    units: Option<u32>,
    /// Units one account can have; of a public sale only more.
    #[arg(long)]
    limit: Option<u32>,
    /// When it opens, if it has not.
    #[arg(long, value_parser = when::parse)]
    opens: Option<UnixMillis>,
    /// When it closes.
    #[arg(long, value_parser = when::parse)]
    closes: Option<UnixMillis>,
    /// Tokens that may be out: this many times the units left, 1 to 100.
    #[arg(long)]
    quota: Option<u32>,
    /// Admissions a second over all edges.
    #[arg(long)]
    rate: Option<u32>,
    /// How long orders from now on can be paid, in seconds, 60 to 86,400.
    #[arg(long)]
    payment_seconds: Option<u32>,
}

pub(super) async fn hold(
    stores: &Stores,
    ledger: &Ledger,
    id: SaleId,
    wanted: PhaseChange,
    word: &str,
) -> anyhow::Result<()> {
    change(ledger, &stores.stock().await?, id, wanted).await?;
    println!("sale {id} is {word}");
    Ok(())
}

pub(super) async fn recount(stores: &Stores, ledger: &Ledger, id: SaleId) -> anyhow::Result<()> {
    let row = ledger.sale(id).await?;
    let row = row.with_context(|| format!("there is no sale {id}"))?;
    anyhow::ensure!(
        row.phase != Phase::Draft,
        "sale {id} is a draft: publish it"
    );
    match rebuild(ledger, &stores.stock().await?, &stores.queue().await?, id).await? {
        Rebuilt::Yes { epoch, available } => {
            println!("sale {id} is counted anew: epoch {epoch}, {available} units available");
        }
        Rebuilt::Busy => println!("sale {id} is being counted anew by another process"),
    }
    Ok(())
}

pub(super) async fn move_units(
    stores: &Stores,
    ledger: &Ledger,
    id: SaleId,
    direction: Direction,
    units: u32,
) -> anyhow::Result<()> {
    let (stock, ids) = (stores.stock().await?, stores.ids(ledger).await?);
    change_units(ledger, &stock, &ids, id, direction, units).await?;
    let row = ledger.sale(id).await?;
    let row = row.with_context(|| format!("there is no sale {id}"))?;
    println!("sale {id} has {} units in all", row.sale.total);
    Ok(())
}

pub(super) fn terms(arguments: &Change) -> Terms {
    Terms {
        price_minor: arguments.price,
        units: arguments.units,
        limit_per_account: arguments.limit,
        opens_at: arguments.opens,
        closes_at: arguments.closes,
        quota: arguments.quota,
        rate_per_second: arguments.rate,
        payment_seconds: arguments.payment_seconds,
    }
}
