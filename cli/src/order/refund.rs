//! `doorbuster order refund`.

use crate::{Stores, actor};
use anyhow::bail;
use clap::Args;
use kernel::ids::OrderId;
use origin::ledger::{RefundOrder, Refunding};
use origin::payments::refund_order;
use origin::settings::{Reader, RefundSettings};

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

pub(crate) async fn run(arguments: &Arguments, stores: &Stores) -> anyhow::Result<()> {
    let mut reader = Reader::from_environment();
    let settings = RefundSettings::read(&mut reader);
    reader.finish()?;
    let id = arguments.id;
    let asked = RefundOrder {
        order: id,
        amount_minor: arguments.amount,
        restock: arguments.restock,
    };
    let ledger = stores.ledger().await?;
    let ids = stores.ids(&ledger).await?;
    match refund_order(&ledger, &ids, settings, &actor::shell(), asked).await? {
        Refunding::Begun {
            refund,
            amount,
            whole,
        } => {
            let state = if whole { "refunded" } else { "as it was" };
            println!("refund {refund} of {amount} is on its way; order {id} is {state}");
            Ok(())
        }
        Refunding::Unknown => bail!("MySQL has no order {id}"),
        Refunding::NotPaid(state) => {
            bail!(
                "order {id} is {}: nothing can be given back",
                state.as_str()
            )
        }
        Refunding::NotWithin(left) => {
            bail!(
                "the amount must be 1 to {} minor units ({left})",
                left.amount_minor
            )
        }
        Refunding::OnlyWhole => bail!("--restock goes with the whole amount alone"),
    }
}
