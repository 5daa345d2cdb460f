//! The audit: a world in order passes, and each kind of planted fault is found, by its invariant's
//! name and no other.

use crate::close::with_payment;
use crate::support::{World, eventually};
use kernel::ids::{OrderId, SaleId};
use origin::ledger::Admitted;
use origin::ops::audit::{Report, audit};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A sale of 20 units, of which order `paid` has 1, `pending` 2 and `undecided` 3; 14 are left.
struct Planted {
    world: World,
    sale: SaleId,
    paid: OrderId,
    pending: OrderId,
    undecided: Admitted,
}

impl Planted {
    async fn new() -> Self {
        let world = World::new().await;
        let sale = world.sale(20, 3).await;
        let (paid, settlement) = with_payment(&world, sale).await;
        world.settle(&settlement).await;
        let pending = world.pending(sale, 2, 2).await;
        let undecided = world.admit(sale, 3, 3).await;
        Self {
            world,
            sale,
            paid,
            pending,
            undecided,
        }
    }

    /// Runs SQL, or a Redis command that begins with `redis`; `:sale` and so on stand for ids,
    /// `sale:` for the sale's keys.
    async fn plant(&self, fault: &str) {
        let undecided = self.undecided.order_id;
        let fault = fault
            .replace(":sale", &self.sale.to_string())
            .replace(":pending", &self.pending.to_string())
            .replace(":paid", &self.paid.to_string())
            .replace(":undecided", &undecided.to_string())
            .replace("sale:", &format!("sale:{{{}}}", self.sale));
        match fault.strip_prefix("redis ") {
            Some(command) => self.world.redis(command).await,
            None => drop(self.world.sql(fault).await),
        }
    }

    async fn audit(&self) -> Report {
        let stores = &self.world.stores;
        audit(&stores.ledger, &stores.stock).await.unwrap()
    }
}

fn broken(report: &Report) -> Vec<&'static str> {
    let broken = report
        .checks
        .iter()
        .filter(|check| check.holds == Some(false));
    let broken: Vec<_> = broken.map(|check| check.invariant).collect();
    assert_eq!(report.holds, broken.is_empty());
    broken
}

/// A fault, as commands; and the invariants it breaks.
const FAULTS: &[(&str, &[&str], &[&str])] = &[
    ("a world in order", &[], &[]),
    (
        "more units given away than there are",
        &[
            "ALTER TABLE sales DROP CONSTRAINT never_oversold",
            "UPDATE sales SET total = 2",
        ],
        &["never-oversold", "ledger-first", "books-balance"],
    ),
    (
        "a unit that Redis has twice",
        &["redis HINCRBY sale: available 1"],
        &["never-oversold", "ledger-first"],
    ),
    (
        "a reservation given back before MySQL has freed it",
        &[
            "redis HDEL sale::held :pending",
            "redis HINCRBY sale: available 2",
        ],
        &["never-oversold", "ledger-first"],
    ),
    (
        "units that Redis has lost",
        &["redis HINCRBY sale: available -1"],
        &["nothing-leaks"],
    ),
    (
        "a reservation that Redis has lost",
        &["redis HDEL sale::held :pending"],
        &["nothing-leaks"],
    ),
    (
        "a reservation that never was decided",
        &["redis HSET sale::held :undecided 3:3:1:1000:1"],
        &["nothing-leaks"],
    ),
    (
        "a reservation whose release was lost",
        &[
            "UPDATE orders SET state = 'cancelled' WHERE id = :pending",
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, :pending, 'reserved', 'available', 2, 1)",
            "UPDATE sale_accounts SET units = 0 WHERE account_id = 2",
            "UPDATE sales SET reserved = 0",
        ],
        &["nothing-leaks"],
    ),
    (
        "a release that nobody makes",
        &[
            "INSERT INTO release_outbox (sale_id, order_id, epoch, created_at_ms)
           VALUES (:sale, 5, 1, 1)",
        ],
        &["nothing-leaks"],
    ),
    (
        "a change of units that nobody finishes",
        &["INSERT INTO stock_changes VALUES (1, :sale, 'withdraw', 1, 'asked', 1)"],
        &["nothing-leaks"],
    ),
    (
        "an order that nobody expires",
        &["UPDATE orders SET expires_at_ms = 1 WHERE id = :pending"],
        &["nothing-leaks"],
    ),
    (
        "a Redis of another epoch",
        &["redis HSET sale: epoch 9"],
        &["nothing-leaks"],
    ),
    (
        "a Redis that forgot the sale",
        &["redis DEL sale:"],
        &["nothing-leaks"],
    ),
    (
        "a rebuild that does not end",
        &["redis HSET sale: state counting"],
        &["nothing-leaks"],
    ),
    (
        "a rebuild that does not begin",
        &["UPDATE sales SET rebuild_above = epoch"],
        &["nothing-leaks"],
    ),
    (
        "an order of no lease",
        &["DELETE FROM leases WHERE id = :pending"],
        &["only-tokened"],
    ),
    (
        "an order of another sale's lease",
        &["UPDATE leases SET sale_id = 1 WHERE id = :pending"],
        &["only-tokened"],
    ),
    (
        "an order outside its lease's slots",
        &["UPDATE leases SET first_slot = first_slot + 1 WHERE id = :pending"],
        &["only-tokened"],
    ),
    (
        "an order accepted twice",
        &[
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, :pending, 'available', 'reserved', 2, 1)",
        ],
        &["once", "books-balance"],
    ),
    (
        "an order ended twice",
        &[
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, :paid, 'reserved', 'sold', 1, 1)",
        ],
        &["once", "books-balance"],
    ),
    (
        "a payment acted on twice",
        &["INSERT INTO payment_events
             SELECT 'evt_again', payment_id, kind, outcome, 1 FROM payment_events"],
        &["once"],
    ),
    (
        "an order paid after its time",
        &["UPDATE orders SET expires_at_ms = 1 WHERE id = :paid"],
        &["one-clock"],
    ),
    (
        "an order expired before its time",
        &[
            "UPDATE orders SET state = 'expired' WHERE id = :pending",
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, :pending, 'reserved', 'available', 2, 1)",
            "UPDATE sale_accounts SET units = 0 WHERE account_id = 2",
            "UPDATE sales SET reserved = 0",
            "INSERT INTO release_outbox (sale_id, order_id, epoch, created_at_ms)
             VALUES (:sale, :pending, 1, 9000000000000)",
        ],
        &["one-clock"],
    ),
    (
        "a counter that was tampered with",
        &["UPDATE sales SET reserved = 1"],
        &["books-balance"],
    ),
    (
        "an entry of other units than its order",
        &[
            "UPDATE stock_entries SET units = units + 1 WHERE order_id = :pending",
            "UPDATE stock_entries SET units = units - 1
             WHERE order_id = :paid AND source = 'available'",
        ],
        &["books-balance"],
    ),
    (
        "an entry without its order",
        &[
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, 7, 'available', 'reserved', 0, 1)",
        ],
        &["books-balance"],
    ),
    (
        "an account above its limit",
        &["UPDATE sales SET limit_per_account = 1"],
        &["limit-per-account"],
    ),
    (
        "an account whose units nobody counted",
        &["DELETE FROM sale_accounts WHERE account_id = 2"],
        &["limit-per-account"],
    ),
    (
        "an order paid without money",
        &["UPDATE payments SET state = 'open'"],
        &["paid-once"],
    ),
    (
        "a payment without the provider's word",
        &["DELETE FROM payment_events"],
        &["paid-once"],
    ),
    (
        "more money on its way back than came",
        &[
            "INSERT INTO refunds (id, payment_id, order_id, provider, payment_ref, amount_minor,
                                  currency, reason, state, next_attempt_at_ms, due_at_ms,
                                  created_at_ms)
             SELECT 1, id, order_id, provider, provider_ref, amount_minor + 1, currency, 'operator',
                    'done', 1, 1, 1 FROM payments",
        ],
        &["paid-once"],
    ),
    (
        "late money that does not go back",
        &[
            "UPDATE orders SET state = 'expired', expires_at_ms = 1 WHERE id = :paid",
            "UPDATE stock_entries SET target = 'available'
             WHERE order_id = :paid AND source = 'reserved'",
            "UPDATE sale_accounts SET units = 0 WHERE account_id = 1",
            "UPDATE sales SET sold = 0",
            "INSERT INTO release_outbox (sale_id, order_id, epoch, created_at_ms)
             VALUES (:sale, :paid, 1, 9000000000000)",
        ],
        &["paid-once"],
    ),
    (
        "an order refunded without its money",
        &[
            "UPDATE orders SET state = 'refunded' WHERE id = :paid",
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, :paid, 'sold', 'available', 1, 1)",
            "UPDATE sale_accounts SET units = 0 WHERE account_id = 1",
            "UPDATE sales SET sold = 0",
            "INSERT INTO release_outbox (sale_id, order_id, epoch, created_at_ms)
             VALUES (:sale, :paid, 1, 9000000000000)",
        ],
        &["paid-once"],
    ),
    (
        "units of an order given back twice",
        &[
            "INSERT INTO stock_entries (sale_id, order_id, source, target, units, created_at_ms)
             VALUES (:sale, :paid, 'sold', 'available', 1, 1),
                    (:sale, :paid, 'sold', 'supply', 1, 1)",
        ],
        &["once", "books-balance"],
    ),
    (
        "money for another order",
        &["UPDATE payments SET order_id = :pending"],
        &["paid-once"],
    ),
];

#[tokio::test]
async fn each_kind_of_planted_fault_is_found_by_name() {
    let mut worlds = JoinSet::new();
    // So many at a time that none grows old before it is read.
    let room = Arc::new(Semaphore::new(8));
    for (what, faults, expected) in FAULTS {
        let room = room.clone();
        worlds.spawn(async move {
            let _room = room.acquire().await.unwrap();
            let planted = Planted::new().await;
            for fault in *faults {
                planted.plant(fault).await;
            }
            let report = planted.audit().await;
            assert_eq!(broken(&report), *expected, "{what}: {report:#?}");
        });
    }
    worlds.join_all().await;
}

#[tokio::test]
async fn what_passes_within_three_reads_is_no_breach() {
    let planted = Planted::new().await;
    planted.plant("redis HINCRBY sale: available 1").await;
    let stores = planted.world.stores.clone();
    let auditor = tokio::spawn(async move { audit(&stores.ledger, &stores.stock).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    planted.plant("redis HINCRBY sale: available -1").await;
    assert_eq!(broken(&auditor.await.unwrap().unwrap()), Vec::<&str>::new());
}

#[tokio::test]
async fn a_sale_that_is_not_counted_says_so() {
    let planted = Planted::new().await;
    planted.plant("redis HINCRBY sale: available 1").await;
    planted.plant("redis HSET sale: state counting").await;
    let report = planted.audit().await;
    assert_eq!(broken(&report), ["nothing-leaks"]);
    assert!(
        report.checks[0].notes[0].contains("not counted"),
        "{report:?}"
    );
    assert_eq!(report.drifted, []);
}

#[tokio::test]
async fn a_busy_sale_has_no_findings() {
    let world = World::new().await;
    let sale = world.sale(100_000, 100).await;
    let releaser = tokio::spawn(origin::orders::release(world.stores.clone()));
    let world = Arc::new(world);
    let mut shoppers = JoinSet::new();
    for account in 1..=8 {
        let world = world.clone();
        shoppers.spawn(async move {
            loop {
                let id = world.pending(sale, account, 1).await;
                let account = kernel::ids::AccountId(account);
                world.stores.ledger.cancel(id, account).await.unwrap();
            }
        });
    }
    for _ in 0..2 {
        let report = audit(&world.stores.ledger, &world.stores.stock).await;
        assert_eq!(broken(&report.unwrap()), Vec::<&str>::new());
    }
    shoppers.shutdown().await;
    releaser.abort();
}

#[tokio::test]
async fn reservations_are_counted_page_by_page() {
    let world = World::new().await;
    let sale = world.sale(3_000, 1).await;
    let mut pipeline = redis::pipe();
    for order in 1..=2_000_u64 {
        let key = format!("sale:{{{sale}}}:held");
        pipeline
            .hset(key, order, format!("{order}:1:1:1000:1"))
            .ignore();
    }
    let mut redis = world.stores.stock.connection();
    pipeline.query_async::<()>(&mut redis).await.unwrap();
    let counted = world.stores.stock.tally(sale).await.unwrap().unwrap();
    assert_eq!((counted.available, counted.held.len()), (3_000, 2_000));
}

#[tokio::test]
async fn a_difference_that_stands_asks_for_a_rebuild_and_shows_in_the_metrics() {
    let planted = Planted::new().await;
    planted.plant("redis HINCRBY sale: available 1").await;
    let watching = tokio::spawn(origin::ops::audit::watch(planted.world.stores.clone()));
    eventually("the call for a rebuild", async || {
        let books = planted.world.stores.ledger.sale_books(planted.sale, 0);
        books.await.unwrap().unwrap().rebuild_asked
    })
    .await;
    let metrics = origin::ops::metrics::text().unwrap();
    for line in [
        r#"doorbuster_audit_breaches{invariant="never-oversold"} 1"#,
        r#"doorbuster_audit_breaches{invariant="paid-once"} 0"#,
        r#"doorbuster_waiting{what="undecided"} 1"#,
        "doorbuster_audit_failed 0",
    ] {
        eventually(line, async || {
            let metrics = origin::ops::metrics::text().unwrap();
            metrics.lines().any(|found| found == line)
        })
        .await;
    }
    assert!(!metrics.contains("never-sticky"), "it is not read");
    watching.abort();
}

#[tokio::test]
async fn of_two_processes_one_watches() {
    let world = World::new().await;
    let ledger = &world.stores.ledger;
    let mut first = ledger.try_watch().await.unwrap().unwrap();
    assert!(ledger.try_watch().await.unwrap().is_none());
    assert!(first.is_on_duty().await);
    drop(first);
    eventually("the lock", async || {
        ledger.try_watch().await.unwrap().is_some()
    })
    .await;
}
