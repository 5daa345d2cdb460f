//! Many items at once, known by their skus.
//!
//! Invariant: a batch is written whole or not at all, and writing it again changes nothing.

use super::super::operator_log::Actor;
use super::super::{Ledger, Result, retry};
use super::change::{insert, set_archived, unfinished_sale, write};
use super::{ItemContent, ItemRow, with_images};
use kernel::ids::{ItemId, SaleId};
use sqlx::MySqlConnection;

/// An item as a batch has it.
#[derive(Clone, Debug)]
pub struct ItemLine {
    /// Its id if there is none of its sku yet.
    pub new_id: ItemId,
    /// What is said about it.
    pub content: ItemContent,
    /// Whether it is put away.
    pub archived: bool,
    /// Where it comes from, to be told if it cannot be put away.
    pub line: u64,
}

/// What a batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Items that were made.
    pub added: usize,
    /// Items that were changed.
    pub changed: usize,
    /// Items that were as they should be.
    pub unchanged: usize,
    /// Nothing was written, as these lines are to be put away and are in sales that have not closed.
    pub in_use: Vec<(u64, SaleId)>,
}

impl Ledger {
    /// Makes and changes items until they are as these lines say, each sku once. With `dry_run` it
    /// only says what would be done.
    pub async fn write_items(
        &self,
        actor: &Actor,
        lines: &[ItemLine],
        dry_run: bool,
    ) -> Result<Batch> {
        retry(async || {
            let mut transaction = self.begin().await?;
            let mut batch = Batch::default();
            for line in lines {
                apply(&mut transaction, actor, line, &mut batch).await?;
            }
            if dry_run || !batch.in_use.is_empty() {
                transaction.rollback().await?;
            } else {
                transaction.commit().await?;
            }
            Ok(batch)
        })
        .await
    }

    /// Items with higher ids than `after`, in the order of their ids, archived ones too.
    pub async fn items_after(&self, after: ItemId, limit: u32) -> Result<Vec<ItemRow>> {
        let connection = &mut *self.connection().await?;
        let raw = select_items!("WHERE id > ? ORDER BY id LIMIT ?", after.0, limit);
        let raw = raw.fetch_all(&mut *connection).await?;
        with_images(connection, raw).await
    }
}

async fn apply(
    connection: &mut MySqlConnection,
    actor: &Actor,
    line: &ItemLine,
    batch: &mut Batch,
) -> Result<()> {
    let ItemLine {
        new_id,
        content,
        archived,
        line,
    } = line;
    let Some(item) = of_sku(connection, &content.sku).await? else {
        insert(connection, actor, *new_id, content).await?;
        if *archived {
            set_archived(connection, actor, *new_id, true).await?;
        }
        batch.added += 1;
        return Ok(());
    };
    let other_content = item.content != *content;
    let other_state = item.archived_at.is_some() != *archived;
    if other_content {
        write(connection, actor, &item, content).await?;
    }
    if other_state {
        if *archived && let Some(sale) = unfinished_sale(connection, item.id).await? {
            batch.in_use.push((*line, sale));
            return Ok(());
        }
        set_archived(connection, actor, item.id, *archived).await?;
    }
    if other_content || other_state {
        batch.changed += 1;
    } else {
        batch.unchanged += 1;
    }
    Ok(())
}

/// The item with this sku, locked, without its pictures.
async fn of_sku(connection: &mut MySqlConnection, sku: &str) -> Result<Option<ItemRow>> {
    let raw = select_items!("WHERE sku = ? FOR UPDATE", sku);
    let raw = raw.fetch_optional(connection).await?;
    raw.map(|raw| raw.into_row(Vec::new())).transpose()
}
