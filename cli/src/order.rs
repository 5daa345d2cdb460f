//! `doorbuster order`.

mod refund;

use crate::desk::{Desk, text};
use crate::when;
use clap::Subcommand;
use kernel::ids::OrderId;
use kernel::money::Money;
use kernel::time::UnixMillis;
use serde_json::Value;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show an order as MySQL has it.
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

pub(crate) async fn run(command: Command, desk: &Desk) -> anyhow::Result<()> {
    match command {
        Command::Show { id, json } => show(id, json, desk).await,
        Command::Refund(arguments) => refund::run(&arguments, desk).await,
    }
}

async fn show(id: OrderId, json: bool, desk: &Desk) -> anyhow::Result<()> {
    let order = desk.get(&format!("orders/{id}")).await?;
    if json {
        println!("{order}");
    } else {
        print(&order)?;
    }
    Ok(())
}

fn print(order: &Value) -> anyhow::Result<()> {
    println!("order      {}", text(order, "order_id"));
    println!("sale       {}", text(order, "sale_id"));
    println!("account    {}", text(order, "account_id"));
    println!("state      {}", text(order, "state"));
    if !order["reason"].is_null() {
        println!("reason     {}", text(order, "reason"));
    }
    let amount: Money = serde_json::from_value(order["amount"].clone())?;
    println!("units      {}, {amount}", text(order, "quantity"));
    for (word, name) in [("created", "created_at_ms"), ("expires", "expires_at_ms")] {
        if let Some(at) = order[name].as_i64() {
            println!("{word:<10} {}", when::show(UnixMillis(at)));
        }
    }
    for refund in order["refunds"].as_array().into_iter().flatten() {
        let amount: Money = serde_json::from_value(refund["amount"].clone())?;
        let (id, state) = (text(refund, "refund_id"), text(refund, "state"));
        println!("refund     {id}, {amount}, {state}");
    }
    Ok(())
}
