//! Deadlines: the lanes and the sweeper, each of which closes every order without the other.

use crate::support::{World, eventually};
use kernel::ids::{OrderId, SaleId};
use kernel::order::OrderState;
use origin::ledger::{Admitted, Expired};
use origin::orders::{decide, sweep, watch_lanes};
use tokio::task::AbortHandle;

/// A worker that ends with its test.
struct Worker(AbortHandle);

impl Worker {
    fn start(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work).abort_handle())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An open sale whose orders can be paid for this long: shorter than any operator may set.
async fn sale(world: &World, payment_seconds: u32) -> SaleId {
    let sale = world.sale(200, 100).await;
    world
        .sql(format!(
            "UPDATE sales SET payment_seconds = {payment_seconds} WHERE id = {sale}"
        ))
        .await;
    sale
}

async fn place(world: &World, sale: SaleId, count: u64) -> Vec<Admitted> {
    let mut orders = Vec::new();
    for account in 0..count {
        let order = world.admit(sale, account, 1).await;
        let id = order.order_id.to_string();
        world.stores.queue.publish(&order, &id).await.unwrap();
        orders.push(order);
    }
    orders
}

async fn in_state(world: &World, orders: &[Admitted], state: OrderState) -> usize {
    let mut count = 0;
    for order in orders {
        let ledger = &world.stores.ledger;
        let row = ledger.order_of_anyone(order.order_id).await.unwrap();
        count += usize::from(row.is_some_and(|row| row.state == state));
    }
    count
}

async fn all_expire(world: &World, orders: &[Admitted]) {
    eventually("the expiry of all", async || {
        in_state(world, orders, OrderState::Expired).await == orders.len()
    })
    .await;
}

async fn all_pending(world: &World, orders: &[Admitted]) {
    eventually("the decisions", async || {
        in_state(world, orders, OrderState::PendingPayment).await == orders.len()
    })
    .await;
}

async fn lanes_are_empty(world: &World) {
    eventually("empty lanes", async || {
        world.stores.queue.lanes().await.unwrap().is_empty()
    })
    .await;
}

async fn books_balance(world: &World) {
    let ledger = &world.stores.ledger;
    for row in ledger.sales().await.unwrap() {
        let count = ledger.sale_counts(row.sale.id).await.unwrap().unwrap();
        let available = i64::from(count.total);
        assert_eq!((count.reserved, count.entries), (0, [available, 0, 0]));
    }
}

#[tokio::test]
async fn lanes_alone_close_every_order() {
    let world = World::new().await;
    let (short, long) = (sale(&world, 1).await, sale(&world, 2).await);
    let _decider = Worker::start(decide(world.stores.clone()));
    let _readers = [(); 2].map(|()| Worker::start(watch_lanes(world.stores.clone())));
    let mut orders = place(&world, short, 20).await;
    orders.extend(place(&world, long, 20).await);
    all_expire(&world, &orders).await;
    lanes_are_empty(&world).await;
    books_balance(&world).await;
}

#[tokio::test]
async fn the_sweeper_alone_closes_every_order_and_leaves_the_lanes_nothing_to_do() {
    let world = World::new().await;
    let sale = sale(&world, 1).await;
    let _decider = Worker::start(decide(world.stores.clone()));
    let sweeper = Worker::start(sweep(world.stores.clone()));
    let orders = place(&world, sale, 20).await;
    all_expire(&world, &orders).await;
    drop(sweeper);
    eventually("deadlines on their lane", async || {
        world.stores.queue.lanes().await.unwrap() == [1]
    })
    .await;
    let _reader = Worker::start(watch_lanes(world.stores.clone()));
    lanes_are_empty(&world).await;
    books_balance(&world).await;
}

#[tokio::test]
async fn a_reader_that_is_restarted_loses_nothing() {
    let world = World::new().await;
    let sale = sale(&world, 3).await;
    let _decider = Worker::start(decide(world.stores.clone()));
    let waiting = Worker::start(watch_lanes(world.stores.clone()));
    let orders = place(&world, sale, 150).await;
    all_pending(&world, &orders).await;
    drop(waiting);
    let closing = Worker::start(watch_lanes(world.stores.clone()));
    eventually("the first expiry", async || {
        in_state(&world, &orders, OrderState::Expired).await > 0
    })
    .await;
    // In the middle of its work, with messages in its hands.
    drop(closing);
    let _last = Worker::start(watch_lanes(world.stores.clone()));
    all_expire(&world, &orders).await;
    lanes_are_empty(&world).await;
}

#[tokio::test]
async fn a_deadline_that_was_lost_in_a_crash_is_put_on_its_lane_by_the_repeat() {
    let world = World::new().await;
    let sale = sale(&world, 1).await;
    let order = world.admit(sale, 1, 1).await;
    let ledger = &world.stores.ledger;
    // Committed, and the decider died before it published the deadline and acknowledged.
    let orders = std::slice::from_ref(&order);
    let decided = ledger.decide(sale, orders).await.unwrap();
    let [deadline] = decided.deadlines[..] else {
        panic!("{decided:?}")
    };
    let row = ledger
        .order_of_anyone(order.order_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(Some(deadline.expires_at), row.expires_at);
    let id = order.order_id.to_string();
    world.stores.queue.publish(&order, &id).await.unwrap();
    let _decider = Worker::start(decide(world.stores.clone()));
    let _reader = Worker::start(watch_lanes(world.stores.clone()));
    all_expire(&world, orders).await;
}

#[tokio::test]
async fn a_lane_does_not_close_before_the_clock_of_the_database_says_so() {
    let world = World::new().await;
    let sale = sale(&world, 1).await;
    let _decider = Worker::start(decide(world.stores.clone()));
    let orders = place(&world, sale, 2).await;
    all_pending(&world, &orders).await;
    // As if this process' clock were ahead by two seconds.
    let later = orders[0].order_id;
    world
        .sql(format!(
            "UPDATE orders SET expires_at_ms = expires_at_ms + 2000 WHERE id = {later}"
        ))
        .await;
    let _reader = Worker::start(watch_lanes(world.stores.clone()));
    all_expire(&world, &orders[1..]).await;
    assert_eq!(
        in_state(&world, &orders[..1], OrderState::PendingPayment).await,
        1
    );
    all_expire(&world, &orders).await;
    let (now, ledger) = (
        world.stores.ledger.now().await.unwrap(),
        &world.stores.ledger,
    );
    let row = ledger.order_of_anyone(later).await.unwrap().unwrap();
    assert!(row.expires_at.unwrap() <= now);
}

#[tokio::test]
async fn naming_orders_expires_the_overdue_alone() {
    let world = World::new().await;
    let sale = world.sale(5, 5).await;
    let mut ids: Vec<OrderId> = Vec::new();
    for _ in 0..3 {
        ids.push(world.pending(sale, 1, 1).await);
    }
    let [overdue, cancelled, early] = ids[..] else {
        panic!("{ids:?}")
    };
    let ledger = &world.stores.ledger;
    ledger
        .cancel(cancelled, kernel::ids::AccountId(1))
        .await
        .unwrap();
    world
        .sql(format!(
            "UPDATE orders SET expires_at_ms = 1 WHERE id = {overdue}"
        ))
        .await;
    let unknown = OrderId(world.id().await);
    ids.push(unknown);
    for expired in [1, 0] {
        let done = ledger.expire_orders(&ids).await.unwrap();
        assert_eq!(
            done,
            Expired {
                expired,
                pending: vec![early]
            }
        );
    }
    let row = ledger.sale(sale).await.unwrap().unwrap();
    assert_eq!((row.reserved, row.available()), (1, 4));
}

#[tokio::test]
async fn lanes_that_were_deleted_are_made_again() {
    let world = World::new().await;
    let sale = sale(&world, 1).await;
    let _decider = Worker::start(decide(world.stores.clone()));
    let _reader = Worker::start(watch_lanes(world.stores.clone()));
    let client = async_nats::connect(world.nats_url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let name = format!("{}-deadlines", world.prefix());
    jetstream.delete_stream(name).await.unwrap();
    let orders = place(&world, sale, 3).await;
    all_expire(&world, &orders).await;
}
