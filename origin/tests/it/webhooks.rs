//! Webhooks that are forged, old, repeated, reordered, or tell of something else than we asked for.

use crate::support::usd;
use crate::till::{SECRET, Till};
use kernel::ids::OrderId;
use kernel::money::Money;
use kernel::order::OrderState;
use origin::ledger::RefundState;
use serde_json::{Value, json};

const PRICE: i64 = 39_900;

fn paid(event: &str, payment: &str, order: OrderId, amount: Money) -> Value {
    json!({
        "id": event, "type": "payment.paid", "created_at_ms": 1,
        "payment": { "payment_id": payment, "order_id": order, "amount": amount },
    })
}

fn declined(event: &str, payment: &str, order: OrderId) -> Value {
    let mut body = paid(event, payment, order, usd(PRICE));
    body["type"] = "payment.declined".into();
    body
}

fn refund(event: &str, kind: &str, payment: &str, order: OrderId, key: &str) -> Value {
    let state = kind.strip_prefix("refund.").unwrap();
    let mut body = paid(event, payment, order, usd(PRICE));
    body["type"] = kind.into();
    body["refund"] = json!({
        "refund_id": "ref_1", "idempotency_key": key, "amount": usd(PRICE), "state": state,
    });
    body
}

/// A pending order, with the provider's id of its payment.
async fn pending(till: &Till) -> (OrderId, String) {
    let sale = till.world().sale(5, 5).await;
    let (order, checkout) = till.checkout(sale, 1).await;
    let payment = checkout.rsplit_once('/').unwrap().1.to_owned();
    (order, payment)
}

/// What was made of each event, in the order of their ids.
async fn outcomes(till: &Till) -> Vec<String> {
    let mut connection = till.world().connection().await;
    let rows = sqlx::query_scalar("SELECT outcome FROM payment_events ORDER BY id");
    rows.fetch_all(&mut connection).await.unwrap()
}

#[tokio::test]
async fn what_is_not_signed_lately_by_the_provider_does_nothing() {
    let till = Till::new().await;
    let (order, payment) = pending(&till).await;
    let body = paid("1", &payment, order, usd(PRICE));
    for (secret, age_seconds) in [("another", 0), (SECRET, 400), (SECRET, -400)] {
        assert_eq!(
            till.webhook(&body, secret, age_seconds).await,
            400,
            "{age_seconds}"
        );
    }
    assert_eq!(till.webhook(&json!({ "id": "1" }), SECRET, 0).await, 400);
    let long = json!({ "id": "1", "type": "x".repeat(300_000) });
    assert_eq!(till.webhook(&long, SECRET, 0).await, 413);
    assert_eq!(outcomes(&till).await, [""; 0]);
    assert_eq!(till.row(order).await.state, OrderState::PendingPayment);
}

#[tokio::test]
async fn an_event_of_a_type_that_we_do_not_know_is_acknowledged() {
    let till = Till::new().await;
    till.event(&json!({ "id": "1", "type": "payout.created", "payout": {} }))
        .await;
    assert_eq!(outcomes(&till).await, [""; 0]);
}

#[tokio::test]
async fn events_that_come_twice_late_or_in_another_order_act_once() {
    let till = Till::new().await;
    let (order, payment) = pending(&till).await;
    let events = [
        declined("1", &payment, order),
        paid("2", &payment, order, usd(PRICE)),
        paid("2", &payment, order, usd(PRICE)),
        paid("3", &payment, order, usd(PRICE)),
        declined("4", &payment, order),
        declined("1", &payment, order),
        // What contradicts the payment that was made is not money that goes back.
        paid("5", &payment, order, usd(1)),
    ];
    for event in &events {
        till.event(event).await;
    }
    let expected = ["declined", "paid", "repeated", "repeated", "repeated"];
    assert_eq!(outcomes(&till).await, expected);
    assert_eq!(till.row(order).await.state, OrderState::Paid);
    assert_eq!(till.refunds(order).await.len(), 0);
    assert_eq!(till.told(order, "paid").await, 1);
    till.audit().await;
}

#[tokio::test]
async fn money_of_another_amount_currency_or_order_goes_back_as_it_came_and_pays_nothing() {
    let euros = Money {
        currency: "EUR".parse().unwrap(),
        ..usd(PRICE)
    };
    let till = Till::new().await;
    for (number, amount) in [usd(1), usd(PRICE + 1), euros, usd(PRICE)]
        .into_iter()
        .enumerate()
    {
        let (order, payment) = pending(&till).await;
        // The last is of the right amount, for an order that it was not begun for.
        let named = if amount == usd(PRICE) {
            OrderId(1)
        } else {
            order
        };
        let event = |n: u32| paid(&format!("{number}-{n}"), &payment, named, amount);
        till.event(&event(1)).await;
        till.event(&event(1)).await;
        till.event(&event(2)).await;
        till.event(&paid(&format!("{number}-3"), &payment, order, usd(PRICE)))
            .await;
        assert_eq!(
            till.row(order).await.state,
            OrderState::PendingPayment,
            "{amount}"
        );
        let refunds = till.refunds(order).await;
        assert_eq!(refunds.len(), 1, "{amount}: {refunds:?}");
        assert_eq!(
            (refunds[0].amount, refunds[0].reason.as_str()),
            (amount, "mismatch")
        );
        assert_eq!(refunds[0].payment_ref, payment);
    }
    let each = ["mismatch", "repeated", "repeated"];
    assert_eq!(outcomes(&till).await, [each; 4].concat());
}

#[tokio::test]
async fn money_for_an_order_that_has_another_payment_goes_back() {
    let till = Till::new().await;
    let (order, _) = pending(&till).await;
    till.event(&paid("1", "pay_second", order, usd(PRICE)))
        .await;
    let refunds = till.refunds(order).await;
    assert_eq!(refunds[0].payment_ref, "pay_second");
    assert_eq!(till.row(order).await.state, OrderState::PendingPayment);
}

#[tokio::test]
async fn money_of_nobody_we_know_is_noted_and_goes_nowhere() {
    let till = Till::new().await;
    till.event(&paid("1", "pay_x", OrderId(1), usd(PRICE)))
        .await;
    till.event(&declined("2", "pay_x", OrderId(1))).await;
    till.event(&refund("3", "refund.done", "pay_x", OrderId(1), "5"))
        .await;
    assert_eq!(outcomes(&till).await, ["unknown"; 3]);
    assert_eq!(till.count("SELECT COUNT(*) FROM refunds".into()).await, 0);
}

#[tokio::test]
async fn a_payment_whose_checkout_was_opened_unheard_is_found_by_its_order() {
    let till = Till::new().await;
    let sale = till.world().sale(5, 5).await;
    let order = till.world().pending(sale, 1, 1).await;
    till.faults(json!({ "api": { "fail_after_effect_share": 1.0 } }))
        .await;
    assert!(till.begin(order).await.is_err());
    till.faults(json!({})).await;
    let there = till.there(order).await;
    assert_eq!(there.len(), 1);
    till.choose(there[0]["checkout_url"].as_str().unwrap(), "pay")
        .await;
    till.until(order, "paid").await;
    assert_eq!(till.refunds(order).await.len(), 0);
    till.audit().await;
}

#[tokio::test]
async fn what_is_told_of_a_refund_before_its_answer_counts_and_only_moves_it_on() {
    let till = Till::new().await;
    let (order, payment) = pending(&till).await;
    till.expire(order).await;
    till.event(&paid("0", &payment, order, usd(PRICE))).await;
    let key = till.refunds(order).await[0].key;
    let text = key.to_string();
    let other = format!("{text}-2");
    // An event, the state of the refund after it, and how often the buyer was told.
    let steps = [
        (
            refund("1", "refund.done", &payment, order, &other),
            RefundState::Pending,
            0,
        ),
        (
            refund("2", "refund.done", &payment, order, &text),
            RefundState::Done,
            1,
        ),
        (
            refund("2", "refund.done", &payment, order, &text),
            RefundState::Done,
            1,
        ),
        (
            refund("3", "refund.done", &payment, order, &text),
            RefundState::Done,
            1,
        ),
        // A bank may send money back that was on its way; the provider's last word counts.
        (
            refund("4", "refund.failed", &payment, order, &text),
            RefundState::Failed,
            1,
        ),
        (
            refund("5", "refund.done", &payment, order, &text),
            RefundState::Failed,
            1,
        ),
    ];
    for (event, state, told) in steps {
        till.event(&event).await;
        assert_eq!(till.refunds(order).await[0].state, state, "{event}");
        assert_eq!(till.told(order, "refunded").await, told, "{event}");
    }
    let ledger = &till.world().stores.ledger;
    let late = origin::ledger::RefundOutcome::Sent("ref_1".into());
    let reckoned = ledger.refund_answered(key, &late, 1).await.unwrap();
    assert_eq!(reckoned, origin::ledger::Reckoned::Repeated);
}
