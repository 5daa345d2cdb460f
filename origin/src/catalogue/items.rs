//! Making, changing, archiving and finding items.
//!
//! Invariant: nothing is stored that has a fault, and nothing is overwritten that the operator has
//! not seen.

use super::{CatalogueError, ItemDraft};
use crate::ids::Ids;
use crate::ledger::{Actor, ItemChange, ItemPage, ItemSearch, ItemState, Ledger, WORDS_MAX};
use kernel::ids::ItemId;

/// Items on a page at most.
const PAGE_ITEMS_MAX: u32 = 500;

/// Adds an item and returns its id.
pub async fn add_item(
    ledger: &Ledger,
    ids: &Ids,
    actor: &Actor,
    draft: ItemDraft,
) -> Result<ItemId, CatalogueError> {
    check(&draft)?;
    let id = ItemId(ids.next().await?);
    let content = draft.into_content(id);
    if ledger.insert_item(actor, id, &content).await? {
        Ok(id)
    } else {
        Err(sku_taken(&content.sku))
    }
}

/// Says something else about the item, if it still has this version, and returns the next one.
/// Without a sku it keeps the one it has.
pub async fn change_item(
    ledger: &Ledger,
    actor: &Actor,
    (id, version): (ItemId, u64),
    mut draft: ItemDraft,
) -> Result<u64, CatalogueError> {
    check(&draft)?;
    if draft.sku.is_none() {
        let item = ledger.item(id).await?.ok_or(CatalogueError::Unknown(id))?;
        draft.sku = Some(item.content.sku);
    }
    let content = draft.into_content(id);
    match ledger.change_item(actor, id, version, &content).await? {
        ItemChange::SkuTaken => Err(sku_taken(&content.sku)),
        change => done(id, change),
    }
}

/// Puts the item away, or takes it back, if it still has this version; returns the next one.
pub async fn archive_item(
    ledger: &Ledger,
    actor: &Actor,
    (id, version): (ItemId, u64),
    archived: bool,
) -> Result<u64, CatalogueError> {
    let change = ledger.archive_item(actor, id, version, archived);
    done(id, change.await?)
}

/// A page of the items in which all these words stand, each in the id, the sku, the title, the
/// description or an attribute; the newest first.
pub async fn find_items(
    ledger: &Ledger,
    text: &str,
    state: ItemState,
    before: Option<ItemId>,
    limit: u32,
) -> Result<ItemPage, CatalogueError> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if words.len() > WORDS_MAX {
        let message = format!("search for at most {WORDS_MAX} words");
        return Err(CatalogueError::field("search", message));
    }
    let search = ItemSearch {
        words,
        state,
        before,
        limit: limit.clamp(1, PAGE_ITEMS_MAX),
    };
    Ok(ledger.find_items(&search).await?)
}

/// The version after the change, or why there is none.
pub(super) fn done(id: ItemId, change: ItemChange) -> Result<u64, CatalogueError> {
    match change {
        ItemChange::Done(version) => Ok(version),
        ItemChange::Stale(version) => Err(CatalogueError::Stale(id, version)),
        ItemChange::Unknown => Err(CatalogueError::Unknown(id)),
        ItemChange::InUse(sale) => Err(CatalogueError::InUse(id, sale)),
        ItemChange::SkuTaken => Err(CatalogueError::field("sku", "another item has this sku")),
    }
}

fn check(draft: &ItemDraft) -> Result<(), CatalogueError> {
    match draft.faults().into_iter().next() {
        None => Ok(()),
        Some(fault) => Err(CatalogueError::Invalid(fault)),
    }
}

fn sku_taken(sku: &str) -> CatalogueError {
    CatalogueError::field("sku", format!("another item has the sku `{sku}`"))
}
