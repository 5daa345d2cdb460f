//! Asking the origin for a lease.
//!
//! Invariant: one instance of the PoP asks at a time, and after a refusal nobody for a moment, so
//! a crowd at the gate is one small request now and then at the origin. Slots of the former lease
//! that were not handed out go back with the request.

use crate::internal;
use crate::limits::Limits;
use crate::slots::{NotLent, Outcome, Slots};
use crate::store::generation;
use crate::turns::Applicant;
use kernel::lease::{LEASE_SLOTS_MAX, LeaseGrant, LeaseRequest, ReturnedLease};
use kernel::problem::Problem;
use kit::clock;

/// Longer than asking can take; who dies while asking holds the others up no longer.
const LOCK_MS: &str = "3000";
/// How often, and after how long, to look for the lease that another instance asks for.
const LOOKS: u32 = 10;
const LOOK_AGAIN_MS: u64 = 20;
/// For how long nobody asks after the origin lent less than was wanted, in milliseconds.
const QUOTA_PAUSE_MS: i64 = 500;
/// The same after it did not answer.
const AWAY_PAUSE_MS: i64 = 1_000;
/// Asked again within one request, an attempt counts no second time.
const COUNTED: Option<&Limits> = None;

/// Takes a slot for the applicant after too few, less than `wanted`, were found in hand.
pub(crate) async fn take(
    slots: Slots<'_>,
    applicant: &Applicant,
    wanted: u32,
) -> Result<Outcome, Problem> {
    let lock = slots.lock();
    let lock_it = [&lock, &applicant.request, "NX", "PX", LOCK_MS];
    let locked = slots.gate.store.command("SET", &lock_it).await?;
    if locked.text(0).is_some() {
        // Whoever held the lock before may have brought a lease since we looked; another one now
        // would be lent for nothing, and its slots be missing until it ends.
        let outcome = slots.take(applicant, COUNTED, None).await?;
        if !matches!(outcome, Outcome::NoSlots { .. }) {
            slots.gate.store.command("DEL", &[&lock]).await?;
            return Ok(outcome);
        }
        if let Err(problem) = renew(slots, wanted).await {
            // The next one need not wait for the lock to end.
            slots.gate.store.command("DEL", &[&lock]).await?;
            return Err(problem);
        }
        return slots.take(applicant, COUNTED, None).await;
    }
    for _ in 0..LOOKS {
        clock::sleep_ms(LOOK_AGAIN_MS).await;
        match slots.take(applicant, COUNTED, None).await? {
            Outcome::NoSlots { .. } => {}
            outcome => return Ok(outcome),
        }
    }
    Ok(Outcome::NoSlots { wanted })
}

/// Asks for a lease and keeps what comes of it.
async fn renew(slots: Slots<'_>, wanted: u32) -> Result<(), Problem> {
    let want = wanted.max(slots.gate.lease_slots).min(LEASE_SLOTS_MAX);
    match request(slots, want).await? {
        Ok(grant) if grant.count > 0 => slots.keep(&grant, want, QUOTA_PAUSE_MS).await,
        Ok(grant) if grant.sold_out => slots.keep_none(NotLent::SoldOut, QUOTA_PAUSE_MS).await,
        Ok(_) => slots.keep_none(NotLent::Quota, QUOTA_PAUSE_MS).await,
        Err(why) => {
            eprintln!("no lease for sale.id={}: {why}", slots.turns.entry.sale.id);
            slots.keep_none(NotLent::Away, AWAY_PAUSE_MS).await
        }
    }
}

async fn request(slots: Slots<'_>, want: u32) -> Result<Result<LeaseGrant, String>, Problem> {
    let generation = generation(slots.gate).await?;
    let waiting = slots.waiting().await?;
    // Last, as from here on nobody gets a slot until there is an answer.
    let returned = slots.retire().await?;
    let request = LeaseRequest {
        sale_id: slots.turns.entry.sale.id,
        generation,
        want,
        waiting,
        returned: returned.map(|(lease_id, handed_out)| ReturnedLease {
            lease_id,
            handed_out,
        }),
    };
    Ok(internal::lease(&slots.gate.edge, &request).await)
}
