//! A sale is counted anew: whatever Redis has lost or made up, MySQL's count holds.

use crate::support::{World, eventually};
use kernel::ids::{OrderId, SaleId};
use kernel::order::{OrderState, Refusal};
use origin::ledger::Refused;
use origin::ops::audit::audit;
use origin::ops::rebuild::{Rebuilt, watch};
use origin::orders::release_all;
use origin::stock::{Held, Switched};

async fn state(world: &World, id: OrderId) -> OrderState {
    let order = world.stores.ledger.order_of_anyone(id).await.unwrap();
    order.expect("the order has a row").state
}

async fn assert_sound(world: &World) {
    let report = audit(&world.stores.ledger, &world.stores.stock)
        .await
        .unwrap();
    assert!(report.holds, "{report:?}");
}

async fn epoch(world: &World, sale: SaleId) -> u64 {
    world.stores.ledger.sale(sale).await.unwrap().unwrap().epoch
}

#[tokio::test]
async fn what_redis_forgot_is_counted_from_the_ledger() {
    let world = World::new().await;
    let sale = world.sale(10, 2).await;
    let kept = world.pending(sale, 1, 2).await;
    let cancelled = world.pending(sale, 2, 1).await;
    let ledger = &world.stores.ledger;
    let account = kernel::ids::AccountId(2);
    ledger.cancel(cancelled, account).await.unwrap();
    world.forget(sale).await;
    assert_eq!(world.hold(sale, 3, 1).await.1, Held::Counting);

    let rebuilt = world.rebuild(sale).await;
    let (epoch, available) = (2, 8);
    assert_eq!(rebuilt, Rebuilt::Yes { epoch, available });
    // The release was written before the count, which had it in.
    release_all(&world.stores).await.unwrap();
    assert_eq!(world.available(sale).await, 8);
    let again = world.hold_again(sale, kept, 1, 2).await;
    assert!(
        matches!(again, Held::Yes(ref admitted) if admitted.epoch == 2),
        "{again:?}"
    );
    assert_eq!(world.hold_again(sale, cancelled, 2, 1).await, Held::Decided);
    assert_eq!(world.hold_again(sale, cancelled, 3, 1).await, Held::Taken);
    assert_eq!(world.hold(sale, 1, 1).await.1, Held::OverLimit);
    let new = world.admit(sale, 2, 2).await;
    assert_eq!(world.decide(&new).await.accepted, [new.order_id]);
    assert_sound(&world).await;
}

#[tokio::test]
async fn a_server_that_is_not_the_one_that_counted_is_not_trusted() {
    let world = World::new().await;
    let sale = world.sale(5, 1).await;
    world.pending(sale, 1, 1).await;
    world.tamper(sale, "server", "another:one").await;
    assert_eq!(world.hold(sale, 2, 1).await.1, Held::Counting);
    let watcher = tokio::spawn(watch(world.stores.clone()));
    eventually("the rebuild", async || {
        matches!(
            world.hold(sale, 2, 1).await.1,
            Held::Yes(_) | Held::OverLimit
        )
    })
    .await;
    watcher.abort();
    assert_eq!(epoch(&world, sale).await, 2);
}

#[tokio::test]
async fn an_order_undecided_over_a_rebuild_is_refused_and_holds_no_unit() {
    let world = World::new().await;
    let sale = world.sale(3, 2).await;
    let undecided = world.admit(sale, 1, 2).await;
    world.rebuild(sale).await;
    assert_eq!(
        world.available(sale).await,
        3,
        "the ledger has no row of it"
    );
    // The shopper asks again: the same order, of its own epoch.
    let again = world.hold_again(sale, undecided.order_id, 1, 2).await;
    assert_eq!(again, Held::Yes(undecided.clone()));

    let decided = world.decide(&undecided).await;
    let try_again = Refused::Because(Refusal::TryAgain);
    assert_eq!(decided.refused, [(undecided.order_id, try_again)]);
    release_all(&world.stores).await.unwrap();
    assert_eq!(
        world.available(sale).await,
        3,
        "nothing is given back twice"
    );
    let spent = world.hold_again(sale, undecided.order_id, 1, 2).await;
    assert_eq!(spent, Held::Decided);
    // Its limit is free: it never counted in this epoch.
    world.admit(sale, 1, 2).await;
}

#[tokio::test]
async fn units_that_redis_made_up_are_never_confirmed_and_a_rebuild_mends_them() {
    let world = World::new().await;
    let sale = world.sale(2, 1).await;
    world.tamper(sale, "available", "1002").await;
    let mut admitted = Vec::new();
    for account in 1..=5 {
        admitted.push(world.admit(sale, account, 1).await);
    }
    let decided = world.stores.ledger.decide(sale, &admitted).await.unwrap();
    assert_eq!((decided.accepted.len(), decided.refused.len()), (2, 3));
    assert!(
        decided
            .refused
            .iter()
            .all(|(_, why)| *why == Refused::Because(Refusal::SoldOut))
    );
    let watcher = tokio::spawn(watch(world.stores.clone()));
    eventually("the rebuild that the refusals asked for", async || {
        epoch(&world, sale).await == 2 && world.available(sale).await == 0
    })
    .await;
    watcher.abort();
    release_all(&world.stores).await.unwrap();
    assert_eq!(world.available(sale).await, 0);
    assert_eq!(world.hold(sale, 9, 1).await.1, Held::Short);
}

#[tokio::test]
async fn a_ledger_that_went_back_is_counted_above_both() {
    let world = World::new().await;
    let sale = world.sale(3, 1).await;
    world.rebuild(sale).await;
    let admitted = world.admit(sale, 1, 1).await;
    assert_eq!(admitted.epoch, 2);
    world
        .sql(format!("UPDATE sales SET epoch = 1 WHERE id = {sale}"))
        .await;
    let decided = world.decide(&admitted).await;
    assert_eq!(
        decided.refused,
        [(admitted.order_id, Refused::LedgerBehind)]
    );
    // Redis is lost as well: the message alone tells how far the epochs were.
    world.forget(sale).await;
    world.rebuild(sale).await;
    assert_eq!(epoch(&world, sale).await, 3);
    let decided = world.decide(&admitted).await;
    assert_eq!(decided.refused.len(), 1);
    assert_eq!(state(&world, admitted.order_id).await, OrderState::Refused);
}

#[tokio::test]
async fn an_older_or_incomplete_count_changes_nothing() {
    let world = World::new().await;
    let sale = world.sale(3, 1).await;
    world.pending(sale, 1, 1).await;
    let (ledger, stock) = (&world.stores.ledger, &world.stores.stock);
    let older = ledger.count(sale, 0).await.unwrap();
    let mut newer = ledger.count(sale, 0).await.unwrap();
    assert_eq!(stock.switch(&newer).await.unwrap(), Switched::Yes);
    assert_eq!(
        stock.switch(&older).await.unwrap(),
        Switched::Kept(newer.epoch)
    );
    // As if a part had been lost on the way: two orders are announced, and one is there.
    newer.epoch += 1;
    newer.available = 99;
    newer.orders.push(newer.orders[0]);
    assert!(stock.switch(&newer).await.is_err());
    assert_eq!(world.available(sale).await, 2);
}

#[tokio::test]
async fn one_process_counts_at_a_time_and_buyers_meanwhile_lose_nothing() {
    let world = World::new().await;
    let sale = world.sale(50, 1).await;
    let lock = world.stores.ledger.rebuild_lock(sale).await.unwrap();
    assert!(lock.is_some());
    assert_eq!(world.rebuild(sale).await, Rebuilt::Busy);
    drop(lock);
    let buy = async {
        let mut confirmed = 0;
        for account in 1..=60 {
            if let (_, Held::Yes(admitted)) = world.hold(sale, account, 1).await {
                confirmed += world.decide(&admitted).await.accepted.len();
            }
        }
        confirmed
    };
    let count = async {
        for _ in 0..5 {
            eventually("the lock", async || {
                world.rebuild(sale).await != Rebuilt::Busy
            })
            .await;
        }
    };
    let (confirmed, ()) = tokio::join!(buy, count);
    release_all(&world.stores).await.unwrap();
    let row = world.stores.ledger.sale(sale).await.unwrap().unwrap();
    assert_eq!(row.reserved as usize, confirmed);
    assert_eq!(world.available(sale).await, 50 - row.reserved);
    assert_sound(&world).await;
}
