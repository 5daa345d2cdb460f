//! The lobby: a draw of places among all who came before a sale opened, which nobody can steer and
//! anybody can recompute.
//!
//! Invariant: what decides the draw is fixed in an order that leaves nobody a choice. The seed is
//! committed to before the first ticket; each PoP closes its lobby with a count and a Merkle root
//! over its tickets; only then is the seed shown. Where a sale names a round of a public beacon,
//! due after the lobbies have closed, not even whoever knows the seed can tell the draw before.
//!
//! A visitor joins at one PoP and gets an *arrival*, counted from 1 there. The draw makes a *place*
//! of it, counted from 0 over all PoPs. Arrivals after the draw come behind, in order.

mod merkle;
mod permutation;
mod receipt;
mod report;
mod ticket;

pub use merkle::{CHUNK, Digest, EMPTY_ROOT, leaf, proof, tree_root};
pub use permutation::permute;
pub use receipt::{BadReceipt, Receipt};
pub use report::{ClosedLobby, LobbyReport, LobbyStanding};
pub use ticket::{SERIAL_BYTES, Ticket};

use crate::ids::SaleId;
use crate::time::UnixMillis;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// How many arrivals a PoP may count above what it last reported to the origin. After it has lost
/// its data it goes on that far above the report, so no arrival is ever given twice.
pub const ARRIVALS_UNREPORTED_MAX: u64 = 1_000;
/// How long after the opening a PoP may take to close its lobby. One that takes longer is left out
/// of the draw, and its visitors come behind; a dead PoP must not hold up a sale.
pub const CLOSING_MS_MAX: i64 = 10_000;
/// The earliest moment after the opening at which a beacon round may be due; lobbies that are not
/// closed when it is, are left out.
pub const BEACON_AFTER_MS: i64 = 5_000;

/// A round of a public randomness beacon that is mixed into the draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beacon {
    /// Its number at the source.
    pub round: u64,
    /// When the source publishes it.
    pub due_at_ms: UnixMillis,
    /// What it was, hexadecimal; none before it is due, and none after the draw if the source had
    /// nothing, in which case the operator could have known the draw.
    pub value: Option<String>,
}

/// A PoP's part in the draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LobbyPop {
    /// The PoP.
    pub id: String,
    /// Its highest arrival in the draw; 0 if it had no lobby or did not close it in time.
    pub count: u64,
    /// How many of these its Merkle tree holds: the last ones. Fewer than `count` only if the PoP
    /// lost its data meanwhile; the places of lost arrivals stay empty.
    pub size: u64,
    /// The root of that tree, hexadecimal.
    pub root: String,
}

/// The lobby of a sale, as everybody sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lobby {
    /// SHA-256 of the seed, hexadecimal; published before the first ticket.
    pub commitment: String,
    /// The seed, hexadecimal; none before the lobbies have closed.
    pub seed: Option<String>,
    /// How many arrivals the PoPs have reported.
    pub waiting: u64,
    /// The beacon round that the sale names.
    pub beacon: Option<Beacon>,
    /// When the draw was made.
    pub drawn_at_ms: Option<UnixMillis>,
    /// All PoPs of the draw in the order of their ids; empty until the lobbies have closed, which is
    /// before the seed is shown.
    pub pops: Vec<LobbyPop>,
}

/// The draw of a sale: turns arrivals into places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    key: [u8; 32],
    pops: Vec<LobbyPop>,
    total: u64,
}

impl Lobby {
    /// The draw, once there is one; `None` also if what is published is damaged.
    pub fn draw(&self, sale: SaleId) -> Option<Draw> {
        self.drawn_at_ms?;
        let seed: [u8; 32] = hex::decode(self.seed.as_ref()?).ok()?.try_into().ok()?;
        let key = draw_key(sale, &seed, &self.pops, self.beacon.as_ref())?;
        let mut counts = self.pops.iter().map(|pop| pop.count);
        let total = counts.try_fold(0_u64, u64::checked_add)?;
        let pops = self.pops.clone();
        (total <= permutation::SIZE_MAX).then_some(Draw { key, pops, total })
    }
}

/// What is committed to: SHA-256 of the seed, hexadecimal.
pub fn commitment(seed: &[u8; 32]) -> String {
    hex::encode(Sha256::digest(seed))
}

impl Draw {
    /// How many places were drawn.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The place of an arrival (from 1) at a PoP. Those behind the draw alternate between the PoPs.
    pub fn place(&self, pop: &str, arrival: u64) -> u64 {
        let (offset, count) = self.part(pop);
        match arrival.checked_sub(1) {
            Some(index) if index < count => permute(&self.key, self.total, offset + index),
            _ => self.behind(pop).place(arrival),
        }
    }

    /// How a PoP numbers those who come after the draw. One that took no part in it, as it was not
    /// there yet, numbers as the first does: two of its visitors and the first's may share a place.
    pub fn behind(&self, pop: &str) -> Behind {
        let (_, count) = self.part(pop);
        let position = self.pops.iter().position(|entry| entry.id == pop);
        Behind {
            drawn: self.total,
            drawn_here: count,
            pops: self.pops.len().max(1) as u64,
            position: position.unwrap_or(0) as u64,
        }
    }

    /// The first place index of a PoP's arrivals before they are mixed, and how many they are.
    fn part(&self, pop: &str) -> (u64, u64) {
        let mut offset = 0;
        for entry in &self.pops {
            if entry.id == pop {
                return (offset, entry.count);
            }
            offset += entry.count;
        }
        (offset, 0)
    }
}

/// How a PoP numbers those who come after the draw: behind everybody, taking turns with the other
/// PoPs, so that no two have one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Places that were drawn.
    pub drawn: u64,
    /// Arrivals of this PoP among them.
    pub drawn_here: u64,
    /// PoPs that take turns.
    pub pops: u64,
    /// Which of them this is, from 0.
    pub position: u64,
}

impl Behind {
    /// The place of an arrival above `drawn_here`.
    pub fn place(&self, arrival: u64) -> u64 {
        let number = arrival.saturating_sub(self.drawn_here + 1);
        let turn = number
            .saturating_mul(self.pops)
            .saturating_add(self.position);
        self.drawn.saturating_add(turn)
    }
}

/// The key of the permutation: SHA-256 over all that decides the draw, each field behind its length
/// in 8 bytes: a label, the sale, the seed, then of each PoP id, count, size and root, then round
/// and value of the beacon, or nothing.
fn draw_key(
    sale: SaleId,
    seed: &[u8; 32],
    pops: &[LobbyPop],
    beacon: Option<&Beacon>,
) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut add = |field: &[u8]| {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    };
    add(b"doorbuster-draw-1");
    add(&sale.0.to_be_bytes());
    add(seed);
    for pop in pops {
        add(pop.id.as_bytes());
        add(&pop.count.to_be_bytes());
        add(&pop.size.to_be_bytes());
        add(&hex::decode(&pop.root).ok()?);
    }
    if let Some(Beacon {
        round,
        value: Some(value),
        ..
    }) = beacon
    {
        add(&round.to_be_bytes());
        add(&hex::decode(value).ok()?);
    }
    Some(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn pop(id: &str, count: u64) -> LobbyPop {
        LobbyPop {
            id: id.to_owned(),
            count,
            size: count,
            root: "11".repeat(32),
        }
    }

    fn lobby(pops: Vec<LobbyPop>, beacon: Option<&str>) -> Lobby {
        let seed = [7; 32];
        Lobby {
            commitment: commitment(&seed),
            seed: Some(hex::encode(seed)),
            waiting: 0,
            beacon: beacon.map(|value| Beacon {
                round: 5,
                due_at_ms: UnixMillis(1),
                value: Some(value.to_owned()),
            }),
            drawn_at_ms: Some(UnixMillis(2)),
            pops,
        }
    }

    #[test]
    fn places_over_all_pops_are_a_permutation_and_late_ones_come_behind() {
        let draw = lobby(vec![pop("a", 70), pop("b", 0), pop("c", 31)], None);
        let draw = draw.draw(SaleId(9)).unwrap();
        let mut seen = HashSet::new();
        for (pop, count) in [("a", 70), ("c", 31)] {
            for arrival in 1..=count {
                assert!(draw.place(pop, arrival) < 101);
                assert!(seen.insert(draw.place(pop, arrival)));
            }
        }
        for arrival in 1..=50 {
            for (pop, count) in [("a", 70), ("b", 0), ("c", 31)] {
                let place = draw.place(pop, count + arrival);
                assert!((101..101 + 150).contains(&place));
                assert!(seen.insert(place));
            }
        }
        assert_eq!(draw.place("b", 1), 102);
        assert_eq!(draw.place("b", 2), 105);
    }

    #[test]
    fn everything_that_is_published_decides_the_draw() {
        let places = |sale: u64, lobby: &Lobby| {
            let draw = lobby.draw(SaleId(sale)).unwrap();
            (1..=40)
                .map(|arrival| draw.place("a", arrival))
                .collect::<Vec<_>>()
        };
        let plain = lobby(vec![pop("a", 40), pop("b", 10)], None);
        let before = places(9, &plain);
        assert_eq!(places(9, &plain), before);
        assert_ne!(places(8, &plain), before);

        let mut changed = plain.clone();
        changed.seed = Some("08".repeat(32));
        assert_ne!(places(9, &changed), before);
        changed = plain.clone();
        changed.pops[1].root = "12".repeat(32);
        assert_ne!(places(9, &changed), before);
        changed = plain.clone();
        changed.pops[1].count = 11;
        assert_ne!(places(9, &changed), before);
        let with_beacon = lobby(plain.pops.clone(), Some("ab"));
        assert_ne!(places(9, &with_beacon), before);
    }

    #[test]
    fn there_is_no_draw_before_the_seed_is_shown() {
        let mut early = lobby(vec![pop("a", 4)], None);
        early.drawn_at_ms = None;
        assert!(early.draw(SaleId(9)).is_none());
        let mut hidden = lobby(vec![pop("a", 4)], None);
        hidden.seed = None;
        assert!(hidden.draw(SaleId(9)).is_none());
    }
}
