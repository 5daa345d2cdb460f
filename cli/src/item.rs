//! `doorbuster item`.

use crate::Stores;
use clap::Subcommand;
use kernel::money::{Currency, Money};
use origin::catalogue::{ItemDraft, add_item};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Add an item and print its id.
    Add {
        /// Its name, up to 200 characters.
        #[arg(long)]
        title: String,
        /// What it is, plain text; blank lines part paragraphs.
        #[arg(long, default_value = "")]
        description: String,
        /// What it costs outside a sale, in minor units: 59900 is 599.00 USD.
        #[arg(long)]
        list_price: i64,
        /// ISO 4217.
        #[arg(long)]
        currency: Currency,
        /// A picture: an http(s) address, or a path of the site.
        #[arg(long)]
        image_url: Option<String>,
    },
}

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<()> {
    let Command::Add {
        title,
        description,
        list_price,
        currency,
        image_url,
    } = command;
    let list_price = Money {
        amount_minor: list_price,
        currency,
    };
    let ledger = stores.ledger().await?;
    let ids = stores.ids(&ledger).await?;
    let draft = ItemDraft {
        title,
        description,
        image_url,
        list_price,
    };
    println!("{}", add_item(&ledger, &ids, draft).await?);
    Ok(())
}
