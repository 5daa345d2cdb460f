//! The snapshot: catalogue and sales as one versioned document, which the edge serves from.
//!
//! Invariant: it holds what everybody may see, and nothing of one shopper.

use crate::pop::PopView;
use crate::session::VerifyingKey;
use crate::time::UnixMillis;
use crate::wire::Sale;
use serde::{Deserialize, Serialize};

/// `GET /internal/snapshot`, signed by the PoP; with `ETag` and `304`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Changes whenever anything in here does.
    pub version: String,
    /// The origin's clock when it was made.
    pub generated_at_ms: UnixMillis,
    /// The public key that sessions and tickets are checked with, hexadecimal.
    pub session_key: String,
    /// Ids of shared sessions that were ended while a copy may still be believed somewhere.
    pub revoked_sessions: Vec<String>,
    /// All PoPs that are not revoked, in the order of their ids.
    pub pops: Vec<PopView>,
    /// All sales that are published and not long over, the next to open first.
    pub sales: Vec<SnapshotSale>,
}

/// A sale and what a gate must know of it besides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotSale {
    /// What shoppers see.
    #[serde(flatten)]
    pub sale: Sale,
    /// Admissions a second over all PoPs.
    pub rate_per_second: u32,
}

impl Snapshot {
    /// The key that sessions are checked with; `None` if the document is damaged.
    pub fn verifying_key(&self) -> Option<VerifyingKey> {
        let bytes: [u8; 32] = hex::decode(&self.session_key).ok()?.try_into().ok()?;
        VerifyingKey::from_bytes(&bytes).ok()
    }

    /// The sale with this id or slug.
    pub fn sale(&self, id_or_slug: &str) -> Option<&SnapshotSale> {
        let matches = |entry: &&SnapshotSale| {
            entry.sale.slug == id_or_slug || entry.sale.id.to_string() == id_or_slug
        };
        self.sales.iter().find(matches)
    }
}
