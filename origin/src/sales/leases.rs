//! Leases: slots lent to PoPs, and the check of a token's lease.
//!
//! Invariant: a token counts only while its lease lives, belongs to the PoP that signed it and
//! holds its slot.

use crate::ids::{IdError, Ids};
use crate::ledger::{Granted, LeaseRow, Ledger, LedgerError, Wanted};
use kernel::ids::{LeaseId, OrderId};
use kernel::lease::{
    LEASE_HANDOUT_SECONDS, LEASE_SLOTS_MAX, LeaseGrant, LeaseRequest, WAITING_MAX,
};
use kernel::time::UnixMillis;
use kernel::token::PurchaseToken;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Leases remembered in this process, so that an order costs no look-up.
const REMEMBERED_MAX: usize = 10_000;
/// How long a remembered lease is believed: a revocation is seen after this at the latest.
const BELIEVED_MS: i64 = 2_000;

/// Why no lease was granted or found.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The request is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The request makes no sense.
    #[error("{0}")]
    Malformed(String),
    /// No id to be had.
    #[error("no ids for the slots")]
    Id(#[from] IdError),
    /// The ledger is away.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
}

#[derive(Clone, Copy)]
struct Remembered {
    lease: Option<LeaseRow>,
    since: UnixMillis,
}

/// Grants leases and remembers them for a moment.
#[derive(Default)]
pub struct Leases {
    remembered: Mutex<HashMap<(LeaseId, String), Remembered>>,
}

impl std::fmt::Debug for Leases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Leases")
    }
}

impl Leases {
    /// Lends slots to a PoP.
    pub async fn grant(
        &self,
        ledger: &Ledger,
        ids: &Ids,
        pop: &str,
        request: &LeaseRequest,
    ) -> Result<LeaseGrant, LeaseError> {
        if !(1..=LEASE_SLOTS_MAX).contains(&request.want) {
            return Err(LeaseError::Invalid(format!(
                "want is 1 to {LEASE_SLOTS_MAX}"
            )));
        }
        if !(1..=64).contains(&request.generation.len()) {
            return Err(LeaseError::Invalid(
                "generation has 1 to 64 bytes".to_owned(),
            ));
        }
        let ascends = request.waiting.is_sorted_by(|low, high| low < high);
        if request.waiting.len() > WAITING_MAX || !ascends {
            let message = format!("waiting names at most {WAITING_MAX} places, ascending");
            return Err(LeaseError::Malformed(message));
        }
        let lease = LeaseId(ids.next().await?);
        let slots = u16::try_from(request.want).unwrap_or(u16::MAX);
        let first_slot = ids.block(slots).await?;
        let wanted = Wanted {
            sale: request.sale_id,
            pop,
            generation: &request.generation,
            slots: request.want,
            waiting: &request.waiting,
            returned: request.returned,
        };
        let granted = ledger.grant_lease(lease, first_slot, wanted).await?;
        let count = if let Granted::Slots(count, _) = granted {
            count
        } else {
            0
        };
        Ok(LeaseGrant {
            lease_id: lease,
            sale_id: request.sale_id,
            first_slot: OrderId(first_slot),
            count,
            handout_until_ms: crate::now().plus_seconds(LEASE_HANDOUT_SECONDS),
            sold_out: granted == Granted::SoldOut,
        })
    }

    /// Whether the lease of a token that `pop` signed lives.
    pub async fn is_live(
        &self,
        ledger: &Ledger,
        pop: &str,
        token: &PurchaseToken,
    ) -> Result<bool, LeaseError> {
        let now = crate::now();
        let key = (token.lease, pop.to_owned());
        let entry = if let Some(entry) = self.recall(&key, now) {
            entry
        } else {
            let lease = ledger.lease(token.lease, token.sale, pop).await?;
            self.remember(key, Remembered { lease, since: now })
        };
        Ok(entry
            .lease
            .is_some_and(|lease| lease.admits(token.slot, now)))
    }

    fn recall(&self, key: &(LeaseId, String), now: UnixMillis) -> Option<Remembered> {
        let remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = remembered.get(key)?;
        (now.since(entry.since) < BELIEVED_MS).then_some(*entry)
    }

    fn remember(&self, key: (LeaseId, String), entry: Remembered) -> Remembered {
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(key, entry);
        entry
    }
}
