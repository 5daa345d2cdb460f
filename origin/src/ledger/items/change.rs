//! Making, changing and archiving an item.
//!
//! Invariant: whoever changes an item has read it as it is: a change names the version that it is
//! made from.

use super::super::operator_log::{Actor, Line, log};
use super::super::{Ledger, LedgerError, Result, must_touch, retry};
use super::{ItemContent, ItemRow, attributes_text, with_images};
use kernel::ids::{ItemId, SaleId};
use serde::Serialize;
use sqlx::MySqlConnection;

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemChange {
    /// It is made, or was not needed; the item has this version now.
    Done(u64),
    /// The item has another version by now, this one.
    Stale(u64),
    /// There is no such item.
    Unknown,
    /// Another item has this sku.
    SkuTaken,
    /// It is in a sale that has not closed.
    InUse(SaleId),
}

/// Whether an item is archived, as the operator log tells.
#[derive(Serialize)]
pub(super) struct Archived {
    pub(super) archived: bool,
}

pub(in crate::ledger) fn subject(id: ItemId) -> String {
    format!("item:{id}")
}

/// The item, which nobody else changes until the transaction ends.
pub(in crate::ledger) async fn lock_item(
    connection: &mut MySqlConnection,
    id: ItemId,
) -> Result<Option<ItemRow>> {
    let raw = select_items!("WHERE id = ? FOR UPDATE", id.0);
    let raw = raw.fetch_optional(&mut *connection).await?;
    let rows = with_images(connection, raw.into_iter().collect()).await?;
    Ok(rows.into_iter().next())
}

/// Counts up the version of an item that is locked, and returns the new one.
pub(in crate::ledger) async fn next_version(
    connection: &mut MySqlConnection,
    item: &ItemRow,
) -> Result<u64> {
    let update = sqlx::query!(
        "UPDATE items SET version = version + 1 WHERE id = ? AND version = ?",
        item.id.0,
        item.version
    );
    let done = update.execute(connection).await?;
    must_touch("count up an item's version", 1, done.rows_affected())?;
    Ok(item.version + 1)
}

/// Writes a new item and its line in the log.
pub(super) async fn insert(
    connection: &mut MySqlConnection,
    actor: &Actor,
    id: ItemId,
    content: &ItemContent,
) -> Result<()> {
    let inserted = sqlx::query!(
        "INSERT INTO items (id, sku, title, description, attributes, image_url, list_price_minor,
                            currency, created_at_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
        id.0,
        content.sku,
        content.title,
        content.description,
        attributes_text(&content.attributes)?,
        content.image_url,
        content.list_price.amount_minor,
        content.list_price.currency.to_string()
    );
    let done = inserted.execute(&mut *connection).await?;
    must_touch("insert item", 1, done.rows_affected())?;
    let line = Line {
        actor,
        action: "item.add",
        subject: subject(id),
        before: None,
        after: Some(content),
    };
    log(connection, line).await
}

/// Writes what is said about an item that is locked, and its line in the log.
pub(super) async fn write(
    connection: &mut MySqlConnection,
    actor: &Actor,
    item: &ItemRow,
    content: &ItemContent,
) -> Result<()> {
    let update = sqlx::query!(
        "UPDATE items SET sku = ?, title = ?, description = ?, attributes = ?, image_url = ?,
                list_price_minor = ?, currency = ?, version = version + 1
         WHERE id = ? AND version = ?",
        content.sku,
        content.title,
        content.description,
        attributes_text(&content.attributes)?,
        content.image_url,
        content.list_price.amount_minor,
        content.list_price.currency.to_string(),
        item.id.0,
        item.version
    );
    let done = update.execute(&mut *connection).await?;
    must_touch("change item", 1, done.rows_affected())?;
    let line = Line {
        actor,
        action: "item.change",
        subject: subject(item.id),
        before: Some(&item.content),
        after: Some(content),
    };
    log(connection, line).await
}

/// Archives an item that is locked, or takes it back, and writes its line in the log.
pub(super) async fn set_archived(
    connection: &mut MySqlConnection,
    actor: &Actor,
    id: ItemId,
    archived: bool,
) -> Result<()> {
    let update = sqlx::query!(
        "UPDATE items SET version = version + 1,
                archived_at_ms = IF(?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED), NULL)
         WHERE id = ?",
        archived,
        id.0
    );
    let done = update.execute(&mut *connection).await?;
    must_touch("archive item", 1, done.rows_affected())?;
    let (before, after) = (
        Archived {
            archived: !archived,
        },
        Archived { archived },
    );
    let line = Line {
        actor,
        action: if archived {
            "item.archive"
        } else {
            "item.restore"
        },
        subject: subject(id),
        before: Some(&before),
        after: Some(&after),
    };
    log(connection, line).await
}

/// A sale of the item that has not closed.
pub(super) async fn unfinished_sale(
    connection: &mut MySqlConnection,
    id: ItemId,
) -> Result<Option<SaleId>> {
    let sale = sqlx::query_scalar!(
        "SELECT id FROM sales
         WHERE item_id = ? AND phase <> 'closed'
           AND closes_at_ms > CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
         ORDER BY id LIMIT 1",
        id.0
    );
    Ok(sale.fetch_optional(connection).await?.map(SaleId))
}

impl Ledger {
    /// Makes an item; false if another one has its sku.
    pub async fn insert_item(
        &self,
        actor: &Actor,
        id: ItemId,
        content: &ItemContent,
    ) -> Result<bool> {
        let once = async || {
            let mut transaction = self.begin().await?;
            insert(&mut transaction, actor, id, content).await?;
            Ok(transaction.commit().await?)
        };
        match retry(once).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_duplicate() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Says something else about an item that has this version.
    pub async fn change_item(
        &self,
        actor: &Actor,
        id: ItemId,
        version: u64,
        content: &ItemContent,
    ) -> Result<ItemChange> {
        let once = async || {
            let mut transaction = self.begin().await?;
            let item = match current(&mut transaction, id, version).await? {
                Ok(item) => item,
                Err(why) => return Ok(why),
            };
            if item.content == *content {
                return Ok(ItemChange::Done(version));
            }
            write(&mut transaction, actor, &item, content).await?;
            transaction.commit().await?;
            Ok(ItemChange::Done(version + 1))
        };
        match retry(once).await {
            Err(error) if error.is_duplicate() => Ok(ItemChange::SkuTaken),
            done => done,
        }
    }

    /// Archives an item that has this version and is in no sale that has not closed, or takes it
    /// back.
    pub async fn archive_item(
        &self,
        actor: &Actor,
        id: ItemId,
        version: u64,
        archived: bool,
    ) -> Result<ItemChange> {
        retry(async || {
            let mut transaction = self.begin().await?;
            let item = match current(&mut transaction, id, version).await? {
                Ok(item) => item,
                Err(why) => return Ok(why),
            };
            if item.archived_at.is_some() == archived {
                return Ok(ItemChange::Done(version));
            }
            if archived && let Some(sale) = unfinished_sale(&mut transaction, id).await? {
                return Ok(ItemChange::InUse(sale));
            }
            set_archived(&mut transaction, actor, id, archived).await?;
            transaction.commit().await?;
            Ok::<_, LedgerError>(ItemChange::Done(version + 1))
        })
        .await
    }
}

/// The item, locked, if it has this version.
pub(in crate::ledger) async fn current(
    connection: &mut MySqlConnection,
    id: ItemId,
    version: u64,
) -> Result<std::result::Result<ItemRow, ItemChange>> {
    Ok(match lock_item(connection, id).await? {
        None => Err(ItemChange::Unknown),
        Some(item) if item.version != version => Err(ItemChange::Stale(item.version)),
        Some(item) => Ok(item),
    })
}
