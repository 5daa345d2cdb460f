//! The way of paid orders to their buyers.

use crate::close::with_payment;
use crate::support::World;
use kernel::ids::{AccountId, OrderId, SaleId};
use kernel::order::OrderState;
use kernel::wire::Shipment;
use origin::delivery::{DeliveryError, Format, advance, export, import, shipment};
use origin::ledger::{Actor, Step};
use std::collections::BTreeSet;
use std::sync::LazyLock;

fn actor() -> &'static Actor {
    static GRACE: LazyLock<Actor> = LazyLock::new(|| Actor("operator:grace".into()));
    &GRACE
}

async fn paid(world: &World, sale: SaleId) -> OrderId {
    let (order, settlement) = with_payment(world, sale).await;
    world.settle(&settlement).await;
    order
}

fn parcel(tracking: &str) -> Step {
    Step::Ship(shipment("DHL", tracking).unwrap())
}

async fn column(world: &World, statement: &'static str) -> Vec<String> {
    let mut connection = world.connection().await;
    let rows = sqlx::query_scalar(statement).fetch_all(&mut connection);
    rows.await.unwrap()
}

#[tokio::test]
async fn an_order_goes_its_way_step_by_step_and_each_step_once() {
    let world = World::new().await;
    let sale = world.sale(5, 5).await;
    let pending = world.pending(sale, 2, 1).await;
    let order = paid(&world, sale).await;
    let ledger = &world.stores.ledger;
    let take = async |order, step: &Step| advance(ledger, order, step, actor()).await;
    let cannot = |result| matches!(result, Err(DeliveryError::Cannot { .. }));
    assert!(cannot(take(pending, &Step::Pack).await), "it is not paid");
    assert!(cannot(take(order, &parcel("1")).await), "it is not packed");
    assert!(cannot(take(order, &Step::Deliver).await));
    let unknown = take(OrderId(5), &Step::Pack).await;
    assert!(matches!(unknown, Err(DeliveryError::Unknown(_))));

    let before = ledger.order(order, AccountId(1)).await.unwrap().unwrap();
    assert_eq!(before.shipment, None);
    for step in [Step::Pack, parcel("1"), Step::Deliver] {
        assert!(take(order, &step).await.unwrap());
        assert!(!take(order, &step).await.unwrap(), "again, nothing happens");
    }
    assert!(!take(order, &Step::Pack).await.unwrap(), "it was packed");
    assert!(!take(order, &parcel("1")).await.unwrap());
    let other = take(order, &parcel("2")).await;
    assert!(matches!(other, Err(DeliveryError::Differs { .. })));

    let after = ledger.order(order, AccountId(1)).await.unwrap().unwrap();
    assert_eq!(after.state, OrderState::Delivered);
    assert_eq!(after.version, before.version + 3);
    let expected = Shipment {
        carrier: "DHL".into(),
        tracking: "1".into(),
    };
    assert_eq!(after.shipment, Some(expected));
    let events = "SELECT kind FROM order_events WHERE kind IN ('packed', 'shipped', 'delivered') ORDER BY id";
    assert_eq!(
        column(&world, events).await,
        ["packed", "shipped", "delivered"]
    );
    let log = "SELECT CONCAT(actor, ' ', action, ' ', after_json) FROM operator_log ORDER BY id";
    let log = column(&world, log).await;
    assert_eq!(log.len(), 3);
    assert!(
        log[1].starts_with(
            "operator:grace order.ship {\"state\":\"shipped\",\"shipment\":{\"carrier\":\"DHL\""
        ),
        "{log:?}"
    );
    assert_eq!(ledger.payment_findings(sale).await.unwrap(), []);
    assert_eq!(ledger.entry_findings(sale).await.unwrap(), []);
}

#[tokio::test]
async fn of_many_who_take_a_step_at_once_one_does() {
    let world = World::new().await;
    let sale = world.sale(5, 5).await;
    let order = paid(&world, sale).await;
    let packing = (0..8).map(|_| {
        let ledger = world.stores.ledger.clone();
        tokio::spawn(async move { advance(&ledger, order, &Step::Pack, actor()).await })
    });
    let mut took = 0;
    for each in packing.collect::<Vec<_>>() {
        took += u32::from(each.await.unwrap().unwrap());
    }
    assert_eq!(took, 1);
    let packed = "SELECT kind FROM order_events WHERE kind = 'packed'";
    assert_eq!(column(&world, packed).await.len(), 1);
}

#[tokio::test]
async fn a_file_of_steps_names_its_wrong_lines_and_can_be_taken_in_again() {
    let world = World::new().await;
    let sale = world.sale(5, 5).await;
    let first = paid(&world, sale).await;
    let file = format!(
        "order_id,action,carrier,tracking\n{first},pack,,\n{first},fly,,\n7,pack,,\n\
         {first}, ship , DHL ,\"A,1\"\nnonsense\n{first},deliver,,,,\n{first},deliver,,\n"
    );
    let take_in = async || {
        let mut told = Vec::new();
        let wrong = import(
            &world.stores.ledger,
            actor(),
            file.as_bytes(),
            |line| match &line.result {
                Ok((state, now)) => told.push(format!("{} {state} {now}", line.number)),
                Err(_) => told.push(format!("{} wrong", line.number)),
            },
        );
        let wrong = wrong.await.unwrap();
        (wrong, told)
    };
    let (wrong, told) = take_in().await;
    let expected = [
        "2 packed true",
        "3 wrong",
        "4 wrong",
        "5 shipped true",
        "6 wrong",
        "7 wrong",
        "8 delivered true",
    ];
    assert_eq!(
        (wrong, told.as_slice()),
        (4, &expected.map(str::to_owned)[..])
    );
    let (wrong, told) = take_in().await;
    let done = told.iter().filter(|line| line.ends_with("false")).count();
    assert_eq!((wrong, done), (4, 3), "{told:?}");
    let no_header = import(&world.stores.ledger, actor(), "a,b\n".as_bytes(), |_| {});
    assert!(no_header.await.is_err());
}

#[tokio::test]
async fn the_warehouse_gets_every_paid_order_once() {
    const ORDERS: u64 = 1_203;
    let world = World::new().await;
    let (sale, other) = (world.sale(5, 5).await, world.sale(5, 5).await);
    let address =
        r#"{"name":"=Ada","lines":["Main Street 1"],"postcode":"1","city":"Town","country":"DE"}"#;
    let mut orders = Vec::new();
    let mut payments = Vec::new();
    for id in 1..=ORDERS {
        let sale = if id % 3 == 0 { other } else { sale };
        orders.push(format!("({id}, {sale}, 1, 1, 2, 79800, 'EUR', 'paid', 1)"));
        payments.push(format!(
            "({id}, {id}, 79800, 'EUR', 'paid', '{address}', 1)"
        ));
    }
    let (orders, payments) = (orders.join(","), payments.join(","));
    world
        .sql(format!(
            "INSERT INTO orders (id, sale_id, account_id, lease_id, quantity, amount_minor, currency,
                                 state, created_at_ms) VALUES {orders}"
        ))
        .await;
    world
        .sql(format!(
            "INSERT INTO payments (id, order_id, amount_minor, currency, state, ship_to,
                                   created_at_ms) VALUES {payments}"
        ))
        .await;
    world.pending(sale, 7, 1).await;
    let ledger = &world.stores.ledger;
    let mut csv = Vec::new();
    let count = export(ledger, None, OrderState::Paid, Format::Csv, &mut csv);
    assert_eq!(count.await.unwrap(), ORDERS);
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let ids: BTreeSet<u64> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(ids, (1..=ORDERS).collect());
    let row: Vec<&str> = rows[0].iter().collect();
    assert_eq!(row[2..4], ["paid", "2"]);
    assert_eq!(
        row[5..10],
        ["Console", "798.00", "EUR", "'=Ada", "Main Street 1"]
    );

    let mut json = Vec::new();
    let count = export(
        ledger,
        Some(other),
        OrderState::Paid,
        Format::Json,
        &mut json,
    );
    assert_eq!(count.await.unwrap(), ORDERS / 3);
    let text = String::from_utf8(json).unwrap();
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["order_id"], ORDERS.to_string());
    assert_eq!(last["ship_to"]["city"], "Town");
}
