//! The comparison with the provider's list: nothing differs in a world in order, and each kind of
//! planted difference is found.

use crate::support::eventually;
use crate::till::Till;
use origin::payments::{Compared, Kind, Span, compare_daily, compare_payments};

impl Till {
    async fn compare(&self, span: Span) -> Compared {
        let ledger = &self.world().stores.ledger;
        compare_payments(ledger, &self.provider, span)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn each_kind_of_difference_is_found_and_nothing_else() {
    let till = Till::new().await;
    let world = till.world();
    let sale = world.sale(20, 20).await;
    let _worker = till.work();
    let span = Span::two_days(origin::now());
    let late = till.late(sale).await;
    till.until_refunds_are(late, "done").await;
    till.checkout(sale, 1).await;
    let mut orders = Vec::new();
    for _ in 0..5 {
        orders.push(till.paid(sale, 1).await);
    }
    // More than a page of the provider's list.
    for order in 0..120 {
        till.open_there(order, 100).await;
    }
    let compared = till.compare(span).await;
    assert_eq!(compared.differences, []);
    assert_eq!((compared.there, compared.here), (127, 6));

    let plant = async |index: usize, set: &str| {
        let order = orders[index];
        let update = format!("UPDATE payments SET {set} WHERE order_id = {order}");
        assert_eq!(world.sql(update).await, 1);
    };
    plant(0, "state = 'open'").await;
    plant(1, "provider_ref = 'pay_gone'").await;
    plant(2, "amount_minor = amount_minor + 1").await;
    let lost = format!("DELETE FROM refunds WHERE order_id = {late}");
    world.sql(lost).await;
    let (_, checkout) = till.open_there(7, 55).await;
    till.choose(&checkout, "pay").await;

    let compared = till.compare(span).await;
    let mut found: Vec<_> = compared
        .differences
        .iter()
        .map(|difference| (difference.kind, difference.order_id))
        .collect();
    found.sort_by_key(|(kind, order)| (*kind as u8, *order));
    let stranger = Some(kernel::ids::OrderId(7));
    let mut expected = [
        (Kind::PaidThere, Some(orders[0])),
        (Kind::PaidHere, Some(orders[1])),
        (Kind::UnknownHere, Some(orders[1])),
        (Kind::Amount, Some(orders[2])),
        (Kind::Refunded, Some(late)),
        (Kind::UnknownHere, stranger),
    ];
    expected.sort_by_key(|(kind, order)| (*kind as u8, *order));
    assert_eq!(found, expected, "{compared:#?}");

    let before = Span {
        from: span.from.plus_seconds(-86_400),
        to: span.from,
    };
    let compared = till.compare(before).await;
    assert_eq!((compared.there, compared.here), (0, 0), "of another day");
    assert_eq!(compared.differences, []);
}

#[tokio::test]
async fn of_all_processes_one_compares_once_a_day() {
    let till = Till::new().await;
    let stores = &till.world().stores;
    let daily: Vec<_> = (0..3)
        .map(|_| tokio::spawn(compare_daily(stores.clone(), till.provider.clone())))
        .collect();
    let next = "SELECT next_at_ms FROM periodic_runs WHERE name = 'payments-compare'";
    let tomorrow = origin::now().plus_seconds(20 * 3_600).0;
    eventually("the comparison", async || {
        till.count(next.into()).await > tomorrow
    })
    .await;
    assert!(!stores.ledger.take_run("payments-compare", 1).await.unwrap());
    for daily in daily {
        daily.abort();
    }
    let metrics = origin::ops::metrics::text().unwrap();
    assert!(
        metrics.contains("doorbuster_payments_compared_timestamp_seconds 1"),
        "{metrics}"
    );
}
