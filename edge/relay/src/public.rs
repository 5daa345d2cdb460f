//! What everybody may see, answered at the edge.
//!
//! Invariant: nothing here asks the origin, and a sale's state is that of this moment, by the
//! clock, not that of when the snapshot was made. Each answer is rendered once an instance for a
//! version of the snapshot and a stretch of time in which no sale opens or closes.

use crate::settings::Relay;
use bytes::Bytes;
use kernel::problem::{Problem, ProblemKind};
use kernel::snapshot::SnapshotSale;
use kernel::time::UnixMillis;
use kernel::wire::{Clock, Sale, SaleList};
use kit::answer::{self, Answer};
use kit::rendered::{Rendered, with_age};
use kit::snapshot::View;
use kit::{clock, snapshot};
use serde::Serialize;
use sha2::{Digest, Sha256};
use spin_sdk::http::{HeaderMap, StatusCode};

/// Not a second is added to what caches between us and the shopper may add.
const CACHE_CONTROL: &str = "public, max-age=1";
/// More than a catalogue has; one with more renders some of them anew.
const BODIES_MAX: usize = 512;
/// An instance may have 64 MiB in all.
const BYTES_MAX: usize = 8 * 1_024 * 1_024;

static BODIES: Rendered<Body> = Rendered::new(BODIES_MAX, BYTES_MAX);

/// A body as it goes out, with its entity tag: the state may change with the clock alone, so it is
/// one of the text itself.
struct Body {
    json: Bytes,
    etag: String,
}

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
    answer(headers, &view, now, "", || {
        let entries = view.snapshot().sales.iter();
        let sales = entries.map(|entry| at(entry, now)).collect();
        SaleList { sales }
    })
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
    let now = clock::now();
    let name = entry.sale.id.to_string();
    answer(headers, &view, now, &name, || at(entry, now))
}

fn at(entry: &SnapshotSale, now: UnixMillis) -> Sale {
    Sale {
        state: entry.sale.state_at(now),
        ..entry.sale.clone()
    }
}

fn answer<T: Serialize>(
    headers: &HeaderMap,
    view: &View,
    now: UnixMillis,
    name: &str,
    value: impl FnOnce() -> T,
) -> Result<Answer, Problem> {
    let body = BODIES.get(
        name,
        &view.version(now),
        Body::bytes,
        || Body::new(&value()),
    )?;
    let answer = answer::bytes(StatusCode::OK, "application/json", body.json.clone());
    let answer = answer::cached(headers, &body.etag, CACHE_CONTROL, answer);
    Ok(with_age(answer, view))
}

impl Body {
    fn new(value: &impl Serialize) -> Result<Self, Problem> {
        let json = serde_json::to_vec(value).map_err(|_| ProblemKind::Internal)?;
        Ok(Self {
            etag: format!("\"{}\"", hex::encode(&Sha256::digest(&json)[..12])),
            json: json.into(),
        })
    }

    fn bytes(&self) -> usize {
        self.json.len() + self.etag.len()
    }
}
