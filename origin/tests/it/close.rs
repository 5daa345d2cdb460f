//! The end of an order: paid, cancelled, expired; whichever commits first.

use crate::support::{World, eventually};
use kernel::ids::{AccountId, OrderId, PaymentId, SaleId};
use kernel::order::OrderState;
use kernel::wire::Address;
use origin::ledger::{Cancelled, Settled, Settlement, StartPayment};
use origin::orders::release;

pub fn address() -> Address {
    Address {
        name: "Ada".into(),
        lines: vec!["Main Street 1".into()],
        postcode: "12345".into(),
        city: "Town".into(),
        country: "DE".into(),
    }
}

/// A pending order of account 1 with a payment begun at the provider.
pub async fn with_payment(world: &World, sale: SaleId) -> (OrderId, Settlement) {
    let id = world.pending(sale, 1, 1).await;
    let ledger = &world.stores.ledger;
    let order = ledger.order(id, AccountId(1)).await.unwrap().unwrap();
    let payment = PaymentId(world.id().await);
    let start = StartPayment {
        id: payment,
        order: &order,
        provider: "sandbox",
        ship_to: &address(),
    };
    let row = ledger.start_payment(start).await.unwrap();
    let reference = format!("pay_{payment}");
    ledger
        .payment_started(row.id, "sandbox", &reference, "http://127.0.0.1/checkout")
        .await
        .unwrap();
    let settlement = Settlement {
        event: format!("evt_{payment}"),
        provider: "sandbox",
        provider_ref: reference,
        order: id,
        amount: order.amount,
        paid: true,
    };
    (id, settlement)
}

async fn state(world: &World, id: OrderId) -> OrderState {
    world
        .stores
        .ledger
        .order_of_anyone(id)
        .await
        .unwrap()
        .unwrap()
        .state
}

async fn counters(world: &World, sale: SaleId) -> (u32, u32) {
    let row = world.stores.ledger.sale(sale).await.unwrap().unwrap();
    (row.reserved, row.sold)
}

#[tokio::test]
async fn a_webhook_that_comes_three_times_pays_once() {
    let world = World::new().await;
    let sale = world.sale(5, 1).await;
    let (id, settlement) = with_payment(&world, sale).await;
    assert_eq!(world.settle(&settlement).await, Settled::Paid);
    assert_eq!(world.settle(&settlement).await, Settled::Repeated);
    let other_event = Settlement {
        event: "evt_other".into(),
        ..settlement
    };
    assert_eq!(world.settle(&other_event).await, Settled::Repeated);
    assert_eq!(state(&world, id).await, OrderState::Paid);
    assert_eq!(counters(&world, sale).await, (0, 1));
}

#[tokio::test]
async fn a_declined_try_leaves_the_order_payable() {
    let world = World::new().await;
    let sale = world.sale(5, 1).await;
    let (id, settlement) = with_payment(&world, sale).await;
    let declined = Settlement {
        event: "evt_no".into(),
        paid: false,
        ..settlement.clone()
    };
    assert_eq!(world.settle(&declined).await, Settled::Declined);
    assert_eq!(state(&world, id).await, OrderState::PendingPayment);
    assert_eq!(world.settle(&settlement).await, Settled::Paid);
}

#[tokio::test]
async fn an_unpaid_order_expires_and_its_unit_is_on_sale_again() {
    let world = World::new().await;
    let sale = world.sale(1, 1).await;
    let (id, settlement) = with_payment(&world, sale).await;
    assert_eq!(world.available(sale).await, 0);
    let ledger = &world.stores.ledger;
    assert_eq!(ledger.expire(10).await.unwrap(), 0, "not before its time");
    world
        .sql(format!(
            "UPDATE orders SET expires_at_ms = 1 WHERE id = {id}"
        ))
        .await;
    assert_eq!(ledger.expire(10).await.unwrap(), 1);
    assert_eq!(state(&world, id).await, OrderState::Expired);
    assert_eq!(
        world.available(sale).await,
        0,
        "Redis learns it from the outbox alone"
    );

    let releaser = tokio::spawn(release(world.stores.clone()));
    eventually("the release", async || world.available(sale).await == 1).await;
    releaser.abort();
    assert_eq!(world.settle(&settlement).await, Settled::Late);
    assert_eq!(counters(&world, sale).await, (0, 0));
    world.pending(sale, 1, 1).await;
}

#[tokio::test]
async fn an_order_whose_time_is_over_cannot_be_paid_before_the_sweeper_comes() {
    let world = World::new().await;
    let sale = world.sale(1, 1).await;
    let (id, settlement) = with_payment(&world, sale).await;
    world
        .sql(format!(
            "UPDATE orders SET expires_at_ms = 1 WHERE id = {id}"
        ))
        .await;
    let settled = world.settle(&settlement).await;
    assert_eq!(settled, Settled::Late);
    assert_eq!(state(&world, id).await, OrderState::PendingPayment);
    assert_eq!(counters(&world, sale).await, (1, 0));
}

#[tokio::test]
async fn of_payment_and_expiry_one_wins() {
    let world = World::new().await;
    let sale = world.sale(20, 20).await;
    for _ in 0..10 {
        let (id, settlement) = with_payment(&world, sale).await;
        let at = origin::now().plus_ms(15).0;
        world
            .sql(format!(
                "UPDATE orders SET expires_at_ms = {at} WHERE id = {id}"
            ))
            .await;
        let ledger = world.stores.ledger.clone();
        let expiry = tokio::spawn(async move {
            while ledger.expire(10).await.unwrap() == 0 {
                let state = ledger.order_of_anyone(id).await.unwrap().unwrap().state;
                if state != OrderState::PendingPayment {
                    return;
                }
            }
        });
        let settled = world.settle(&settlement).await;
        expiry.await.unwrap();
        let expected = match state(&world, id).await {
            OrderState::Paid => Settled::Paid,
            OrderState::Expired => Settled::Late,
            other => panic!("{other:?}"),
        };
        assert_eq!(settled, expected);
    }
    let findings = world.stores.ledger.limit_findings(sale).await.unwrap();
    assert_eq!(findings, []);
}

#[tokio::test]
async fn cancelling_is_for_the_owner_and_before_payment() {
    let world = World::new().await;
    let sale = world.sale(5, 5).await;
    let id = world.pending(sale, 1, 2).await;
    let ledger = &world.stores.ledger;
    assert_eq!(
        ledger.cancel(id, AccountId(2)).await.unwrap(),
        Cancelled::Unknown
    );
    assert_eq!(
        ledger.cancel(id, AccountId(1)).await.unwrap(),
        Cancelled::Yes
    );
    assert_eq!(
        ledger.cancel(id, AccountId(1)).await.unwrap(),
        Cancelled::Yes
    );
    assert_eq!(counters(&world, sale).await, (0, 0));
    let (paid, settlement) = with_payment(&world, sale).await;
    world.settle(&settlement).await;
    assert_eq!(
        ledger.cancel(paid, AccountId(1)).await.unwrap(),
        Cancelled::No
    );
}
