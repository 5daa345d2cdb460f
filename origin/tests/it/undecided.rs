//! Orders that were admitted and never decided.

use crate::site::{Call, GET, Site};
use crate::support::World;
use kernel::ids::{AccountId, LeaseId, OrderId};
use kernel::order::{OrderState, Refusal};
use origin::orders::{look_after_sale, release_all};
use origin::stock::Held;
use serde_json::json;

#[tokio::test]
async fn an_order_nobody_decides_is_published_and_then_refused() {
    let world = World::new().await;
    let sale = world.sale(3, 2).await;
    let lost = world.admit(sale, 1, 2).await;
    look_after_sale(&world.stores, sale, 60_000).await.unwrap();
    assert_eq!(
        world.available(sale).await,
        1,
        "it is too young for anything"
    );

    // No message is in the queue, and it is older than one may be: it ends.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    look_after_sale(&world.stores, sale, 0).await.unwrap();
    let row = world.stores.ledger.order_of_anyone(lost.order_id);
    let row = row.await.unwrap().unwrap();
    assert_eq!(
        (row.state, row.reason),
        (OrderState::Refused, Some(Refusal::TryAgain))
    );
    release_all(&world.stores).await.unwrap();
    assert_eq!(world.available(sale).await, 3);
    assert_eq!(
        world.hold_again(sale, lost.order_id, 1, 2).await,
        Held::Decided
    );

    // Its message turns up after all.
    let decided = world.decide(&lost).await;
    assert_eq!(decided.repeated, [lost.order_id]);
    release_all(&world.stores).await.unwrap();
    assert_eq!(world.available(sale).await, 3);
}

#[tokio::test]
async fn an_order_whose_message_waits_is_not_given_up() {
    let world = World::new().await;
    let sale = world.sale(3, 1).await;
    let waiting = world.admit(sale, 1, 1).await;
    let id = waiting.order_id.to_string();
    world.stores.queue.publish(&waiting, &id).await.unwrap();
    let old = async || {
        let waits = world.stores.queue.oldest_waiting().await.unwrap();
        waits.is_some_and(|waits| waits.as_secs() >= 3)
    };
    crate::support::eventually("a queue with an old message", old).await;
    look_after_sale(&world.stores, sale, 0).await.unwrap();
    let row = world.stores.ledger.order_of_anyone(waiting.order_id);
    assert!(row.await.unwrap().is_none(), "its turn may still come");
}

#[tokio::test]
async fn an_order_whose_message_the_queue_lost_does_not_wait_for_it() {
    let world = World::new().await;
    let sale = world.sale(3, 1).await;
    let lost = world.admit(sale, 1, 1).await;
    let queue = &world.stores.queue;
    let receipt = queue.publish(&lost, &lost.order_id.to_string()).await;
    let client = async_nats::connect(world.nats_url()).await.unwrap();
    let stream = async_nats::jetstream::new(client)
        .get_stream(format!("{}-orders", world.prefix()))
        .await
        .unwrap();
    stream
        .delete_message(receipt.unwrap().sequence)
        .await
        .unwrap();
    assert_eq!(queue.oldest_waiting().await.unwrap(), None);
    look_after_sale(&world.stores, sale, 0).await.unwrap();
    let row = world.stores.ledger.order_of_anyone(lost.order_id).await;
    assert_eq!(row.unwrap().unwrap().state, OrderState::Refused);
}

#[tokio::test]
async fn an_order_that_both_redis_and_the_queue_lost_ends_when_it_is_asked_for() {
    let site = Site::new().await;
    let world = &site.world;
    let sale = world.sale(3, 1).await;
    let (owner, other) = (site.cookie(7).await, site.cookie(8).await);
    // A lease of an hour ago, of which slot 5 was spent by account 7.
    let first = world.id().await - (3_600_000 << 22);
    let slot = OrderId(first + 5);
    let ends = origin::now().0 + 60_000;
    world
        .sql(format!(
            "INSERT INTO leases VALUES ({first}, {sale}, 'pop-1', 'g', {first}, 64, {ends}, FALSE, 1)"
        ))
        .await;
    let spent = world.hold_again(sale, slot, 7, 1).await;
    assert!(matches!(spent, Held::Yes(_)));
    let path = format!("/api/orders/{slot}");
    let ask = async |cookie: &str| {
        let (path, cookie) = (path.as_str(), Some(cookie));
        site.call(Call {
            path,
            cookie,
            ..GET
        })
        .await
    };
    assert_eq!(ask(&owner).await.1["state"], "queued");
    world.forget(sale).await;
    world.rebuild(sale).await;

    // While the lease lives somebody may still spend the slot: nobody is told anything.
    assert_eq!(ask(&owner).await.0, 404);
    world
        .sql("UPDATE leases SET ends_at_ms = 1".to_owned())
        .await;
    let (status, order) = ask(&owner).await;
    assert_eq!(
        (status, &order["state"]),
        (200, &json!("refused")),
        "{order}"
    );
    assert_eq!(order["reason"], "try-again");
    assert_eq!(ask(&other).await.0, 404, "it is not theirs");
    let row = world.stores.ledger.order(slot, AccountId(7)).await.unwrap();
    assert_eq!(row.unwrap().lease, LeaseId(first));
}
