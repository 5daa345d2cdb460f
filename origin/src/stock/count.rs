//! Takes a new count of a sale into Redis, whole or not at all.
//!
//! Invariant: the parts are written beside the old count, all on one connection, and one script
//! call lets them take its place if their epoch is later. Nobody ever admits by half a count.

use super::link::Live;
use super::{Stock, StockError, key};
use crate::fail_points::pass;
use crate::ledger::{Count, CountedOrder};
use kernel::ids::{AccountId, SaleId};
use redis::Script;
use std::sync::LazyLock;

static HOLD_BACK: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../../lua/stock/hold_back.lua")));
static SWITCH: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../../lua/stock/switch.lua")));

/// Fields written in one command.
const CHUNK: usize = 1_000;
/// What a rebuild that broke off has left is gone after this.
const LEFTOVERS_SECONDS: i64 = 600;

type Result<T, E = StockError> = std::result::Result<T, E>;

/// What became of a new count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switched {
    /// Redis goes by it now.
    Yes,
    /// Redis goes by this epoch, which is as late or later.
    Kept(u64),
}

impl Stock {
    /// Has nobody admitted to a sale; returns the epoch that Redis has of it, 0 if none.
    pub async fn hold_back(&self, sale: SaleId) -> Result<u64> {
        let mut call = HOLD_BACK.prepare_invoke();
        call.key(key(sale, ""));
        let reply = self.link.run_plain(&call).await?;
        match reply.word() {
            "held-back" | "unknown" => reply.number(1),
            _ => Err(reply.unexpected()),
        }
    }

    /// Whether an order of this sale is undecided.
    pub async fn has_undecided(&self, sale: SaleId) -> Result<bool> {
        let mut pipeline = redis::pipe();
        pipeline.zcard(key(sale, ":undecided"));
        let (count,): (u64,) = self.link.query(&pipeline).await?;
        Ok(count > 0)
    }

    /// Takes a new count in.
    pub async fn switch(&self, count: &Count) -> Result<Switched> {
        let live = self.link.live().await?;
        let part = |name: &str| key(count.sale, &format!(":next:{}:{name}", count.epoch));
        let epoch = count.epoch;
        let live_orders = count.orders.iter().filter_map(|order| {
            let units = order.units?;
            Some((*order, units))
        });
        let live_orders: Vec<(CountedOrder, u32)> = live_orders.collect();
        let slots = self.stage(&live, part("slots"), &count.orders, epoch, slot);
        let slots = slots.await?;
        let held = self.stage(&live, part("held"), &live_orders, epoch, reservation);
        let held = held.await?;
        let accounts = self.stage(&live, part("accounts"), &count.accounts, epoch, holder);
        let accounts = accounts.await?;

        pass("rebuild.staged").await;
        let mut call = SWITCH.prepare_invoke();
        for part in ["", ":slots", ":held", ":accounts", ":changes", ":undecided"] {
            call.key(key(count.sale, part));
        }
        for name in ["slots", "held", "accounts"] {
            call.key(part(name));
        }
        call.arg(live.server.as_str()).arg(count.epoch);
        call.arg(count.state).arg(count.available).arg(count.limit);
        call.arg(count.opens_at.0).arg(count.closes_at.0);
        call.arg(slots).arg(held).arg(accounts);
        let reply = self.link.run_plain_on(&live, &call).await?;
        match reply.word() {
            "switched" => Ok(Switched::Yes),
            "kept" => Ok(Switched::Kept(reply.number(1)?)),
            _ => Err(reply.unexpected()),
        }
    }

    /// Writes one part of a count beside the old one; returns how many fields it has.
    async fn stage<T>(
        &self,
        live: &Live,
        key: String,
        rows: &[T],
        epoch: u64,
        field: Field<T>,
    ) -> Result<usize> {
        let mut written = 0;
        let mut fresh = redis::pipe();
        fresh.unlink(&key).ignore();
        self.link.query_on::<()>(live, &fresh).await?;
        for chunk in rows.chunks(CHUNK) {
            let fields: Vec<_> = chunk.iter().map(|row| field(row, epoch)).collect();
            let mut pipeline = redis::pipe();
            pipeline.hset_multiple(&key, &fields).ignore();
            pipeline.expire(&key, LEFTOVERS_SECONDS).ignore();
            self.link.query_on::<()>(live, &pipeline).await?;
            written += fields.len();
        }
        Ok(written)
    }
}

/// How a row becomes a field of a hash, in an epoch.
type Field<T> = fn(&T, u64) -> (u64, String);

fn slot(order: &CountedOrder, _: u64) -> (u64, String) {
    (order.id.0, order.account.0.to_string())
}

/// `account:units:epoch:admitted_at_ms:lease` of an order that holds units.
fn reservation((order, units): &(CountedOrder, u32), epoch: u64) -> (u64, String) {
    let (account, lease) = (order.account.0, order.lease.0);
    let admitted_at = order.admitted_at.0;
    let text = format!("{account}:{units}:{epoch}:{admitted_at}:{lease}");
    (order.id.0, text)
}

fn holder((account, units): &(AccountId, u32), _: u64) -> (u64, String) {
    (account.0, units.to_string())
}
