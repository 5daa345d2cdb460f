//! Holding orders back: what comes early, and what comes faster than the sale's rate.
//!
//! Invariant: the rate and the pause of this moment bind tokens that were issued before. An order
//! has one turn, however often it is sent while its token lives; no request is held longer than
//! [`HOLD_MS_MAX`] for each of its reasons, and an instance holds so many at once.

use crate::settings::Relay;
use kernel::ids::SaleId;
use kernel::problem::{Problem, ProblemKind};
use kernel::sale::SaleState;
use kernel::snapshot::SnapshotSale;
use kernel::token::PurchaseToken;
use kit::pop_store::Script;
use kit::snapshot::View;
use kit::{clock, snapshot};
use std::sync::atomic::{AtomicU32, Ordering};

static PACE: Script = Script::new(include_str!("../../../lua/edge/pace.lua"));

/// How long a request is held; one that would have to wait longer is told when to come back.
const HOLD_MS_MAX: i64 = 2_000;
/// Requests that an instance holds at once: half of the 16 that it serves at once by default, so
/// that the others get through.
const HELD_MAX: u32 = 8;

/// Requests held now; a number, and of nobody.
static HELD: AtomicU32 = AtomicU32::new(0);

/// Waits for the order's turn, or says when to come back.
pub(crate) async fn admit(relay: &'static Relay, token: &PurchaseToken) -> Result<(), Problem> {
    in_time(token).await?;
    let view = snapshot::current(&relay.edge).await?;
    // A sale that this snapshot does not show has no rate: the origin decides alone.
    let Some(entry) = sale_of(&view, token.sale) else {
        return Ok(());
    };
    check_pause(entry)?;
    let own_rate = share(entry.rate_per_second, view.live_pops(&relay.edge));
    let wait_ms = turn(relay, token, own_rate).await?;
    if wait_ms == 0 {
        return Ok(());
    }
    if wait_ms > HOLD_MS_MAX || !hold(wait_ms).await {
        let detail = "Too many orders arrive at once. Nothing is lost; please send it again.";
        return Err(Problem::new(ProblemKind::SlowDown, detail).retry_after(seconds(wait_ms)));
    }
    let view = snapshot::current(&relay.edge).await?;
    sale_of(&view, token.sale).map_or(Ok(()), check_pause)
}

/// This PoP's part of a sale's rate, in orders a second.
fn share(rate_per_second: u32, pops: u32) -> f64 {
    f64::from(rate_per_second.max(1)) / f64::from(pops.max(1))
}

/// Holds what comes a little early, so that a page may send when its own clock says so.
async fn in_time(token: &PurchaseToken) -> Result<(), Problem> {
    let wait_ms = token.not_before.since(clock::now());
    if wait_ms <= 0 {
        return Ok(());
    }
    if wait_ms > HOLD_MS_MAX || !hold(wait_ms).await {
        let detail = format!("It is valid from {} on.", token.not_before.0);
        let problem = Problem::new(ProblemKind::TokenEarly, detail);
        return Err(problem.retry_after(seconds(wait_ms)));
    }
    Ok(())
}

fn sale_of(view: &View, sale: SaleId) -> Option<&SnapshotSale> {
    let mut sales = view.snapshot().sales.iter();
    sales.find(|entry| entry.sale.id == sale)
}

fn check_pause(entry: &SnapshotSale) -> Result<(), Problem> {
    if entry.sale.state_at(clock::now()) == SaleState::Paused {
        let detail = "Your place is kept. Please try again.";
        return Err(Problem::new(ProblemKind::Paused, detail));
    }
    Ok(())
}

/// How long the order has to wait, in milliseconds.
async fn turn(relay: &Relay, token: &PurchaseToken, per_second: f64) -> Result<i64, Problem> {
    let now = clock::now();
    let sale = token.sale;
    let keys = [
        format!("relay:{{{sale}}}:pace"),
        format!("relay:{{{sale}}}:slot:{}", token.slot),
        format!("gate:{{{sale}}}:place:{}", token.account),
    ];
    let arguments = [
        now.0.to_string(),
        (1_000.0 / per_second).to_string(),
        HOLD_MS_MAX.to_string(),
        token.expires_at.since(now).max(1).to_string(),
        token.lease.to_string(),
    ];
    let ask = async || relay.store.eval(&PACE, &keys, &arguments).await;
    // A stall of the store is often over a moment later, and a slot has one turn all the same.
    let reply = match ask().await {
        Err(problem) if problem.kind == ProblemKind::Unavailable => ask().await?,
        reply => reply?,
    };
    match reply.word().as_str() {
        "turn" | "again" | "later" => reply.number(1),
        _ => Err(reply.misunderstood()),
    }
}

/// Waits, if the instance does not hold as many requests as it may; whether it has.
async fn hold(ms: i64) -> bool {
    let Some(_place) = Place::take() else {
        return false;
    };
    clock::sleep_ms(u64::try_from(ms).unwrap_or(0)).await;
    true
}

/// A place among the requests held.
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let more = |held: u32| (held < HELD_MAX).then_some(held + 1);
        let taken = HELD.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.ok().map(|_| Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        HELD.fetch_sub(1, Ordering::Relaxed);
    }
}

fn seconds(wait_ms: i64) -> u32 {
    u32::try_from(wait_ms.saturating_add(999) / 1_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_holds_so_many_and_no_more() {
        let held: Vec<_> = std::iter::from_fn(Place::take).collect();
        assert_eq!(held.len(), HELD_MAX as usize);
        drop(held);
        assert!(Place::take().is_some());
    }

    #[test]
    fn pops_share_the_rate() {
        assert!((share(1_000, 4) - 250.0).abs() < f64::EPSILON);
        assert!((share(1, 4) - 0.25).abs() < f64::EPSILON);
        assert!((share(0, 0) - 1.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds() {
        assert_eq!([1, 1_000, 1_001].map(seconds), [1, 1, 2]);
    }
}
