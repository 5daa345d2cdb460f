//! What everybody may see, answered at the edge.
//!
//! Invariant: nothing here asks the origin, and a sale's state is that of this moment, by the
//! clock, not that of when the snapshot was made.

use crate::settings::Relay;
use kernel::problem::{Problem, ProblemKind};
use kernel::snapshot::SnapshotSale;
use kernel::time::UnixMillis;
use kernel::wire::{Clock, Sale, SaleList};
use kit::answer::{self, Answer};
use kit::{clock, snapshot};
use serde::Serialize;
use sha2::{Digest, Sha256};
use spin_sdk::http::{HeaderMap, StatusCode};

const CACHE_CONTROL: &str = "public, max-age=1";

/// `GET /api/clock`.
pub(crate) fn clock() -> Answer {
    let clock = Clock {
        now_ms: clock::now(),
    };
    answer::json(StatusCode::OK, &clock)
}

/// `GET /api/sales`.
pub(crate) async fn sales(relay: &'static Relay, headers: &HeaderMap) -> Result<Answer, Problem> {
    let view = snapshot::current(&relay.edge).await?;
    let now = clock::now();
    let sales = view
        .snapshot()
        .sales
        .iter()
        .map(|entry| at(entry, now))
        .collect();
    cached(headers, &SaleList { sales })
}

/// `GET /api/sales/{id}`.
pub(crate) async fn sale(
    relay: &'static Relay,
    headers: &HeaderMap,
    id_or_slug: &str,
) -> Result<Answer, Problem> {
    let view = snapshot::current(&relay.edge).await?;
    let entry = view
        .snapshot()
        .sale(id_or_slug)
        .ok_or(ProblemKind::UnknownSale)?;
    cached(headers, &at(entry, clock::now()))
}

fn at(entry: &SnapshotSale, now: UnixMillis) -> Sale {
    Sale {
        state: entry.sale.state_at(now),
        ..entry.sale.clone()
    }
}

/// The state may change with the clock alone, so the entity tag is one of the text itself.
fn cached(headers: &HeaderMap, value: &impl Serialize) -> Result<Answer, Problem> {
    let body = serde_json::to_vec(value).map_err(|_| ProblemKind::Internal)?;
    let etag = format!("\"{}\"", hex::encode(&Sha256::digest(&body)[..12]));
    let answer = answer::bytes(StatusCode::OK, "application/json", body);
    Ok(answer::cached(headers, &etag, CACHE_CONTROL, answer))
}
