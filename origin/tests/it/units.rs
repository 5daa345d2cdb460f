//! Units added to a running sale and withdrawn from it.

use crate::support::{World, actor, eventually};
use kernel::ids::{SaleId, StockChangeId};
use origin::ledger::{Direction, Ended, Freed, StockChange};
use origin::ops::audit::audit;
use origin::orders::release_all;
use origin::sales::{UnitsError, change_units, finish_changes};
use origin::stock::{Held, Withdrawn};

impl World {
    async fn change(
        &self,
        sale: SaleId,
        direction: Direction,
        units: u32,
    ) -> Result<(), UnitsError> {
        let (ledger, stock) = (&self.stores.ledger, &self.stores.stock);
        change_units(
            ledger,
            stock,
            &self.stores.ids,
            &actor(),
            sale,
            direction,
            units,
        )
        .await
    }

    async fn total(&self, sale: SaleId) -> u32 {
        let row = self.stores.ledger.sale(sale).await.unwrap().unwrap();
        row.sale.total
    }

    async fn assert_balanced(&self) {
        let report = audit(&self.stores.ledger, &self.stores.stock)
            .await
            .unwrap();
        assert!(report.holds, "{report:?}");
    }

    /// A change that was asked for, as if its process had died then.
    async fn abandoned(&self, sale: SaleId, direction: Direction, units: u32) -> StockChange {
        let id = StockChangeId(self.id().await);
        let change = StockChange {
            id,
            sale,
            direction,
            units,
        };
        self.stores
            .ledger
            .ask_for_change(&actor(), &change)
            .await
            .unwrap();
        let long_ago = "UPDATE stock_changes SET created_at_ms = 1".to_owned();
        self.sql(long_ago).await;
        change
    }
}

#[tokio::test]
async fn units_come_and_go_and_the_books_balance() {
    let world = World::new().await;
    let sale = world.sale(4, 1).await;
    world.pending(sale, 1, 1).await;
    world.change(sale, Direction::Add, 6).await.unwrap();
    assert_eq!(world.total(sale).await, 10);
    release_all(&world.stores).await.unwrap();
    assert_eq!(world.available(sale).await, 9);

    world.change(sale, Direction::Withdraw, 5).await.unwrap();
    assert_eq!(
        (world.total(sale).await, world.available(sale).await),
        (5, 4)
    );
    release_all(&world.stores).await.unwrap();
    assert_eq!(world.available(sale).await, 4);
    assert_eq!(
        world.held(sale).await.len(),
        1,
        "the withdrawal's reservation is gone"
    );
    world.assert_balanced().await;
}

#[tokio::test]
async fn what_is_in_orders_cannot_be_withdrawn() {
    let world = World::new().await;
    let sale = world.sale(4, 2).await;
    world.pending(sale, 1, 2).await;
    world.admit(sale, 2, 1).await;
    let refused = world.change(sale, Direction::Withdraw, 2).await;
    assert!(matches!(refused, Err(UnitsError::Short(1))), "{refused:?}");
    let nothing = world.change(sale, Direction::Add, 0).await;
    assert!(matches!(nothing, Err(UnitsError::Total(4))), "{nothing:?}");
    assert_eq!(
        (world.total(sale).await, world.available(sale).await),
        (4, 1)
    );
    let left = world.stores.ledger.unfinished_changes(0).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_change_that_broke_off_is_finished_once() {
    let world = World::new().await;
    let sale = world.sale(4, 1).await;
    let (ledger, stock) = (&world.stores.ledger, &world.stores.stock);
    let change = world.abandoned(sale, Direction::Withdraw, 3).await;
    let held = stock.withdraw(sale, change.id, 3).await.unwrap();
    assert_eq!(held, Withdrawn::Held { epoch: 1 });
    assert_eq!(world.hold(sale, 1, 2).await.1, Held::OverLimit);
    assert_eq!(world.available(sale).await, 1, "the units left Redis first");
    world.abandoned(sale, Direction::Add, 2).await;
    for _ in 0..2 {
        finish_changes(ledger, stock).await.unwrap();
        release_all(&world.stores).await.unwrap();
    }
    assert_eq!(
        (world.total(sale).await, world.available(sale).await),
        (3, 3)
    );
    world.assert_balanced().await;
}

#[tokio::test]
async fn a_rebuild_between_the_two_stores_loses_no_unit() {
    let world = World::new().await;
    let sale = world.sale(4, 1).await;
    let (ledger, stock) = (&world.stores.ledger, &world.stores.stock);
    let change = world.abandoned(sale, Direction::Withdraw, 3).await;
    stock.withdraw(sale, change.id, 3).await.unwrap();
    world.rebuild(sale).await;
    let ended = ledger.withdraw_units(&change, 1).await.unwrap();
    assert_eq!(ended, Ended::HoldAgain);
    assert_eq!(
        (world.total(sale).await, world.available(sale).await),
        (4, 4)
    );
    finish_changes(ledger, stock).await.unwrap();
    release_all(&world.stores).await.unwrap();
    assert_eq!(
        (world.total(sale).await, world.available(sale).await),
        (1, 1)
    );

    // An addition is committed, and Redis is counted with it before the outbox tells.
    world.change(sale, Direction::Add, 5).await.unwrap();
    world.rebuild(sale).await;
    release_all(&world.stores).await.unwrap();
    assert_eq!(world.available(sale).await, 6);
    world.assert_balanced().await;
}

#[tokio::test]
async fn a_change_that_is_told_twice_counts_once() {
    let world = World::new().await;
    let sale = world.sale(4, 1).await;
    world.change(sale, Direction::Add, 6).await.unwrap();
    let (ledger, stock) = (&world.stores.ledger, &world.stores.stock);
    let row = ledger.releases(0, 1).await.unwrap().remove(0);
    let Freed::Changed(change, units) = row.what else {
        panic!("no order has ended: {row:?}");
    };
    // Whoever tells Redis may die before the outbox knows.
    for _ in 0..2 {
        stock.changed(sale, change, row.epoch, units).await.unwrap();
    }
    release_all(&world.stores).await.unwrap();
    assert_eq!(world.available(sale).await, 10);
}

#[tokio::test]
async fn who_comes_late_to_a_change_holds_nothing_for_it() {
    let world = World::new().await;
    let sale = world.sale(4, 1).await;
    let (ledger, stock) = (&world.stores.ledger, &world.stores.stock);
    let change = world.abandoned(sale, Direction::Withdraw, 1).await;
    let lock = ledger.change_lock(&change).await.unwrap();
    assert!(lock.is_some());
    finish_changes(ledger, stock).await.unwrap();
    assert_eq!(world.available(sale).await, 4, "another process is at it");
    drop(lock);
    eventually("the end of its connection", async || {
        finish_changes(ledger, stock).await.unwrap();
        world.total(sale).await == 3
    })
    .await;
    release_all(&world.stores).await.unwrap();
    // It had read the change while it was still asked for.
    assert!(ledger.change_lock(&change).await.unwrap().is_none());
    assert_eq!(
        (world.total(sale).await, world.available(sale).await),
        (3, 3)
    );
}
