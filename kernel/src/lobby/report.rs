//! What PoPs and the origin tell each other about lobbies.
//!
//! Invariant: of one sale no arrival is given twice at a PoP, whatever its store forgets: it never
//! counts further than [`super::ARRIVALS_UNREPORTED_MAX`] above its last report.

use crate::ids::SaleId;
use serde::{Deserialize, Serialize};

/// `POST /internal/lobbies`, signed by the PoP. Sent before the first arrival, then while arrivals
/// come, and once when the lobby closes; safe to repeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LobbyReport {
    /// The sale.
    pub sale_id: SaleId,
    /// The generation of the PoP's store: one that lost its data says another.
    pub generation: String,
    /// The highest arrival given; 0 before the first.
    pub count: u64,
    /// The Merkle tree, when the lobby has closed.
    pub closed: Option<ClosedLobby>,
}

/// A lobby that takes part in the draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedLobby {
    /// The highest arrival in it.
    pub count: u64,
    /// How many tickets its tree holds: the arrivals up to `count`.
    pub size: u64,
    /// The root over them, hexadecimal.
    pub root: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LobbyStanding {
    /// Arrivals of this generation go on above this: 0, or after a loss what the generation before
    /// can have given at most.
    pub continue_above: u64,
    /// Whether the draw takes no more lobbies: this one's tree is in it, or is not any more.
    pub closed: bool,
}
