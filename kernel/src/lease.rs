//! Leases: blocks of slots that the origin lends to a PoP's gate.
//!
//! Invariant: a slot id is lent once. Slots outstanding, over all PoPs, stay within quota × units
//! left, so that a million tokens for a thousand units can never be out.

use crate::ids::{LeaseId, OrderId, SaleId};
use crate::order::{OrderState, Refusal};
use crate::time::UnixMillis;
use crate::token::TOKEN_LIFE_SECONDS;
use serde::{Deserialize, Serialize};

/// The most slots one lease can hold: what the id mint gives in a millisecond.
pub const LEASE_SLOTS_MAX: u32 = 4_096;
/// How long slots of a lease can be handed out, in seconds.
pub const LEASE_HANDOUT_SECONDS: i64 = 30;
/// How long a lease lives, in seconds: a token from its last moment of handing out still counts.
pub const LEASE_LIFE_SECONDS: i64 = LEASE_HANDOUT_SECONDS + TOKEN_LIFE_SECONDS + 5;

/// How many waiting places a PoP names at most.
pub const WAITING_MAX: usize = 256;

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
    /// The lowest places of those who wait at this PoP, ascending, at most [`WAITING_MAX`]: slots
    /// that are scarce go to the lowest waiting place of all PoPs.
    pub waiting: Vec<u64>,
    /// A former lease whose handing out has ended with slots left.
    pub returned: Option<ReturnedLease>,
}

/// Slots that were not handed out flow back before the lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReturnedLease {
    /// The lease.
    pub lease_id: LeaseId,
    /// How many of its slots, from the first on, were handed out.
    pub handed_out: u32,
}

/// `GET /internal/slots/{id}`: what became of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotView {
    /// The state of its order; none if there is no order yet.
    pub state: Option<OrderState>,
    /// Why it was refused.
    pub reason: Option<Refusal>,
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

/// How many of `room` slots this PoP gets when the PoPs' waiting places are these: as many as it has
/// among the `room` lowest of all. When there are more slots than waiting places, it gets stock in
/// hand as well, of what is left an equal part: the visitors of the other `pops` may come next.
pub fn fair_share(room: u32, want: u32, own: &[u64], others: &[u64], pops: u32) -> u32 {
    let waiting = own.len().saturating_add(others.len());
    let room_size = usize::try_from(room).unwrap_or(usize::MAX);
    if waiting <= room_size {
        let left = room - u32::try_from(others.len()).unwrap_or(room);
        let waiting = u32::try_from(own.len()).unwrap_or(left);
        return want.min(left.div_ceil(pops.max(1)).max(waiting));
    }
    let mut all: Vec<(u64, bool)> = own.iter().map(|place| (*place, true)).collect();
    all.extend(others.iter().map(|place| (*place, false)));
    all.sort_unstable();
    let mine = all.iter().take(room_size).filter(|(_, own)| *own).count();
    want.min(u32::try_from(mine).unwrap_or(u32::MAX))
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

    #[test]
    fn scarce_slots_go_to_the_lowest_waiting_places() {
        let check = |room, want, own: &[u64], others: &[u64], expected| {
            let share = fair_share(room, want, own, others, 1);
            assert_eq!(share, expected, "{own:?} {others:?}");
        };
        check(10, 64, &[1, 2], &[], 10);
        check(10, 64, &[1, 2], &[3, 4], 8);
        check(3, 64, &[1, 5, 6], &[2, 3, 4], 1);
        check(3, 64, &[7, 8], &[2, 3, 4], 0);
        check(3, 2, &[1, 2, 3], &[4], 2);
        check(0, 64, &[1], &[], 0);
        check(2, 64, &[], &[2, 3, 4], 0);
    }

    #[test]
    fn who_asks_first_leaves_the_others_their_part() {
        assert_eq!(fair_share(20, 64, &[1], &[], 2), 10);
        assert_eq!(fair_share(21, 64, &[1], &[], 2), 11);
        assert_eq!(fair_share(20, 64, &[1; 15], &[], 2), 15);
        assert_eq!(fair_share(20, 64, &[1; 15], &[2; 5], 2), 15);
        assert_eq!(fair_share(20, 64, &[], &[2; 4], 4), 4);
        assert_eq!(fair_share(20, 64, &[], &[], 0), 20);
    }
}
