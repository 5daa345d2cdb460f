//! The snapshot that edges serve from.
//!
//! Invariant: `never-sticky`. It is at most [`FRESH_MS`] old, and "sold out" in it is what Redis
//! said then; a unit that comes back shows in the next one.
//!
//! Without MySQL there is none, and edges go on with the one they have. Without Redis there is:
//! the ledger counts the stock, and nobody can end a session, so that the revoked ones are those of
//! the snapshot before.

use crate::accounts::{AccountError, Sessions};
use crate::ledger::{ItemRow, Ledger, LedgerError, SaleRow};
use crate::pops::{PopError, Pops};
use crate::stock::{Level, Stock};
use kernel::ids::SaleId;
use kernel::lobby::Lobby;
use kernel::sale::{Remaining, state_at};
use kernel::snapshot::{Snapshot, SnapshotSale};
use kernel::time::UnixMillis;
use kernel::wire::{Item, Sale};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How old a snapshot may be before another is made, in milliseconds.
const FRESH_MS: i64 = 200;
/// How long a closed sale is still shown, in milliseconds.
const CLOSED_FOR_MS: i64 = 7 * 24 * 3_600 * 1_000;
/// How long making one may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The ledger is away.
    #[error("the catalogue could not be read")]
    Ledger(#[from] LedgerError),
    /// Redis is away, and the revoked sessions were never read.
    #[error("the revoked sessions could not be read")]
    Sessions(#[from] AccountError),
    /// The ledger is away, and the PoPs were never read.
    #[error("the PoPs could not be read")]
    Pops(#[from] PopError),
    /// A store is too slow.
    #[error("the snapshot was not made in time")]
    Slow,
    /// It could not be made while this caller waited for it.
    #[error("the snapshot that others waited for could not be made")]
    Failed,
}

/// Makes snapshots, one at a time, and keeps the last.
#[derive(Debug, Default)]
pub struct Snapshots {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    last: Option<Arc<Snapshot>>,
    /// When one could not be made.
    failed_at: Option<Instant>,
}

impl Snapshots {
    /// A snapshot that is fresh. Callers at the same moment share one, or its failure: they do not
    /// queue up to find out each by itself that a store is dead.
    pub async fn fresh(
        &self,
        ledger: &Ledger,
        stock: &Stock,
        sessions: &Sessions,
        pops: &Pops,
    ) -> Result<Arc<Snapshot>, SnapshotError> {
        let came_at = Instant::now();
        let mut kept = self.kept.lock().await;
        if kept.failed_at.is_some_and(|failed_at| failed_at > came_at) {
            return Err(SnapshotError::Failed);
        }
        let now = crate::now();
        if let Some(snapshot) = &kept.last
            && now.since(snapshot.generated_at_ms) < FRESH_MS
        {
            return Ok(snapshot.clone());
        }
        let before = kept.last.clone();
        let made = timeout(TIMEOUT, make(ledger, stock, sessions, pops, before, now)).await;
        match made.unwrap_or(Err(SnapshotError::Slow)) {
            Ok(snapshot) => {
                let snapshot = Arc::new(snapshot);
                kept.last = Some(snapshot.clone());
                Ok(snapshot)
            }
            Err(error) => {
                kept.failed_at = Some(Instant::now());
                Err(error)
            }
        }
    }
}

async fn make(
    ledger: &Ledger,
    stock: &Stock,
    sessions: &Sessions,
    pops: &Pops,
    before: Option<Arc<Snapshot>>,
    now: UnixMillis,
) -> Result<Snapshot, SnapshotError> {
    let catalogue = ledger.catalogue(CLOSED_FOR_MS).await?;
    let ids: Vec<SaleId> = catalogue.iter().map(|(_, row, _)| row.sale.id).collect();
    // Without Redis the ledger's counters serve: they lag by what is in the queue.
    let levels = stock.levels(&ids).await.unwrap_or_else(|error| {
        tracing::debug!(%error, "The stock could not be read; the snapshot counts by the ledger");
        vec![None; ids.len()]
    });
    let entries = catalogue.into_iter().zip(levels);
    let sales: Vec<SnapshotSale> = entries
        .filter_map(|((item, row, lobby), level)| sale(item, row, lobby, level, now))
        .collect();
    let revoked_sessions = match (sessions.revoked().await, before) {
        (Ok(revoked), _) => revoked,
        (Err(error), Some(before)) => {
            tracing::debug!(%error, "The revoked sessions are those of the snapshot before");
            before.revoked_sessions.clone()
        }
        (Err(error), None) => return Err(error.into()),
    };
    let session_key = hex::encode(sessions.verifying_key().as_bytes());
    let mut snapshot = Snapshot {
        version: String::new(),
        generated_at_ms: UnixMillis(0),
        session_key,
        revoked_sessions,
        pops: pops.view(ledger).await?,
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
    lobby: Lobby,
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
            title: item.content.title,
            description: item.content.description,
            image_url: item.content.image_url,
            images: item.images,
            attributes: item.content.attributes,
            list_price: item.content.list_price,
        },
        price: row.sale.price,
        units_total: row.sale.total,
        limit_per_account: row.sale.limit_per_account,
        opens_at_ms: row.sale.opens_at,
        closes_at_ms: row.sale.closes_at,
        state,
        remaining,
        lobby,
        version: row.version,
    };
    Some(SnapshotSale {
        sale,
        rate_per_second: row.sale.rate_per_second,
    })
}
