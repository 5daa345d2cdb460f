//! The catalogue: the items that sales sell, with their pictures.
//!
//! Invariant: what is in the catalogue can be shown: texts are within their limits, and pictures were
//! drawn anew by us.

mod csv_file;
mod draft;
mod images;
mod import;
mod items;

pub use csv_file::{COLUMNS, CSV_BYTES_MAX, CSV_ROWS_MAX, CsvFault, CsvItem, read_csv, write_csv};
pub use draft::{
    ALT_LENGTH_MAX, ATTRIBUTE_NAME_LENGTH_MAX, ATTRIBUTE_VALUE_LENGTH_MAX, ATTRIBUTES_MAX,
    DESCRIPTION_BYTES_MAX, Fault, IMAGE_URL_LENGTH_MAX, ItemDraft, SKU_LENGTH_MAX,
    TITLE_LENGTH_MAX,
};
pub use images::{
    ImageError, Images, MEMORY_BYTES_MAX, PIXELS_MAX, Picture, UPLOAD_BYTES_MAX, WIDTHS, add_image,
    move_image, prepare, remove_image,
};
pub use import::{ImportError, Imported, export, import};
pub use items::{add_item, archive_item, change_item, find_items};

use crate::ids::IdError;
use crate::ledger::LedgerError;
use kernel::ids::{ItemId, SaleId};

/// Why nothing was changed in the catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A field is wrong.
    #[error("{0}")]
    Invalid(Fault),
    /// There is no such item.
    #[error("there is no item {0}")]
    Unknown(ItemId),
    /// Somebody else changed the item meanwhile; it has this version now.
    #[error("item {0} was changed meanwhile: it has version {1} now; look at it and try again")]
    Stale(ItemId, u64),
    /// The item cannot be put away.
    #[error("item {0} is in sale {1}, which has not closed; close it first")]
    InUse(ItemId, SaleId),
    /// The picture cannot be taken.
    #[error("{0}")]
    Image(#[from] ImageError),
    /// No id to be had.
    #[error("no id for the item")]
    Id(#[from] IdError),
    /// The ledger is away.
    #[error("the ledger did not answer; try again")]
    Ledger(#[from] LedgerError),
}

impl CatalogueError {
    fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(Fault {
            field,
            message: message.into(),
        })
    }
}
