//! Messages that cannot be decided, a MySQL that is away, and streams that are gone.

use crate::support::{World, eventually};
use async_nats::jetstream::{self, Context};
use kernel::ids::{AccountId, OrderId, SaleId};
use kernel::order::{OrderState, Refusal};
use origin::ledger::Admitted;
use origin::orders::dead_letters::{Retried, order_of, retry};
use origin::orders::{decide, release};
use origin::queue::DeadLetter;
use origin::stock::Held;
use tokio::task::AbortHandle;

/// Five, and one more where the machine stood still for longer than a message waits.
const AS_OFTEN: std::ops::RangeInclusive<u64> = 5..=6;

/// A decider that ends with its test.
struct Decider(AbortHandle);

impl Decider {
    fn start(world: &World) -> Self {
        Self(tokio::spawn(decide(world.stores.clone())).abort_handle())
    }
}

impl Drop for Decider {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn publish(world: &World, admitted: &Admitted) {
    let id = admitted.order_id.to_string();
    world.stores.queue.publish(admitted, &id).await.unwrap();
}

async fn row(world: &World, id: OrderId) -> Option<(OrderState, Option<Refusal>)> {
    let row = world.stores.ledger.order_of_anyone(id).await.unwrap();
    row.map(|row| (row.state, row.reason))
}

async fn letters(world: &World) -> Vec<DeadLetter> {
    world.stores.queue.dead_letters(1, 10).await.unwrap()
}

/// MySQL refuses rows of this account that are not refusals themselves, with this error number, and
/// counts the tries in a table that no rollback reaches.
async fn refuse_account(world: &World, account: u64, number: u16) {
    let statements = [
        "CREATE TABLE IF NOT EXISTS tries (n INT) ENGINE = MyISAM".to_owned(),
        "DROP TRIGGER IF EXISTS poison".to_owned(),
        format!(
            "CREATE TRIGGER poison BEFORE INSERT ON orders FOR EACH ROW
             IF NEW.account_id = {account} AND NEW.state <> 'refused' THEN
                 INSERT INTO tries VALUES (1);
                 SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {number}, MESSAGE_TEXT = 'planted';
             END IF"
        ),
    ];
    for statement in statements {
        world.sql_text(statement).await;
    }
}

#[tokio::test]
async fn poison_is_refused_and_put_away_while_its_neighbours_are_decided_at_once() {
    let world = World::new().await;
    let sale = world.sale(10, 1).await;
    refuse_account(&world, 666, 1644).await;
    let (mut orders, poison) = (Vec::new(), world.admit(sale, 666, 1).await);
    publish(&world, &poison).await;
    for account in 1..=4 {
        orders.push(world.admit(sale, account, 1).await);
        publish(&world, orders.last().unwrap()).await;
    }
    let _decider = Decider::start(&world);
    let _releaser = tokio::spawn(release(world.stores.clone()));
    for order in &orders {
        eventually("a neighbour's decision", async || {
            row(&world, order.order_id).await == Some((OrderState::PendingPayment, None))
        })
        .await;
    }
    let so_far = deliveries(&world).await;
    assert!(
        so_far < 10,
        "decided at once, not after {so_far} deliveries"
    );
    assert_eq!(letters(&world).await, [], "poison is tried again first");

    eventually("the dead letter", async || {
        !letters(&world).await.is_empty()
    })
    .await;
    let refused = (OrderState::Refused, Some(Refusal::TryAgain));
    assert_eq!(row(&world, poison.order_id).await, Some(refused));
    let letter = letters(&world).await.remove(0);
    assert!(AS_OFTEN.contains(&letter.deliveries), "{letter:?}");
    assert!(letter.reason.contains("planted"), "{}", letter.reason);
    assert_eq!(order_of(&letter), Some(poison.clone()));
    eventually("the release of the unit", async || {
        world.available(sale).await == 6
    })
    .await;
    eventually("the acknowledgement", async || {
        world.stores.queue.decided_up_to().await.unwrap() == 5
    })
    .await;
}

#[tokio::test]
async fn an_order_that_cannot_even_be_refused_is_put_away_with_both_reasons() {
    let world = World::new().await;
    let sale = world.sale(10, 1).await;
    let nowhere = Admitted {
        sale_id: SaleId(world.id().await),
        ..world.admit(sale, 1, 1).await
    };
    publish(&world, &nowhere).await;
    let _decider = Decider::start(&world);
    eventually("the dead letter", async || {
        !letters(&world).await.is_empty()
    })
    .await;
    let letter = letters(&world).await.remove(0);
    assert!(
        letter.reason.contains("does not exist"),
        "{}",
        letter.reason
    );
    assert!(
        letter.reason.contains("could not be refused"),
        "{}",
        letter.reason
    );
    assert_eq!(row(&world, nowhere.order_id).await, None);
}

#[tokio::test]
async fn mysql_away_counts_for_nothing() {
    let world = World::new().await;
    let sale = world.sale(10, 1).await;
    // 1290: the server is read-only. As long as that lasts, an order is no poison.
    refuse_account(&world, 666, 1290).await;
    let order = world.admit(sale, 666, 1).await;
    publish(&world, &order).await;
    let _decider = Decider::start(&world);
    // More than five deliveries could make.
    eventually("twelve tries", async || {
        world.sql("UPDATE tries SET n = n".into()).await >= 12
    })
    .await;
    assert_eq!(letters(&world).await, []);
    refuse_account(&world, 666, 1644).await;
    eventually("the dead letter", async || {
        !letters(&world).await.is_empty()
    })
    .await;
    let letter = letters(&world).await.remove(0);
    assert!(AS_OFTEN.contains(&letter.deliveries), "{letter:?}");
}

#[tokio::test]
async fn an_order_ahead_of_mysql_waits_and_is_never_poison() {
    let world = World::new().await;
    let sale = world.sale(10, 1).await;
    let order = Admitted {
        epoch: 7,
        ..world.admit(sale, 1, 1).await
    };
    publish(&world, &order).await;
    let _decider = Decider::start(&world);
    eventually("seven deliveries", async || deliveries(&world).await >= 7).await;
    assert_eq!(
        (letters(&world).await, row(&world, order.order_id).await),
        (vec![], None)
    );
    world
        .sql(format!("UPDATE sales SET epoch = 7 WHERE id = {sale}"))
        .await;
    eventually("the decision", async || {
        row(&world, order.order_id).await == Some((OrderState::PendingPayment, None))
    })
    .await;
}

#[tokio::test]
async fn a_message_nobody_can_read_is_put_away_as_it_is() {
    let world = World::new().await;
    let subject = format!("{}.orders.1", world.prefix());
    let jetstream = jetstream(&world).await;
    let sent = jetstream.publish(subject, "{ not an order".into());
    sent.await.unwrap().await.unwrap();
    let _decider = Decider::start(&world);
    eventually("the dead letter", async || {
        !letters(&world).await.is_empty()
    })
    .await;
    let letter = letters(&world).await.remove(0);
    assert_eq!(letter.payload, b"{ not an order");
    assert!(
        letter.reason.contains("cannot be read"),
        "{}",
        letter.reason
    );
    assert_eq!(
        retry(&world.stores, letter.number).await.unwrap(),
        Retried::Unreadable
    );
}

#[tokio::test]
async fn a_stream_that_was_deleted_is_made_again() {
    let world = World::new().await;
    let sale = world.sale(10, 1).await;
    let _decider = Decider::start(&world);
    let first = world.admit(sale, 1, 1).await;
    publish(&world, &first).await;
    let decided = async |order: &Admitted| {
        eventually("the decision", async || {
            row(&world, order.order_id).await.is_some()
        })
        .await;
    };
    decided(&first).await;
    let name = format!("{}-orders", world.prefix());
    for account in 2..=3 {
        jetstream(&world).await.delete_stream(&name).await.unwrap();
        let started = std::time::Instant::now();
        let order = world.admit(sale, account, 1).await;
        publish(&world, &order).await;
        decided(&order).await;
        let took = started.elapsed();
        assert!(took < std::time::Duration::from_secs(4), "{took:?}");
    }
    let stream = jetstream(&world).await.get_stream(&name).await.unwrap();
    stream.delete_consumer("decider").await.unwrap();
    let order = world.admit(sale, 4, 1).await;
    publish(&world, &order).await;
    decided(&order).await;
}

#[tokio::test]
async fn a_stream_of_another_configuration_is_changed_or_named() {
    let world = World::new().await;
    let jetstream = jetstream(&world).await;
    let name = format!("{}-orders", world.prefix());
    let mut config = jetstream
        .get_stream(&name)
        .await
        .unwrap()
        .cached_info()
        .config
        .clone();
    assert_eq!((config.num_replicas, config.max_age.as_secs()), (1, 86_400));
    config.max_bytes = 1 << 20;
    jetstream.update_stream(&config).await.unwrap();
    world.connect_queue().await.unwrap();
    let after = jetstream
        .get_stream(&name)
        .await
        .unwrap()
        .cached_info()
        .config
        .clone();
    assert_eq!(after.max_bytes, 4 << 20);

    jetstream.delete_stream(&name).await.unwrap();
    config.storage = jetstream::stream::StorageType::Memory;
    jetstream.create_stream(config).await.unwrap();
    let error = world.connect_queue().await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains(&name), "{source}");
}

#[tokio::test]
async fn a_dead_letter_is_placed_anew_once_or_says_why_not() {
    let world = World::new().await;
    let sale = world.sale(1, 1).await;
    refuse_account(&world, 666, 1644).await;
    let poison = world.admit(sale, 666, 1).await;
    publish(&world, &poison).await;
    let _decider = Decider::start(&world);
    eventually("the dead letter", async || {
        !letters(&world).await.is_empty()
    })
    .await;
    let number = letters(&world).await[0].number;
    let retried = async || retry(&world.stores, number).await.unwrap();
    // The old order still holds the only unit: the tombstone is not released yet.
    assert_eq!(retried().await, Retried::Refused(Held::OverLimit));
    let _releaser = tokio::spawn(release(world.stores.clone()));
    eventually("the release", async || world.available(sale).await == 1).await;
    let other = world.admit(sale, 1, 1).await;
    assert_eq!(retried().await, Retried::Refused(Held::Short));
    assert_eq!(letters(&world).await.len(), 1, "the letter stays");

    let stock = &world.stores.stock;
    stock
        .release(sale, other.order_id, other.epoch)
        .await
        .unwrap();
    world.sql_text("DROP TRIGGER poison".into()).await;
    let Retried::Placed(new) = retried().await else {
        panic!("not placed")
    };
    eventually("the new order", async || row(&world, new).await.is_some()).await;
    let ledger = &world.stores.ledger;
    let order = ledger.order(new, AccountId(666)).await.unwrap().unwrap();
    assert_eq!(
        (order.state, order.quantity),
        (OrderState::PendingPayment, 1)
    );
    let tombstone = row(&world, poison.order_id).await.unwrap();
    assert_eq!(tombstone.0, OrderState::Refused, "the tombstone stands");
    assert_eq!(retried().await, Retried::Unknown);
    assert!(!world.stores.queue.drop_dead_letter(number).await.unwrap());
}

async fn jetstream(world: &World) -> Context {
    jetstream::new(async_nats::connect(world.nats_url()).await.unwrap())
}

/// How many messages JetStream has handed to the decider, repeats included.
async fn deliveries(world: &World) -> u64 {
    let stream = jetstream(world).await;
    let stream = stream
        .get_stream(format!("{}-orders", world.prefix()))
        .await
        .unwrap();
    stream
        .consumer_info("decider")
        .await
        .map_or(0, |info| info.delivered.consumer_sequence)
}
