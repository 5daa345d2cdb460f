//! Items as an operator sees them.

use crate::{Stores, when};
use anyhow::Context;
use clap::{Args, ValueEnum};
use kernel::ids::ItemId;
use origin::catalogue::find_items;
use origin::ledger::{ItemRow, ItemState};
use serde_json::{Value, json};

#[derive(Args)]
pub(crate) struct List {
    /// Words, each of which stands in the id, the sku, the title, the description or an attribute.
    #[arg(long, default_value = "")]
    search: String,
    /// Which items.
    #[arg(long, value_enum, default_value = "active")]
    state: State,
    /// Where the page before ended, as it said.
    #[arg(long)]
    cursor: Option<ItemId>,
    /// How many at most, up to 500.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum State {
    Active,
    Archived,
    All,
}

pub(super) async fn list(arguments: List, stores: &Stores) -> anyhow::Result<()> {
    let state = match arguments.state {
        State::Active => ItemState::Active,
        State::Archived => ItemState::Archived,
        State::All => ItemState::All,
    };
    let ledger = stores.ledger().await?;
    let (search, cursor) = (&arguments.search, arguments.cursor);
    let page = find_items(&ledger, search, state, cursor, arguments.limit).await?;
    if arguments.json {
        let items: Vec<Value> = page.items.iter().map(view).collect();
        println!("{}", json!({ "items": items, "next_cursor": page.next }));
        return Ok(());
    }
    for item in &page.items {
        let ItemRow { id, content, .. } = item;
        println!(
            "{id}  {:8}  {:>12}  {}  {}",
            state_of(item),
            content.list_price.to_string(),
            content.sku,
            content.title
        );
    }
    if let Some(next) = page.next {
        println!("more: --cursor {next}");
    }
    Ok(())
}

pub(super) async fn show(id: ItemId, json: bool, stores: &Stores) -> anyhow::Result<()> {
    let item = stores.ledger().await?.item(id).await?;
    let item = item.with_context(|| format!("there is no item {id}"))?;
    if json {
        println!("{}", view(&item));
        return Ok(());
    }
    let content = &item.content;
    println!("item       {id}  {}", content.sku);
    println!("title      {}", content.title);
    println!("price      {}", content.list_price);
    println!("version    {}", item.version);
    if let Some(at) = item.archived_at {
        println!("archived   {}", when::show(at));
    }
    for attribute in &content.attributes {
        println!("           {}: {}", attribute.name, attribute.value);
    }
    if let Some(url) = &content.image_url {
        println!("picture    {url}");
    }
    super::image::print(&item);
    if !content.description.is_empty() {
        println!("\n{}", content.description);
    }
    Ok(())
}

fn state_of(item: &ItemRow) -> &'static str {
    match item.archived_at {
        None => "active",
        Some(_) => "archived",
    }
}

fn view(item: &ItemRow) -> Value {
    let content = &item.content;
    json!({
        "id": item.id,
        "sku": content.sku,
        "state": state_of(item),
        "title": content.title,
        "description": content.description,
        "attributes": content.attributes,
        "list_price": content.list_price,
        "image_url": content.image_url,
        "images": item.images,
        "version": item.version,
        "archived_at_ms": item.archived_at,
    })
}
