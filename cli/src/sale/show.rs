//! A sale as an operator sees it.
//!
//! Invariant: MySQL's counters are the truth; what Redis has stands beside them.

use crate::when;
use kernel::sale::{Phase, Remaining, state_at};
use origin::ledger::SaleRow;
use serde_json::{Value, json};

/// The word shoppers see, or `draft`.
pub(super) fn state(row: &SaleRow) -> String {
    let remaining = Remaining::of(row.available(), row.sale.total);
    let state = state_at(
        row.phase,
        row.sale.opens_at,
        row.sale.closes_at,
        remaining,
        origin::now(),
    );
    let word = state.and_then(|state| Some(serde_json::to_value(state).ok()?.as_str()?.to_owned()));
    word.unwrap_or_else(|| Phase::Draft.as_str().to_owned())
}

pub(super) fn view(row: &SaleRow) -> Value {
    json!({
        "id": row.sale.id,
        "slug": row.sale.slug,
        "state": state(row),
        "price": row.sale.price,
        "total": row.sale.total,
        "reserved": row.reserved,
        "sold": row.sold,
        "available": row.available(),
        "limit_per_account": row.sale.limit_per_account,
        "opens_at_ms": row.sale.opens_at,
        "closes_at_ms": row.sale.closes_at,
        "epoch": row.epoch,
        "version": row.version,
    })
}

pub(super) fn with_redis(mut view: Value, available: Option<u32>) -> Value {
    view["redis_available"] = json!(available);
    view
}

pub(super) fn print_sale(row: &SaleRow, in_redis: Option<u32>) {
    let in_redis = in_redis.map_or("nothing".to_owned(), |units| units.to_string());
    println!("sale       {}  {}", row.sale.id, row.sale.slug);
    println!("state      {}", state(row));
    println!("price      {}", row.sale.price);
    println!("opens      {}", when::show(row.sale.opens_at));
    println!("closes     {}", when::show(row.sale.closes_at));
    println!(
        "units      {} in all, {} an account",
        row.sale.total, row.sale.limit_per_account
    );
    println!(
        "in MySQL   {} available, {} reserved, {} sold",
        row.available(),
        row.reserved,
        row.sold
    );
    println!("in Redis   {in_redis} available, epoch {}", row.epoch);
}
