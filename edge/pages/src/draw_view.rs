//! How a sale's places were drawn, as the templates read it.
//!
//! Invariant: all that decides the draw is shown, and so is that nothing but the operator's word
//! stands behind it where no beacon was mixed in.

use crate::sale_view::{Instant, instant};
use kernel::lobby::{Beacon, LobbyPop};
use kernel::wire::Sale;
use layout::words::grouped;
use serde::Serialize;

/// What was published about a draw.
#[derive(Serialize)]
pub struct DrawView {
    commitment: String,
    seed: Option<String>,
    drawn_at: Option<Instant>,
    /// Who is in the lobby so far; nothing if nobody is.
    waiting: Option<String>,
    /// All places that were drawn.
    places: String,
    pops: Vec<PopView>,
    beacon: Option<BeaconView>,
    /// Whether somebody who knew the seed could have known the draw.
    foreseeable: bool,
}

/// A PoP's part in it.
#[derive(Serialize)]
struct PopView {
    id: String,
    count: String,
    /// How many arrivals the PoP lost, if any.
    lost: Option<String>,
    root: String,
}

#[derive(Serialize)]
struct BeaconView {
    round: u64,
    due_at: Instant,
    value: Option<String>,
}

impl DrawView {
    /// The draw of a sale.
    pub fn new(sale: &Sale) -> Self {
        let lobby = &sale.lobby;
        let places = lobby.pops.iter().map(|pop| pop.count);
        let beacon = lobby.beacon.as_ref();
        let drawn = lobby.drawn_at_ms.is_some();
        let foreseeable = beacon.is_none_or(|beacon| drawn && beacon.value.is_none());
        Self {
            commitment: lobby.commitment.clone(),
            seed: lobby.seed.clone(),
            drawn_at: lobby.drawn_at_ms.map(instant),
            waiting: (lobby.waiting > 0).then(|| grouped(lobby.waiting)),
            places: grouped(places.fold(0, u64::saturating_add)),
            pops: lobby.pops.iter().map(PopView::new).collect(),
            beacon: beacon.map(BeaconView::new),
            foreseeable,
        }
    }
}

impl PopView {
    fn new(pop: &LobbyPop) -> Self {
        let lost = pop.count.saturating_sub(pop.size);
        Self {
            id: pop.id.clone(),
            count: grouped(pop.count),
            lost: (lost > 0).then(|| grouped(lost)),
            root: pop.root.clone(),
        }
    }
}

impl BeaconView {
    fn new(beacon: &Beacon) -> Self {
        Self {
            round: beacon.round,
            due_at: instant(beacon.due_at_ms),
            value: beacon.value.clone(),
        }
    }
}
