//! The decision: the second check of stock and limit, in MySQL.

use crate::support::{World, eventually};
use kernel::ids::OrderId;
use kernel::order::{OrderState, Refusal};
use origin::ledger::{Admitted, Refused};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

async fn state(world: &World, id: OrderId) -> (OrderState, Option<Refusal>) {
    let order = world
        .stores
        .ledger
        .order_of_anyone(id)
        .await
        .unwrap()
        .unwrap();
    (order.state, order.reason)
}

/// Admitted orders that Redis knows nothing of: what a Redis that forgot would let through.
async fn forgotten(world: &World, sample: &Admitted, account: u64, units: u32) -> Admitted {
    Admitted {
        order_id: OrderId(world.id().await),
        account_id: kernel::ids::AccountId(account),
        quantity: units,
        ..sample.clone()
    }
}

#[tokio::test]
async fn a_batch_is_decided_whole_and_repeats_change_nothing() {
    let world = World::new().await;
    let sale = world.sale(200, 1).await;
    let mut orders = Vec::new();
    for account in 0..100 {
        orders.push(world.admit(sale, account, 1).await);
    }
    orders.push(orders[0].clone());
    let ledger = &world.stores.ledger;
    let decided = ledger.decide(sale, &orders).await.unwrap();
    assert_eq!((decided.accepted.len(), decided.refused.len()), (100, 0));
    let again = ledger.decide(sale, &orders).await.unwrap();
    assert_eq!((again.accepted.len(), again.repeated.len()), (0, 100));
    let row = ledger.sale(sale).await.unwrap().unwrap();
    assert_eq!((row.reserved, row.sold, row.available()), (100, 0, 100));
}

#[tokio::test]
async fn mysql_refuses_what_redis_should_not_have_admitted() {
    let world = World::new().await;
    let sale = world.sale(3, 2).await;
    let first = world.admit(sale, 1, 2).await;
    let too_many = forgotten(&world, &first, 1, 1).await;
    let last = forgotten(&world, &first, 2, 1).await;
    let late = forgotten(&world, &first, 3, 1).await;
    let older = Admitted {
        epoch: first.epoch - 1,
        ..forgotten(&world, &first, 4, 1).await
    };
    let newer = Admitted {
        epoch: first.epoch + 1,
        ..forgotten(&world, &first, 5, 1).await
    };
    let batch = [&first, &too_many, &last, &late, &older, &newer].map(Clone::clone);
    let decided = world.stores.ledger.decide(sale, &batch).await.unwrap();

    assert_eq!(decided.accepted, [first.order_id, last.order_id]);
    let because = Refused::Because;
    let expected = [
        (too_many.order_id, because(Refusal::OverLimit)),
        (late.order_id, because(Refusal::SoldOut)),
        (older.order_id, because(Refusal::TryAgain)),
        (newer.order_id, Refused::LedgerBehind),
    ];
    assert_eq!(decided.refused, expected);
    let refused = (OrderState::Refused, Some(Refusal::SoldOut));
    assert_eq!(state(&world, late.order_id).await, refused);
    let none = world
        .stores
        .ledger
        .order_of_anyone(newer.order_id)
        .await
        .unwrap();
    assert!(
        none.is_none(),
        "an order of the future is left for a rebuild"
    );
    let releases = world.stores.ledger.releases(0, 10).await.unwrap();
    assert_eq!(releases.len(), 3, "each refusal tells Redis to give back");
}

#[tokio::test]
async fn deciders_at_the_same_time_never_oversell() {
    let world = World::new().await;
    let sale = world.sale(40, 1).await;
    let sample = world.admit(sale, 999, 1).await;
    let mut batches = JoinSet::new();
    for batch in 0..8 {
        let mut orders = Vec::new();
        for n in 0..10 {
            // Half of the accounts appear twice: limit and stock are both fought for.
            orders.push(forgotten(&world, &sample, (batch * 10 + n) % 60, 1).await);
        }
        let ledger = world.stores.ledger.clone();
        batches.spawn(async move { ledger.decide(sale, &orders).await.unwrap() });
    }
    let decided = batches.join_all().await;
    let accepted: usize = decided.iter().map(|decided| decided.accepted.len()).sum();
    let refused: usize = decided.iter().map(|decided| decided.refused.len()).sum();
    assert_eq!((accepted, accepted + refused), (40, 80));
    let row = world.stores.ledger.sale(sale).await.unwrap().unwrap();
    assert_eq!(row.reserved, 40);
    let findings = world.stores.ledger.limit_findings(sale).await.unwrap();
    assert_eq!(findings, []);
}

#[tokio::test]
async fn a_message_that_meets_a_dead_row_releases_again() {
    let world = World::new().await;
    let sale = world.sale(2, 1).await;
    let order = world.admit(sale, 1, 1).await;
    let ledger = &world.stores.ledger;
    ledger
        .decide(sale, std::slice::from_ref(&order))
        .await
        .unwrap();
    ledger
        .cancel(order.order_id, order.account_id)
        .await
        .unwrap();
    let before = ledger.releases(0, 10).await.unwrap().len();
    let decided = ledger
        .decide(sale, std::slice::from_ref(&order))
        .await
        .unwrap();
    assert_eq!(decided.repeated, [order.order_id]);
    assert_eq!(ledger.releases(0, 10).await.unwrap().len(), before + 1);
}

#[tokio::test]
async fn a_decider_that_waits_decides_at_once() {
    let world = World::new().await;
    let sale = world.sale(5, 5).await;
    let decider = tokio::spawn(origin::orders::decide(world.stores.clone()));
    let mut took = Vec::new();
    for _ in 0..4 {
        let order = world.admit(sale, 1, 1).await;
        let id = order.order_id;
        let started = Instant::now();
        let queue = &world.stores.queue;
        queue.publish(&order, &id.to_string()).await.unwrap();
        let ledger = &world.stores.ledger;
        eventually("the decision", async || {
            ledger.order_of_anyone(id).await.unwrap().is_some()
        })
        .await;
        took.push(started.elapsed());
    }
    decider.abort();
    // A pull waits a second for the first message; it must not wait for a second one.
    let soonest = took.iter().min().copied().unwrap_or_default();
    assert!(soonest < Duration::from_millis(500), "{took:?}");
}
