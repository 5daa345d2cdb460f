//! The snapshot that edges serve from.
//!
//! Invariant: `never-sticky`. It is at most [`FRESH_MS`] old, and "sold out" in it is what Redis
//! said then; a unit that comes back shows in the next one.

use crate::accounts::{AccountError, Sessions};
use crate::ledger::{ItemRow, Ledger, LedgerError, SaleRow};
use crate::stock::{Level, Stock};
use kernel::ids::SaleId;
use kernel::sale::{Remaining, state_at};
use kernel::snapshot::{Snapshot, SnapshotSale};
use kernel::time::UnixMillis;
use kernel::wire::{Item, Sale};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tokio::sync::Mutex;

/// How old a snapshot may be before another is made, in milliseconds.
const FRESH_MS: i64 = 200;
/// How long a closed sale is still shown, in milliseconds.
const CLOSED_FOR_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The ledger is away.
    #[error("the catalogue could not be read")]
    Ledger(#[from] LedgerError),
    /// Redis is away, and with it the list of revoked sessions.
    #[error("the revoked sessions could not be read")]
    Sessions(#[from] AccountError),
}

/// Makes snapshots, one at a time, and keeps the last.
#[derive(Debug, Default)]
pub struct Snapshots {
    last: Mutex<Option<Arc<Snapshot>>>,
}

impl Snapshots {
    /// A snapshot that is fresh. Callers at the same moment share one.
    pub async fn fresh(
        &self,
        ledger: &Ledger,
        stock: &Stock,
        sessions: &Sessions,
    ) -> Result<Arc<Snapshot>, SnapshotError> {
        let mut last = self.last.lock().await;
        let now = crate::now();
        if let Some(snapshot) = last.as_ref()
            && now.since(snapshot.generated_at_ms) < FRESH_MS
        {
            return Ok(snapshot.clone());
        }
        let snapshot = Arc::new(make(ledger, stock, sessions, now).await?);
        *last = Some(snapshot.clone());
        Ok(snapshot)
    }
}

async fn make(
    ledger: &Ledger,
    stock: &Stock,
    sessions: &Sessions,
    now: UnixMillis,
) -> Result<Snapshot, SnapshotError> {
    let catalogue = ledger.catalogue(CLOSED_FOR_MS).await?;
    let ids: Vec<SaleId> = catalogue.iter().map(|(_, row)| row.sale.id).collect();
    // Without Redis the ledger's counters serve: they lag by what is in the queue.
    let levels = stock.levels(&ids).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "The stock could not be read; the snapshot counts by the ledger");
        vec![None; ids.len()]
    });
    let entries = catalogue.into_iter().zip(levels);
    let sales: Vec<SnapshotSale> = entries
        .filter_map(|((item, row), level)| sale(item, row, level, now))
        .collect();
    let revoked_sessions = sessions.revoked().await?;
    let session_key = hex::encode(sessions.verifying_key().as_bytes());
    let mut snapshot = Snapshot {
        version: String::new(),
        generated_at_ms: UnixMillis(0),
        session_key,
        revoked_sessions,
        sales,
    };
    let content = serde_json::to_vec(&snapshot).unwrap_or_default();
    snapshot.version = hex::encode(&Sha256::digest(content)[..12]);
    snapshot.generated_at_ms = now;
    Ok(snapshot)
}

fn sale(
    item: ItemRow,
    row: SaleRow,
    level: Option<Level>,
    now: UnixMillis,
) -> Option<SnapshotSale> {
    // While Redis is counted anew, the ledger's counters serve too.
    let level = level.filter(|level| level.is_of(row.epoch));
    let available = level.map_or(row.available(), |level| level.available);
    let remaining = Remaining::of(available, row.sale.total);
    let state = state_at(
        row.phase,
        row.sale.opens_at,
        row.sale.closes_at,
        remaining,
        now,
    )?;
    let sale = Sale {
        id: row.sale.id,
        slug: row.sale.slug,
        item: Item {
            id: item.id,
            title: item.title,
            description: item.description,
            image_url: item.image_url,
            list_price: item.list_price,
        },
        price: row.sale.price,
        units_total: row.sale.total,
        limit_per_account: row.sale.limit_per_account,
        opens_at_ms: row.sale.opens_at,
        closes_at_ms: row.sale.closes_at,
        state,
        remaining,
        version: row.version,
    };
    Some(SnapshotSale {
        sale,
        rate_per_second: row.sale.rate_per_second,
    })
}
