//! Receipts: with one, anybody can recompute a place.
//!
//! Invariant: a receipt verifies only if the seed is the one committed to, the ticket stands in the
//! tree whose root went into the draw, at the position of its arrival, and the place follows from
//! all that. So a seed, a ticket or a count that was changed after the fact is found.

use super::{Lobby, commitment, merkle};
use crate::ids::SaleId;
use serde::{Deserialize, Serialize};

/// The longest ticket a receipt may hold, in bytes.
const TICKET_BYTES_MAX: usize = 256;
/// The longest audit path: a tree of 2^62 leaves.
const PROOF_MAX: usize = 64;

/// A visitor's receipt for a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The sale.
    pub sale_id: SaleId,
    /// Where the visitor joined.
    pub pop: String,
    /// The arrival there, from 1.
    pub arrival: u64,
    /// The ticket.
    pub ticket: String,
    /// The audit path of the ticket in the PoP's tree, from the leaf up, hexadecimal.
    pub proof: Vec<String>,
    /// The place that was drawn, from 0.
    pub place: u64,
    /// All that was published about the draw.
    pub lobby: Lobby,
}

/// Why a receipt does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReceipt {
    /// The draw is not whole: no seed, or something that is not hexadecimal.
    #[error("the draw in it is not complete")]
    NoDraw,
    /// The seed was exchanged.
    #[error("the seed is not the one that was committed to")]
    Seed,
    /// The receipt's PoP took no part in the draw, or not with this arrival.
    #[error("this arrival took no part in the draw")]
    Arrival,
    /// The ticket was exchanged, or a count.
    #[error("the ticket does not stand in the tree that went into the draw")]
    Ticket,
    /// The place was exchanged.
    #[error("the place is not the one that the draw gives")]
    Place,
}

impl Receipt {
    /// Recomputes everything; returns the place.
    pub fn verify(&self) -> Result<u64, BadReceipt> {
        let Self { lobby, arrival, .. } = self;
        let draw = lobby.draw(self.sale_id).ok_or(BadReceipt::NoDraw)?;
        let seed = lobby.seed.as_deref().map(hex::decode);
        let seed = seed
            .and_then(Result::ok)
            .and_then(|seed| seed.try_into().ok());
        let seed: [u8; 32] = seed.ok_or(BadReceipt::NoDraw)?;
        if commitment(&seed) != lobby.commitment {
            return Err(BadReceipt::Seed);
        }

        let mut pops = lobby.pops.iter();
        let pop = pops
            .find(|pop| pop.id == self.pop)
            .ok_or(BadReceipt::Arrival)?;
        let lost = pop.count.checked_sub(pop.size).ok_or(BadReceipt::Arrival)?;
        if *arrival > pop.count || *arrival <= lost {
            return Err(BadReceipt::Arrival);
        }
        let root = self
            .root(*arrival - lost - 1, pop.size)
            .ok_or(BadReceipt::Ticket)?;
        if hex::encode(root) != pop.root {
            return Err(BadReceipt::Ticket);
        }
        let place = draw.place(&self.pop, *arrival);
        if place == self.place {
            Ok(place)
        } else {
            Err(BadReceipt::Place)
        }
    }

    fn root(&self, index: u64, size: u64) -> Option<merkle::Digest> {
        if self.ticket.len() > TICKET_BYTES_MAX || self.proof.len() > PROOF_MAX {
            return None;
        }
        let path = self
            .proof
            .iter()
            .map(|node| hex::decode(node).ok()?.try_into().ok());
        let path = path.collect::<Option<Vec<merkle::Digest>>>()?;
        merkle::root_of_path(merkle::leaf(self.arrival, &self.ticket), index, size, &path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lobby::{LobbyPop, leaf, proof, tree_root};
    use crate::time::UnixMillis;

    /// Five tickets at pop-1, whose first three arrivals were lost, and none at pop-2.
    fn receipt() -> Receipt {
        let ticket = |arrival: u64| format!("ticket {arrival}");
        let leaves: Vec<_> = (4..=8)
            .map(|arrival| leaf(arrival, &ticket(arrival)))
            .collect();
        let root = tree_root(&leaves);
        let pop = |id: &str, count, size, root: &[u8]| LobbyPop {
            id: id.to_owned(),
            count,
            size,
            root: hex::encode(root),
        };
        let lobby = Lobby {
            commitment: commitment(&[7; 32]),
            seed: Some("07".repeat(32)),
            waiting: 8,
            beacon: None,
            drawn_at_ms: Some(UnixMillis(1)),
            pops: vec![
                pop("pop-1", 8, 5, &root),
                pop("pop-2", 0, 0, &tree_root(&[])),
            ],
        };
        let place = lobby.draw(SaleId(5)).unwrap().place("pop-1", 6);
        let path = proof(&leaves, &[root], 2);
        Receipt {
            sale_id: SaleId(5),
            pop: "pop-1".to_owned(),
            arrival: 6,
            ticket: ticket(6),
            proof: path.iter().map(hex::encode).collect(),
            place,
            lobby,
        }
    }

    #[test]
    fn whatever_is_changed_after_the_fact_is_found() {
        let check = |change: fn(&mut Receipt), expected: Result<(), BadReceipt>| {
            let mut changed = receipt();
            change(&mut changed);
            assert_eq!(changed.verify().map(drop), expected, "{changed:?}");
        };
        check(|_| {}, Ok(()));
        check(|receipt| receipt.place += 1, Err(BadReceipt::Place));
        check(
            |receipt| receipt.ticket = "ticket 7".into(),
            Err(BadReceipt::Ticket),
        );
        check(|receipt| receipt.arrival = 7, Err(BadReceipt::Ticket));
        check(|receipt| receipt.arrival = 3, Err(BadReceipt::Arrival));
        check(|receipt| receipt.arrival = 9, Err(BadReceipt::Arrival));
        check(
            |receipt| receipt.pop = "pop-3".into(),
            Err(BadReceipt::Arrival),
        );
        check(|receipt| drop(receipt.proof.pop()), Err(BadReceipt::Ticket));
        check(
            |receipt| receipt.lobby.seed = Some("08".repeat(32)),
            Err(BadReceipt::Seed),
        );
        check(|receipt| receipt.lobby.seed = None, Err(BadReceipt::NoDraw));
        check(
            |receipt| receipt.lobby.pops[0].count = 9,
            Err(BadReceipt::Ticket),
        );
        check(
            |receipt| receipt.lobby.pops[0].root = "00".repeat(32),
            Err(BadReceipt::Ticket),
        );
        check(
            |receipt| receipt.lobby.pops[1].count = 1,
            Err(BadReceipt::Place),
        );
    }
}
