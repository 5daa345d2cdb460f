//! Tickets: what a visitor gets for joining a lobby.
//!
//! Invariant: a ticket follows from what the PoP keeps of an arrival, so it is the same each time;
//! nobody but the PoP can make one, and it says nothing of whose it is.

use crate::ids::{AccountId, SaleId};
use crate::keys::{PopKeys, sign};
use crate::time::UnixMillis;

/// Bytes of a ticket's serial number.
pub const SERIAL_BYTES: usize = 16;

/// What the PoP keeps of an arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The sale.
    pub sale: SaleId,
    /// Whose it is.
    pub account: AccountId,
    /// Counted from 1 at this PoP.
    pub arrival: u64,
    /// When.
    pub joined_at: UnixMillis,
    /// Random, hexadecimal, so that nobody can guess the ticket of another and so its leaf.
    pub serial: String,
}

impl Ticket {
    /// The text that the visitor keeps:
    /// `<sale>.<pop>.<arrival>.<joined_at_ms>.<serial>.<signature>`.
    pub fn text(&self, keys: &PopKeys) -> String {
        let Self {
            sale,
            account,
            arrival,
            joined_at,
            serial,
        } = self;
        let signature = sign(
            &keys.ticket,
            &[
                keys.pop.as_bytes(),
                &sale.0.to_be_bytes(),
                &account.0.to_be_bytes(),
                &arrival.to_be_bytes(),
                &joined_at.0.to_be_bytes(),
                serial.as_bytes(),
            ],
        );
        let signature = hex::encode(&signature[..16]);
        format!(
            "{sale}.{}.{arrival}.{}.{serial}.{signature}",
            keys.pop, joined_at.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_the_same_each_time_and_fits_one_arrival() {
        let keys = PopKeys::derive("pop-1", &"5a".repeat(32)).unwrap();
        let ticket = Ticket {
            sale: SaleId(5),
            account: AccountId(6),
            arrival: 7,
            joined_at: UnixMillis(8),
            serial: "ab".repeat(SERIAL_BYTES),
        };
        let text = ticket.text(&keys);
        assert!(text.starts_with("5.pop-1.7.8.abab"), "{text}");
        assert_eq!(text, ticket.text(&keys));
        let other = Ticket {
            account: AccountId(9),
            ..ticket
        };
        assert_ne!(text, other.text(&keys));
    }
}
