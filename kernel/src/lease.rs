//! Leases: blocks of slots that the origin lends to a PoP's gate.
//!
//! Invariant: a slot id is lent once. Slots outstanding, over all PoPs, stay within quota × units
//! left, so that a million tokens for a thousand units can never be out.

use crate::ids::{LeaseId, OrderId, SaleId};
use crate::time::UnixMillis;
use crate::token::TOKEN_LIFE_SECONDS;
use serde::{Deserialize, Serialize};

/// The most slots one lease can hold: what the id mint gives in a millisecond.
pub const LEASE_SLOTS_MAX: u32 = 4_096;
/// How long slots of a lease can be handed out, in seconds.
pub const LEASE_HANDOUT_SECONDS: i64 = 30;
/// How long a lease lives, in seconds: a token from its last moment of handing out still counts.
pub const LEASE_LIFE_SECONDS: i64 = LEASE_HANDOUT_SECONDS + TOKEN_LIFE_SECONDS + 5;

/// `POST /internal/leases`, signed by the PoP.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseRequest {
    /// The sale that slots are wanted for.
    pub sale_id: SaleId,
    /// The generation of the PoP's store: a store that lost its data says another, and the leases
    /// of the former are dropped.
    pub generation: String,
    /// How many slots, 1 to [`LEASE_SLOTS_MAX`].
    pub want: u32,
}

/// The answer: slot ids `first_slot` to `first_slot + count - 1`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseGrant {
    /// The lease.
    pub lease_id: LeaseId,
    /// The sale.
    pub sale_id: SaleId,
    /// The first slot's id.
    pub first_slot: OrderId,
    /// How many; 0 when the quota is used up for now, and then there is no lease.
    pub count: u32,
    /// Slots may be handed out until then.
    pub handout_until_ms: UnixMillis,
    /// Whether anything is left to sell at all.
    pub sold_out: bool,
}

/// How many slots may be lent now. `available` are the units left, `outstanding` the slots lent
/// and not yet spent in leases that live.
pub fn grantable(want: u32, quota: u32, available: u32, outstanding: u64) -> u32 {
    let ceiling = u64::from(quota) * u64::from(available);
    let room = ceiling.saturating_sub(outstanding);
    want.min(LEASE_SLOTS_MAX)
        .min(u32::try_from(room).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_out_stay_within_the_quota() {
        let check = |want, available, outstanding, expected| {
            assert_eq!(grantable(want, 5, available, outstanding), expected);
        };
        check(100, 100, 0, 100);
        check(1_000, 100, 0, 500);
        check(100, 100, 450, 50);
        check(100, 100, 500, 0);
        check(100, 10, 500, 0);
        check(100, 0, 0, 0);
        check(9_000, 100_000, 0, LEASE_SLOTS_MAX);
    }
}
