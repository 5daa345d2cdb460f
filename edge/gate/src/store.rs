//! The gate's keys in the PoP store.
//!
//! Invariant: all keys of a sale share one hash tag, so that a script touches one node of a
//! cluster; and all of them end by themselves some time after the sale.

use crate::settings::Gate;
use kernel::ids::SaleId;
use kernel::problem::{Problem, ProblemKind};
use kernel::snapshot::SnapshotSale;
use kernel::time::UnixMillis;
use kit::random;

/// For how long after a sale its keys are kept: receipts are asked for after it.
const KEEP_SECONDS: i64 = 24 * 3_600;
/// Shared by all sales of the PoP: it names this life of the store.
const GENERATION: &str = "gate:generation";

/// A key of a sale.
pub(crate) fn key(sale: SaleId, what: &str) -> String {
    format!("gate:{{{sale}}}:{what}")
}

/// For how many milliseconds a sale's keys are kept from now on.
pub(crate) fn keep_ms(entry: &SnapshotSale, now: UnixMillis) -> String {
    let until = entry.sale.closes_at_ms.plus_seconds(KEEP_SECONDS);
    until.since(now).max(KEEP_SECONDS * 1_000).to_string()
}

/// The name of the store's life: made when it is first missed, and gone when its data is.
pub(crate) async fn generation(gate: &Gate) -> Result<String, Problem> {
    let name = random::name();
    gate.store
        .command("SET", &[GENERATION, &name, "NX"])
        .await?;
    let generation = gate.store.command("GET", &[GENERATION]).await?.text(0);
    generation.ok_or_else(|| ProblemKind::Unavailable.into())
}
