//! `doorbuster item`.

mod change;
mod files;
mod image;
mod show;

use crate::Stores;
use crate::actor::shell;
use clap::{Args, Subcommand};
use kernel::catalogue::Attribute;
use kernel::ids::ItemId;
use kernel::money::{Currency, Money};
use origin::catalogue::{ItemDraft, add_item};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Add an item and print its id.
    Add(Add),
    /// Find items, the newest first.
    List(show::List),
    /// Show an item.
    Show {
        /// The item.
        id: ItemId,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change an item and print its new version; what is not named stays.
    Change(change::Change),
    /// Put an item away: no sale can be made of it any more. Prints its new version.
    Archive(change::Versioned),
    /// Take an item back, so that it can be sold again. Prints its new version.
    Restore(change::Versioned),
    /// Make and change items until they are as a CSV file says.
    Import(files::Import),
    /// Write all items as a CSV file.
    Export(files::Export),
    /// Pictures of an item.
    #[command(subcommand)]
    Image(image::Command),
}

#[derive(Args)]
pub(crate) struct Add {
    /// Its name, up to 200 characters.
    #[arg(long)]
    title: String,
    /// Your own name of it, by which an import knows it; its id if you have none.
    #[arg(long)]
    sku: Option<String>,
    /// What it is, plain text; blank lines part paragraphs.
    #[arg(long, default_value = "")]
    description: String,
    /// What else is to be known, `Colour: Black`; once for each.
    #[arg(long = "attribute", value_name = "NAME: VALUE", value_parser = attribute)]
    attributes: Vec<Attribute>,
    /// What it costs outside a sale, in minor units: 59900 is 599.00 USD.
    #[arg(long)]
    list_price: i64,
    /// ISO 4217.
    #[arg(long)]
    currency: Currency,
    /// A picture that lies elsewhere: an http(s) address, or a path of the site. `item image add`
    /// takes one in.
    #[arg(long)]
    image_url: Option<String>,
}

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<()> {
    match command {
        Command::Add(arguments) => add(arguments, stores).await,
        Command::List(arguments) => show::list(arguments, stores).await,
        Command::Show { id, json } => show::show(id, json, stores).await,
        Command::Change(arguments) => change::change(arguments, stores).await,
        Command::Archive(arguments) => change::archive(&arguments, true, stores).await,
        Command::Restore(arguments) => change::archive(&arguments, false, stores).await,
        Command::Import(arguments) => files::import(&arguments, stores).await,
        Command::Export(arguments) => files::export(&arguments, stores).await,
        Command::Image(command) => image::run(command, stores).await,
    }
}

async fn add(arguments: Add, stores: &Stores) -> anyhow::Result<()> {
    let draft = ItemDraft {
        sku: arguments.sku,
        title: arguments.title,
        description: arguments.description,
        attributes: arguments.attributes,
        image_url: arguments.image_url,
        list_price: Money {
            amount_minor: arguments.list_price,
            currency: arguments.currency,
        },
    };
    let ledger = stores.ledger().await?;
    let ids = stores.ids(&ledger).await?;
    println!("{}", add_item(&ledger, &ids, &shell(), draft).await?);
    Ok(())
}

fn attribute(text: &str) -> Result<Attribute, String> {
    let parts = text.split_once(':');
    let (name, value) = parts.ok_or("an attribute is `name: value`")?;
    Ok(Attribute {
        name: name.trim().to_owned(),
        value: value.trim().to_owned(),
    })
}
