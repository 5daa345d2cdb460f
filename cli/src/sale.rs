//! `doorbuster sale`.

mod running;
mod show;

use crate::desk::{Desk, text};
use crate::when;
use clap::{Args, Subcommand};
use kernel::ids::{ItemId, SaleId};
use kernel::money::{Currency, Money};
use kernel::time::UnixMillis;
use running::{Change, hold, move_units, terms, told_count};
use serde_json::{Value, json};
use show::print_sale;

/// Sales on a list at most.
const LIST_MAX: u32 = 1_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a sale, as a draft that nobody sees, and print its id.
    Create(Create),
    /// Load a draft's stock and make the sale public. Safe to repeat: a running sale's stock is
    /// counted anew.
    Publish {
        /// The sale.
        id: SaleId,
    },
    /// Hold a running sale: nobody is admitted until it is resumed. Orders placed before stand.
    Pause {
        /// The sale.
        id: SaleId,
    },
    /// Let a paused sale go on.
    Resume {
        /// The sale.
        id: SaleId,
    },
    /// End a sale; there is no way back. Orders placed before can still be paid.
    Close {
        /// The sale.
        id: SaleId,
    },
    /// Change the terms of a sale; what is promised stays.
    Change(Change),
    /// Put more units of a running sale on sale.
    AddUnits {
        /// The sale.
        id: SaleId,
        /// How many.
        units: u32,
    },
    /// Withdraw units of a running sale that are in no order.
    WithdrawUnits {
        /// The sale.
        id: SaleId,
        /// How many.
        units: u32,
    },
    /// Count a running sale's stock in Redis anew from MySQL. Nobody is admitted meanwhile, for ten
    /// seconds at most.
    Rebuild {
        /// The sale.
        id: SaleId,
    },
    /// Show a sale and its counters.
    Show {
        /// The sale.
        id: SaleId,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// List sales, the newest first, at most 1,000.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub(crate) struct Create {
    /// What is sold.
    #[arg(long)]
    item: ItemId,
    /// Its name in addresses: lower-case letters, digits and `-`.
    #[arg(long)]
    slug: String,
    /// The price of a unit, in minor units: 39900 is 399.00 USD.
    #[arg(long)]
    price: i64,
    /// ISO 4217.
    #[arg(long)]
    currency: Currency,
    /// Units on sale, up to 10,000,000.
    #[arg(long)]
    units: u32,
    /// Units one account can have, 1 to 100.
    #[arg(long, default_value_t = 1)]
    limit: u32,
    /// When it opens: `now`, `+120s`, or 2026-11-27T12:00:00Z.
    #[arg(long, value_parser = when::parse)]
    opens: UnixMillis,
    /// When it closes.
    #[arg(long, value_parser = when::parse)]
    closes: UnixMillis,
    /// Tokens that may be out: this many times the units left, 1 to 100.
    #[arg(long, default_value_t = 5)]
    quota: u32,
    /// Admissions a second over all edges.
    #[arg(long, default_value_t = 1_000)]
    rate: u32,
    /// How long an order can be paid, in seconds, 60 to 86,400.
    #[arg(long, default_value_t = 600)]
    payment_seconds: u32,
    /// Mix a round of the public beacon into the draw of the places, so that not even you can know
    /// it; needs DOORBUSTER_BEACON_URL and so on when it is published.
    #[arg(long)]
    beacon: bool,
}

pub(crate) async fn run(command: Command, desk: &Desk) -> anyhow::Result<()> {
    match command {
        Command::Create(arguments) => {
            let sale = desk.post("sales", Some(&draft(&arguments))).await?;
            println!("{}", text(&sale, "id"));
        }
        Command::Publish { id } => {
            let sale = desk.post(&format!("sales/{id}/publish"), None).await?;
            if sale["rebuilt"].is_null() {
                println!("sale {id} is public");
            } else {
                told_count(id, &sale);
            }
        }
        Command::Rebuild { id } => {
            let sale = desk.post(&format!("sales/{id}/rebuild"), None).await?;
            told_count(id, &sale);
        }
        Command::Change(arguments) => {
            let (path, terms) = (format!("sales/{}", arguments.id), terms(&arguments));
            desk.send("PATCH", &path, Some(&terms)).await?;
            println!("sale {} is changed", arguments.id);
        }
        Command::AddUnits { id, units } => move_units(desk, id, "add", units).await?,
        Command::WithdrawUnits { id, units } => move_units(desk, id, "withdraw", units).await?,
        Command::Pause { id } => hold(desk, id, "pause", "paused").await?,
        Command::Resume { id } => hold(desk, id, "resume", "going on").await?,
        Command::Close { id } => hold(desk, id, "close", "closed").await?,
        Command::Show { id, json } => {
            let sale = desk.get(&format!("sales/{id}")).await?;
            if json {
                println!("{sale}");
            } else {
                print_sale(&sale)?;
            }
        }
        Command::List { json } => {
            let list = desk.get(&format!("sales?limit={LIST_MAX}")).await?;
            let sales = list["sales"].as_array().cloned().unwrap_or_default();
            if json {
                println!("{}", Value::Array(sales));
            } else {
                for sale in &sales {
                    let (id, slug) = (text(sale, "id"), text(sale, "slug"));
                    println!("{id}  {:<9}  {slug}", text(sale, "state"));
                }
            }
        }
    }
    Ok(())
}

fn draft(arguments: &Create) -> Value {
    let price = Money {
        amount_minor: arguments.price,
        currency: arguments.currency,
    };
    json!({
        "item_id": arguments.item,
        "slug": arguments.slug,
        "price": price,
        "units": arguments.units,
        "limit_per_account": arguments.limit,
        "opens_at_ms": arguments.opens,
        "closes_at_ms": arguments.closes,
        "quota": arguments.quota,
        "rate_per_second": arguments.rate,
        "payment_seconds": arguments.payment_seconds,
        "with_beacon": arguments.beacon,
    })
}
