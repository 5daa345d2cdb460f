//! `doorbuster order`.

use crate::{Stores, when};
use anyhow::Context;
use clap::Subcommand;
use kernel::ids::OrderId;
use serde_json::json;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show an order.
    Show {
        /// The order.
        id: OrderId,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<()> {
    let Command::Show { id, json } = command;
    let order = stores.ledger().await?.order_of_anyone(id).await?;
    let order = order.with_context(|| format!("MySQL has no order {id}"))?;
    if json {
        let view = json!({
            "order_id": order.id,
            "sale_id": order.sale,
            "account_id": order.account,
            "quantity": order.quantity,
            "amount": order.amount,
            "state": order.state,
            "reason": order.reason,
            "created_at_ms": order.created_at,
            "expires_at_ms": order.expires_at,
            "payment": order.payment,
            "version": order.version,
        });
        println!("{view}");
        return Ok(());
    }
    println!("order      {}", order.id);
    println!("sale       {}", order.sale);
    println!("account    {}", order.account);
    println!("state      {}", order.state.as_str());
    if let Some(reason) = order.reason {
        println!("reason     {}", reason.as_str());
    }
    println!("units      {}, {}", order.quantity, order.amount);
    println!("created    {}", when::show(order.created_at));
    if let Some(expires_at) = order.expires_at {
        println!("expires    {}", when::show(expires_at));
    }
    Ok(())
}
