//! Counts what Redis has of a sale: units for sale, and who holds the others.
//!
//! Invariant: reads only, and never all of a large hash at once: other callers wait for a page of
//! it at most. What changes while the pages are read is told apart, so that a count is exact or
//! says how far it may be off.

use super::{Connection, Result, Stock, key, reply};
use kernel::ids::{OrderId, SaleId};
use kernel::time::UnixMillis;

/// Reservations in a page, about: Redis decides. A page takes it about 0.2 ms.
const PAGE: u32 = 500;

/// A reservation of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// The order, or the change of the sale's units, that holds it.
    pub order: OrderId,
    /// Units.
    pub units: u32,
    /// Whether it is of an epoch before the sale's: then it holds no units any more.
    pub is_older: bool,
    /// Whether no account has it: units that are being withdrawn from the sale.
    pub is_withdrawal: bool,
    /// When it was admitted.
    pub admitted_at: UnixMillis,
}

/// What Redis has of a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The instant of the count, by Redis' clock.
    pub at: UnixMillis,
    /// The sale's epoch.
    pub epoch: u64,
    /// `open`, `paused`, `closed`, or `counting` while it is being rebuilt.
    pub state: String,
    /// Units for sale at that instant.
    pub available: i64,
    /// The reservations of that instant, but for those that were released while they were read.
    /// One of exactly that millisecond may be older or newer.
    pub held: Vec<Reservation>,
    /// How many were released while they were read.
    pub releases: u64,
}

/// Admitted orders that nobody has reported decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UndecidedBacklog {
    /// How many.
    pub orders: u64,
    /// How long the oldest has waited, in milliseconds.
    pub oldest_ms: i64,
}

struct Step {
    at: UnixMillis,
    epoch: Option<u64>,
    state: Option<String>,
    available: Option<i64>,
    held: u64,
    slots: u64,
}

type Fields = (Option<u64>, Option<String>, Option<i64>);

impl Stock {
    /// Counts a sale; `None` if Redis does not know it, or it was loaded anew meanwhile.
    pub async fn tally(&self, sale: SaleId) -> Result<Option<Tally>> {
        let mut connection = self.connection();
        let before = step(&mut connection, sale).await?;
        let (Some(epoch), Some(state), Some(available)) =
            (before.epoch, before.state, before.available)
        else {
            return Ok(None);
        };
        let mut held = Vec::new();
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("HSCAN");
            scan.arg(key(sale, ":held"))
                .arg(cursor)
                .arg("COUNT")
                .arg(PAGE);
            let (next, page): (u64, Vec<(u64, String)>) = scan.query_async(&mut connection).await?;
            held.extend(page.iter().filter_map(|(order, held)| {
                let held = reply::reservation(sale, OrderId(*order), held)?;
                Some(Reservation {
                    order: held.order_id,
                    units: held.quantity,
                    is_older: held.epoch < epoch,
                    is_withdrawal: held.account_id.0 == 0,
                    admitted_at: held.admitted_at_ms,
                })
            }));
            if next == 0 {
                break;
            }
            cursor = next;
        }
        let after = step(&mut connection, sale).await?;
        if after.epoch != Some(epoch) {
            return Ok(None);
        }
        // A hash that grows or shrinks meanwhile may show an entry twice.
        held.sort_unstable_by_key(|held| held.order.0);
        held.dedup_by_key(|held| held.order);
        held.retain(|held| held.admitted_at <= before.at);
        // Each admission leaves a slot for good and a reservation until it is released.
        let admissions = after.slots.saturating_sub(before.slots);
        Ok(Some(Tally {
            at: before.at,
            epoch,
            state,
            available,
            held,
            releases: (before.held + admissions).saturating_sub(after.held),
        }))
    }

    /// The undecided orders of all these sales together.
    pub async fn undecided_backlog(&self, sales: &[SaleId]) -> Result<UndecidedBacklog> {
        let mut undecided = UndecidedBacklog::default();
        for sale in sales {
            let mut pipeline = redis::pipe();
            pipeline.cmd("TIME").zcard(key(*sale, ":undecided"));
            pipeline.zrange_withscores(key(*sale, ":undecided"), 0, 0);
            let (at, orders, oldest): ((i64, i64), u64, Vec<(String, i64)>) =
                pipeline.query_async(&mut self.connection()).await?;
            undecided.orders += orders;
            let waited = |(_, since): &(String, i64)| time(at).since(UnixMillis(*since));
            let waited = oldest.first().map_or(0, waited);
            undecided.oldest_ms = undecided.oldest_ms.max(waited);
        }
        Ok(undecided)
    }
}

/// All that must be of one instant.
async fn step(connection: &mut Connection, sale: SaleId) -> Result<Step> {
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    pipeline.cmd("TIME");
    pipeline.hmget(key(sale, ""), &["epoch", "state", "available"]);
    pipeline.hlen(key(sale, ":held")).hlen(key(sale, ":slots"));
    let (at, fields, held, slots): ((i64, i64), Fields, u64, u64) =
        pipeline.query_async(connection).await?;
    let (epoch, state, available) = fields;
    Ok(Step {
        at: time(at),
        epoch,
        state,
        available,
        held,
        slots,
    })
}

/// Redis' `TIME`: seconds and microseconds.
fn time((seconds, micros): (i64, i64)) -> UnixMillis {
    UnixMillis(seconds * 1_000 + micros / 1_000)
}
