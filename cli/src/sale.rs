//! `doorbuster sale`.

mod running;
mod show;

use crate::{Stores, when};
use anyhow::Context;
use clap::{Args, Subcommand};
use kernel::ids::{ItemId, SaleId};
use kernel::money::{Currency, Money};
use kernel::time::UnixMillis;
use origin::ledger::Direction;
use origin::sales::{Change as PhaseChange, Published, SaleDraft, change_terms, create, publish};
use running::{Change, hold, move_units, recount, terms};
use serde_json::Value;
use show::{print_sale, state, view, with_redis};

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

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<()> {
    let ledger = stores.ledger().await?;
    match command {
        Command::Create(arguments) => {
            let ids = stores.ids(&ledger).await?;
            println!("{}", create(&ledger, &ids, draft(arguments)).await?);
        }
        Command::Publish { id } => {
            let stock = stores.stock().await?;
            match publish(&ledger, &stock, stores.rounds, id).await? {
                Published::Now => println!("sale {id} is public"),
                Published::Before => recount(stores, &ledger, id).await?,
            }
        }
        Command::Rebuild { id } => recount(stores, &ledger, id).await?,
        Command::Change(arguments) => {
            let (terms, now) = (terms(&arguments), origin::now());
            change_terms(&ledger, stores.rounds, arguments.id, terms, now).await?;
            println!("sale {} is changed", arguments.id);
        }
        Command::AddUnits { id, units } => {
            move_units(stores, &ledger, id, Direction::Add, units).await?;
        }
        Command::WithdrawUnits { id, units } => {
            move_units(stores, &ledger, id, Direction::Withdraw, units).await?;
        }
        Command::Pause { id } => hold(stores, &ledger, id, PhaseChange::Pause, "paused").await?,
        Command::Resume { id } => {
            hold(stores, &ledger, id, PhaseChange::Resume, "going on").await?;
        }
        Command::Close { id } => hold(stores, &ledger, id, PhaseChange::Close, "closed").await?,
        Command::Show { id, json } => {
            let row = ledger
                .sale(id)
                .await?
                .with_context(|| format!("there is no sale {id}"))?;
            let level = stores.stock().await?.levels(&[id]).await?.pop().flatten();
            let in_redis = level.map(|level| level.available);
            if json {
                println!("{}", with_redis(view(&row), in_redis));
            } else {
                print_sale(&row, in_redis);
            }
        }
        Command::List { json } => {
            let rows = ledger.sales().await?;
            if json {
                println!("{}", Value::Array(rows.iter().map(view).collect()));
            } else {
                for row in &rows {
                    println!("{}  {:<9}  {}", row.sale.id, state(row), row.sale.slug);
                }
            }
        }
    }
    Ok(())
}

fn draft(arguments: Create) -> SaleDraft {
    SaleDraft {
        item: arguments.item,
        slug: arguments.slug,
        price: Money {
            amount_minor: arguments.price,
            currency: arguments.currency,
        },
        units: arguments.units,
        limit_per_account: arguments.limit,
        opens_at: arguments.opens,
        closes_at: arguments.closes,
        quota: arguments.quota,
        rate_per_second: arguments.rate,
        payment_seconds: arguments.payment_seconds,
        with_beacon: arguments.beacon,
    }
}
