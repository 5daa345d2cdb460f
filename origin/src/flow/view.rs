//! How operators see rules, by the command line and by the admin API.
//!
//! Invariant: both show the same.

use super::Shown;
use crate::ledger::OriginRow;
use serde_json::{Value, json};

/// A version of the rules as JSON.
pub fn view(shown: &Shown) -> Value {
    json!({
        "version": shown.version,
        "author": shown.author,
        "why": shown.why,
        "created_at_ms": shown.created_at,
        "rules": shown.rules.as_ref().ok().map(|set| &set.rules),
        "faults": shown.rules.as_ref().err().map(|faults| &faults.0),
    })
}

/// An origin, and which version it applies, as JSON.
pub fn view_origin(origin: &OriginRow) -> Value {
    json!({
        "id": origin.beat.id,
        "address": origin.beat.address,
        "live": origin.live,
        "applied_version": origin.beat.applied,
        "refused_version": origin.beat.refused,
        "last_seen_ms": origin.last_seen,
    })
}
