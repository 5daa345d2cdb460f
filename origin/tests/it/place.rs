//! Placing: the script, the queue, and the decider behind it.

use crate::support::{World, eventually};
use kernel::ids::{AccountId, LeaseId, OrderId, SaleId};
use kernel::order::OrderState;
use kernel::token::PurchaseToken;
use origin::orders::{Placed, Prices, decide, look_after_undecided, place, show};
use origin::stock::{Held, Released};

fn token(sale: SaleId, slot: u64, account: u64) -> PurchaseToken {
    let now = origin::now();
    PurchaseToken {
        account: AccountId(account),
        sale,
        slot: OrderId(slot),
        lease: LeaseId(1),
        not_before: now,
        expires_at: now.plus_seconds(120),
    }
}

#[tokio::test]
async fn the_same_slot_again_is_the_same_order() {
    let world = World::new().await;
    let sale = world.sale(10, 3).await;
    let (order, first) = world.hold(sale, 1, 2).await;
    let Held::Yes(first) = first else {
        panic!("{first:?}")
    };
    let again = world.hold_again(sale, order, 1, 3).await;
    assert_eq!(
        again,
        Held::Yes(first),
        "whatever quantity is asked for now"
    );
    assert_eq!(world.hold_again(sale, order, 2, 1).await, Held::Taken);
    assert_eq!(world.available(sale).await, 8);
}

#[tokio::test]
async fn limits_and_stock_are_kept() {
    let world = World::new().await;
    let sale = world.sale(3, 2).await;
    assert_eq!(world.hold(sale, 1, 3).await.1, Held::OverLimit);
    world.admit(sale, 1, 2).await;
    assert_eq!(world.hold(sale, 1, 1).await.1, Held::OverLimit);
    assert_eq!(world.hold(sale, 2, 2).await.1, Held::Short);
    world.admit(sale, 2, 1).await;
    assert_eq!(world.hold(sale, 3, 1).await.1, Held::Short);
}

#[tokio::test]
async fn a_sale_admits_between_its_opening_and_its_closing() {
    let world = World::new().await;
    let now = origin::now();
    let mut early = world.draft(1, 1).await;
    early.opens_at = now.plus_seconds(60);
    let mut late = world.draft(1, 1).await;
    late.opens_at = now.plus_seconds(-60);
    late.closes_at = now.plus_seconds(-1);
    let (early, late) = (world.open(early).await, world.open(late).await);
    assert_eq!(world.hold(early, 1, 1).await.1, Held::Early);
    assert_eq!(world.hold(late, 1, 1).await.1, Held::Closed);
    assert_eq!(
        world.hold(SaleId(world.id().await), 1, 1).await.1,
        Held::Unknown
    );
}

#[tokio::test]
async fn a_unit_is_given_back_once_and_its_slot_stays_spent() {
    let world = World::new().await;
    let sale = world.sale(1, 1).await;
    let order = world.admit(sale, 1, 1).await;
    let stock = &world.stores.stock;
    for _ in 0..3 {
        let released = stock
            .release(sale, order.order_id, order.epoch)
            .await
            .unwrap();
        assert_eq!(released, Released::Done);
    }
    assert_eq!(world.available(sale).await, 1);
    assert_eq!(
        world.hold_again(sale, order.order_id, 1, 1).await,
        Held::Decided
    );
    world.admit(sale, 1, 1).await;
}

#[tokio::test]
async fn a_release_of_an_older_count_is_dropped_and_of_a_newer_one_kept() {
    let world = World::new().await;
    let sale = world.sale(1, 1).await;
    let order = world.admit(sale, 1, 1).await;
    let stock = &world.stores.stock;
    let outdated = stock
        .release(sale, order.order_id, order.epoch - 1)
        .await
        .unwrap();
    assert_eq!(outdated, Released::Done);
    let newer = stock
        .release(sale, order.order_id, order.epoch + 1)
        .await
        .unwrap();
    assert_eq!(newer, Released::Later);
    assert_eq!(world.available(sale).await, 0, "neither gave anything back");
}

#[tokio::test]
async fn a_placed_order_is_queued_and_then_decided() {
    let world = World::new().await;
    let sale = world.sale(5, 2).await;
    let prices = Prices::default();
    let token = token(sale, world.id().await, 7);
    let placed = place(&world.stores, &prices, &token, 2).await.unwrap();
    let Placed::Accepted(order) = placed else {
        panic!("{placed:?}")
    };
    assert_eq!(
        (order.state, order.amount.amount_minor),
        (OrderState::Queued, 79_800)
    );

    let decider = tokio::spawn(decide(world.stores.clone()));
    eventually("the decision", async || {
        let order = show(&world.stores, &prices, token.slot, token.account)
            .await
            .unwrap();
        order.is_some_and(|order| order.state == OrderState::PendingPayment)
    })
    .await;
    eventually("clearing the undecided", async || {
        world
            .stores
            .stock
            .undecided(sale, 0, 10)
            .await
            .unwrap()
            .is_empty()
    })
    .await;
    decider.abort();

    let again = place(&world.stores, &prices, &token, 2).await.unwrap();
    let Placed::Accepted(again) = again else {
        panic!("{again:?}")
    };
    assert_eq!(again.order_id, order.order_id);
    let strangers = show(&world.stores, &prices, token.slot, AccountId(8))
        .await
        .unwrap();
    assert_eq!(strangers, None, "an order is shown to its account alone");
}

#[tokio::test]
async fn an_order_whose_message_was_lost_is_published_again() {
    let world = World::new().await;
    let sale = world.sale(5, 2).await;
    // Admitted, and the process died before it published.
    let admitted = world.admit(sale, 7, 1).await;
    let decider = tokio::spawn(decide(world.stores.clone()));
    let sweeper = tokio::spawn(look_after_undecided(world.stores.clone()));
    eventually("the decision", async || {
        let order = world
            .stores
            .ledger
            .order_of_anyone(admitted.order_id)
            .await
            .unwrap();
        order.is_some_and(|order| order.state == OrderState::PendingPayment)
    })
    .await;
    decider.abort();
    sweeper.abort();
}
