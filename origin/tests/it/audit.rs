//! The audit: a world in order passes, and each kind of planted fault is found, by its invariant's
//! name and no other.

mod faults;

use crate::close::with_payment;
use crate::support::{World, eventually};
use faults::FAULTS;
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
