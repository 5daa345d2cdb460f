//! A sale as an operator sees it.
//!
//! Invariant: MySQL's counters are the truth; what Redis has stands beside them.

use crate::desk::text;
use crate::when;
use kernel::money::Money;
use kernel::time::UnixMillis;
use serde_json::Value;

pub(super) fn print_sale(sale: &Value) -> anyhow::Result<()> {
    let word = |name| text(sale, name);
    let at = |name: &str| when::show(UnixMillis(sale[name].as_i64().unwrap_or_default()));
    let in_redis = match &sale["redis_available"] {
        Value::Null => "nothing".to_owned(),
        units => units.to_string(),
    };
    let price: Money = serde_json::from_value(sale["price"].clone())?;
    println!("sale       {}  {}", word("id"), word("slug"));
    println!("state      {}", word("state"));
    println!("price      {price}");
    println!("opens      {}", at("opens_at_ms"));
    println!("closes     {}", at("closes_at_ms"));
    println!(
        "units      {} in all, {} an account",
        word("total"),
        word("limit_per_account")
    );
    println!(
        "in MySQL   {} available, {} reserved, {} sold",
        word("available"),
        word("reserved"),
        word("sold")
    );
    println!("in Redis   {in_redis} available, epoch {}", word("epoch"));
    Ok(())
}
