//! Changing and archiving items.

use super::attribute;
use crate::Stores;
use crate::actor::shell;
use anyhow::Context;
use clap::Args;
use kernel::catalogue::Attribute;
use kernel::ids::ItemId;
use origin::catalogue::{ItemDraft, archive_item, change_item};
use origin::ledger::{ItemRow, Ledger};

#[derive(Args)]
pub(crate) struct Versioned {
    /// The item.
    id: ItemId,
    /// The version that you have seen: nothing is done if the item was changed since. Without it the
    /// item is taken as it is now.
    #[arg(long)]
    version: Option<u64>,
}

#[derive(Args)]
pub(crate) struct Change {
    #[command(flatten)]
    item: Versioned,
    /// Another name.
    #[arg(long)]
    title: Option<String>,
    /// Another sku.
    #[arg(long)]
    sku: Option<String>,
    /// Another description.
    #[arg(long)]
    description: Option<String>,
    /// Other attributes in place of all it has, `Colour: Black`; once for each.
    #[arg(long = "attribute", value_name = "NAME: VALUE", value_parser = attribute)]
    attributes: Vec<Attribute>,
    /// No attributes.
    #[arg(long, conflicts_with = "attributes")]
    no_attributes: bool,
    /// Another price outside of sales, in minor units of the same currency.
    #[arg(long)]
    list_price: Option<i64>,
    /// Another picture that lies elsewhere; empty for none.
    #[arg(long)]
    image_url: Option<String>,
}

pub(super) async fn change(change: Change, stores: &Stores) -> anyhow::Result<()> {
    let ledger = stores.ledger().await?;
    let (row, at) = find(&change.item, &ledger).await?;
    let mut draft = ItemDraft::from(row.content);
    if let Some(title) = change.title {
        draft.title = title;
    }
    if let Some(sku) = change.sku {
        draft.sku = Some(sku);
    }
    if let Some(description) = change.description {
        draft.description = description;
    }
    if change.no_attributes || !change.attributes.is_empty() {
        draft.attributes = change.attributes;
    }
    if let Some(amount_minor) = change.list_price {
        draft.list_price.amount_minor = amount_minor;
    }
    if let Some(url) = change.image_url {
        draft.image_url = Some(url).filter(|url| !url.is_empty());
    }
    println!("{}", change_item(&ledger, &shell(), at, draft).await?);
    Ok(())
}

pub(super) async fn archive(
    item: &Versioned,
    archived: bool,
    stores: &Stores,
) -> anyhow::Result<()> {
    let ledger = stores.ledger().await?;
    let (_, at) = find(item, &ledger).await?;
    println!("{}", archive_item(&ledger, &shell(), at, archived).await?);
    Ok(())
}

/// The item, and the version that the change is made from.
async fn find(item: &Versioned, ledger: &Ledger) -> anyhow::Result<(ItemRow, (ItemId, u64))> {
    let row = ledger.item(item.id).await?;
    let row = row.with_context(|| format!("there is no item {}", item.id))?;
    let at = (item.id, item.version.unwrap_or(row.version));
    Ok((row, at))
}
