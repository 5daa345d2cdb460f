//! What an operator does to a sale that is made: its terms, its units, its phase, its count.
//!
//! Invariant: each command says what holds after it.

use crate::desk::{Desk, text};
use crate::when;
use clap::Args;
use kernel::ids::SaleId;
use kernel::time::UnixMillis;
use serde_json::{Value, json};

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

pub(super) async fn hold(desk: &Desk, id: SaleId, way: &str, word: &str) -> anyhow::Result<()> {
    desk.post(&format!("sales/{id}/{way}"), None).await?;
    println!("sale {id} is {word}");
    Ok(())
}

/// Says what a count anew found.
pub(super) fn told_count(id: SaleId, sale: &Value) {
    let rebuilt = &sale["rebuilt"];
    if rebuilt["done"] == true {
        let (epoch, units) = (text(rebuilt, "epoch"), text(rebuilt, "available"));
        println!("sale {id} is counted anew: epoch {epoch}, {units} units available");
    } else {
        println!("sale {id} is being counted anew by another process");
    }
}

pub(super) async fn move_units(
    desk: &Desk,
    id: SaleId,
    direction: &str,
    units: u32,
) -> anyhow::Result<()> {
    let body = json!({ "direction": direction, "units": units });
    let sale = desk.post(&format!("sales/{id}/units"), Some(&body)).await?;
    println!("sale {id} has {} units in all", text(&sale, "total"));
    Ok(())
}

pub(super) fn terms(arguments: &Change) -> Value {
    json!({
        "price_minor": arguments.price,
        "units": arguments.units,
        "limit_per_account": arguments.limit,
        "opens_at_ms": arguments.opens,
        "closes_at_ms": arguments.closes,
        "quota": arguments.quota,
        "rate_per_second": arguments.rate,
        "payment_seconds": arguments.payment_seconds,
    })
}
