//! Asking the origin for a lease.
//!
//! Invariant: one instance of the PoP asks at a time, and after a refusal nobody for a moment, so
//! a crowd at the gate is one small request now and then at the origin.

use crate::settings::Gate;
use crate::slots::{Applicant, NotLent, Outcome, Slots};
use bytes::Bytes;
use kernel::lease::{LeaseGrant, LeaseRequest};
use kernel::problem::{Problem, ProblemKind};
use kit::body::collect;
use kit::origin::{Ask, ask};
use kit::{clock, random};
use spin_sdk::http::{HeaderMap, HeaderValue, Method};

const PATH: &str = "/internal/leases";
const TIMEOUT_MS: u64 = 2_000;
/// Longer than asking can take; who dies while asking holds the others up no longer.
const LOCK_MS: &str = "3000";
const GRANT_BYTES_MAX: usize = 4_096;
/// How often, and after how long, to look for the lease that another instance asks for.
const LOOKS: u32 = 10;
const LOOK_AGAIN_MS: u64 = 20;
/// Shared by all leases of the PoP: it says which life of the store they were kept in.
const GENERATION: &str = "gate:generation";

/// Takes a slot for the applicant after the lease in hand was found used up.
pub(crate) async fn take(slots: Slots<'_>, applicant: &Applicant) -> Result<Outcome, Problem> {
    let lock = slots.lock();
    let lock_it = [&lock, &applicant.request, "NX", "PX", LOCK_MS];
    let locked = slots.gate.store.command("SET", &lock_it).await?;
    if locked.text(0).is_some() {
        // Whoever held the lock before may have brought a lease since we looked; another one now
        // would be lent for nothing, and its slots be missing until it ends.
        let outcome = slots.take(applicant, false).await?;
        if !matches!(outcome, Outcome::NoSlots) {
            slots.gate.store.command("DEL", &[&lock]).await?;
            return Ok(outcome);
        }
        renew(slots).await?;
        return slots.take(applicant, false).await;
    }
    for _ in 0..LOOKS {
        clock::sleep_ms(LOOK_AGAIN_MS).await;
        match slots.take(applicant, false).await? {
            Outcome::NoSlots => {}
            outcome => return Ok(outcome),
        }
    }
    Ok(Outcome::NoSlots)
}

/// Asks for a lease and keeps what comes of it.
async fn renew(slots: Slots<'_>) -> Result<(), Problem> {
    match request(slots).await {
        Ok(grant) if grant.count > 0 => slots.keep(&grant).await,
        Ok(grant) if grant.sold_out => slots.keep_none(NotLent::SoldOut, 500).await,
        Ok(_) => slots.keep_none(NotLent::Quota, 500).await,
        Err(why) => {
            eprintln!("no lease for sale.id={}: {why}", slots.sale.id);
            slots.keep_none(NotLent::Away, 1_000).await
        }
    }
}

async fn request(slots: Slots<'_>) -> Result<LeaseGrant, String> {
    let gate = slots.gate;
    let generation = generation(gate)
        .await
        .map_err(|problem| problem.kind.word().to_owned())?;
    let wanted = LeaseRequest {
        sale_id: slots.sale.id,
        generation,
        want: gate.lease_slots,
    };
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let body = serde_json::to_vec(&wanted).map_err(|error| error.to_string())?;
    let request = Ask {
        method: Method::POST,
        path_and_query: PATH,
        headers,
        client: String::new(),
        body: Bytes::from(body),
    };
    let response = ask(&gate.edge, request, TIMEOUT_MS)
        .await
        .map_err(|error| error.to_string())?;
    if response.status() != 200 {
        return Err(format!("the origin answered {}", response.status()));
    }
    let body = clock::within(500, collect(response.into_body(), GRANT_BYTES_MAX)).await;
    let body = body.ok_or("the grant did not arrive in time")?;
    let body = body.map_err(|error| format!("the grant did not arrive: {error:?}"))?;
    let grant: LeaseGrant = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    if grant.sale_id != slots.sale.id {
        return Err("the grant is for another sale".to_owned());
    }
    Ok(grant)
}

/// The name of the store's life: made when it is first missed, and gone when its data is.
async fn generation(gate: &Gate) -> Result<String, Problem> {
    gate.store
        .command("SET", &[GENERATION, &random::name(), "NX"])
        .await?;
    let generation = gate.store.command("GET", &[GENERATION]).await?.text(0);
    generation.ok_or_else(|| ProblemKind::Unavailable.into())
}
