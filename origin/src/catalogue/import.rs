//! The catalogue from and to a file.
//!
//! Invariant: nothing of a file is applied that has a fault anywhere. What broke off between two
//! batches is made up for by importing the same file again: an item is known by its sku, and one that
//! is as it should be is not touched.

use super::{CsvFault, CsvItem, read_csv, write_csv};
use crate::ids::{IdError, Ids};
use crate::ledger::{Actor, ItemLine, Ledger, LedgerError};
use kernel::ids::ItemId;

/// Items written in one transaction.
const BATCH_ITEMS: usize = 500;
/// Items read at once for an export.
const PAGE_ITEMS: u32 = 500;

/// Why a file was not imported, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It has these faults, and nothing of it was applied.
    #[error("the file has {} faults", .0.len())]
    Faults(Vec<CsvFault>),
    /// No id to be had; nothing was applied.
    #[error("no id for an item; nothing was imported")]
    Id(#[from] IdError),
    /// The ledger is away. So many items of the file are applied.
    #[error("the ledger did not answer after {applied} items; import the same file again")]
    Ledger {
        /// The first of the file, that are applied.
        applied: usize,
        /// Why no more are.
        source: LedgerError,
    },
    /// The file could not be written.
    #[error("the file could not be written")]
    Csv(#[from] csv::Error),
}

/// What an import did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Items that were made.
    pub added: usize,
    /// Items that were changed.
    pub changed: usize,
    /// Items that were as the file says.
    pub unchanged: usize,
}

/// Makes and changes items until they are as the file says; those that it does not name stay. First
/// all of it is tried without being kept, and with `dry_run` that is all.
pub async fn import(
    ledger: &Ledger,
    ids: &Ids,
    actor: &Actor,
    file: &[u8],
    dry_run: bool,
) -> Result<Imported, ImportError> {
    let items = read_csv(file).map_err(ImportError::Faults)?;
    let mut lines = Vec::with_capacity(items.len());
    for CsvItem {
        line,
        draft,
        archived,
    } in items
    {
        let new_id = ItemId(ids.next().await?);
        lines.push(ItemLine {
            new_id,
            content: draft.into_content(new_id),
            archived,
            line,
        });
    }
    let tried = write(ledger, actor, &lines, true).await?;
    if dry_run {
        return Ok(tried);
    }
    write(ledger, actor, &lines, false).await
}

async fn write(
    ledger: &Ledger,
    actor: &Actor,
    lines: &[ItemLine],
    dry_run: bool,
) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    let mut faults = Vec::new();
    let mut applied = 0;
    for lines in lines.chunks(BATCH_ITEMS) {
        let batch = ledger.write_items(actor, lines, dry_run).await;
        let batch = batch.map_err(|source| ImportError::Ledger { applied, source })?;
        faults.extend(batch.in_use.into_iter().map(|(line, sale)| CsvFault {
            line,
            column: Some("state".to_owned()),
            message: format!("the item is in sale {sale}, which has not closed; close it first"),
        }));
        if !dry_run {
            if !faults.is_empty() {
                return Err(ImportError::Faults(faults));
            }
            applied += lines.len();
        }
        imported.added += batch.added;
        imported.changed += batch.changed;
        imported.unchanged += batch.unchanged;
    }
    if faults.is_empty() {
        Ok(imported)
    } else {
        Err(ImportError::Faults(faults))
    }
}

/// All items, archived ones too, in the order in which they were made.
pub async fn export(ledger: &Ledger) -> Result<Vec<u8>, ImportError> {
    let mut items = Vec::new();
    let mut last = ItemId(0);
    loop {
        let page = ledger.items_after(last, PAGE_ITEMS).await;
        let page = page.map_err(|source| ImportError::Ledger { applied: 0, source })?;
        let Some(end) = page.iter().map(|item| item.id).max() else {
            return Ok(write_csv(&items)?);
        };
        last = end;
        items.extend(page.into_iter().map(|item| CsvItem {
            line: 0,
            draft: item.content.into(),
            archived: item.archived_at.is_some(),
        }));
    }
}
