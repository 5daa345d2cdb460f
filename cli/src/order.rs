//! `doorbuster order`.

mod refund;

use crate::{Stores, payments, when};
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
    /// Give the money of a paid order back, all of it or a part.
    Refund(refund::Arguments),
}

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<()> {
    match command {
        Command::Show { id, json } => show(id, json, stores).await,
        Command::Refund(arguments) => refund::run(&arguments, stores).await,
    }
}

async fn show(id: OrderId, json: bool, stores: &Stores) -> anyhow::Result<()> {
    let ledger = stores.ledger().await?;
    let order = ledger.order_of_anyone(id).await?;
    let order = order.with_context(|| format!("MySQL has no order {id}"))?;
    let refunds = ledger.refunds_of(id).await?;
    if json {
        let views: Vec<_> = refunds.iter().map(payments::view).collect();
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
            "refunded": order.refunded,
            "refunds": views,
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
    for refund in &refunds {
        let (id, amount, state) = (refund.key.refund, refund.amount, refund.state.as_str());
        println!("refund     {id}, {amount}, {state}");
    }
    Ok(())
}
