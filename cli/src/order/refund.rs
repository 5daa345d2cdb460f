//! `doorbuster order refund`.

use crate::desk::{Desk, text};
use clap::Args;
use kernel::ids::OrderId;
use kernel::money::Money;
use serde_json::json;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The order.
    id: OrderId,
    /// How much, in minor units; all that is left if it is not given.
    #[arg(long)]
    amount: Option<i64>,
    /// Put its units on sale again; with the whole alone. Without this they leave the sale.
    #[arg(long)]
    restock: bool,
}

pub(crate) async fn run(arguments: &Arguments, desk: &Desk) -> anyhow::Result<()> {
    let id = arguments.id;
    let body = json!({ "amount_minor": arguments.amount, "restock": arguments.restock });
    let begun = desk
        .post(&format!("orders/{id}/refunds"), Some(&body))
        .await?;
    let state = if begun["whole"] == true {
        "refunded"
    } else {
        "as it was"
    };
    let amount: Money = serde_json::from_value(begun["amount"].clone())?;
    let refund = text(&begun, "refund_id");
    println!("refund {refund} of {amount} is on its way; order {id} is {state}");
    Ok(())
}
