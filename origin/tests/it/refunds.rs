//! Money that goes back: by itself, by an operator, and whatever breaks on the way.

use crate::support::{eventually, usd};
use crate::till::{API_KEY, SECRET, Till};
use kernel::ids::{OrderId, RefundId};
use kernel::order::OrderState;
use origin::ledger::{Actor, RefundOrder, RefundState, Refunding};
use origin::orders::release;
use serde_json::json;
use std::process::{Child, Command, Stdio};

/// What a unit costs in these tests.
const PRICE: i64 = 39_900;

fn whole(order: OrderId, restock: bool) -> RefundOrder {
    RefundOrder {
        order,
        amount_minor: None,
        restock,
    }
}

fn part(order: OrderId, amount_minor: i64) -> RefundOrder {
    RefundOrder {
        amount_minor: Some(amount_minor),
        ..whole(order, false)
    }
}

impl Till {
    async fn refund(&self, asked: RefundOrder) -> Refunding {
        let promise = self.promise().await;
        let ledger = &self.world().stores.ledger;
        let actor = Actor("shell:ada".into());
        ledger.refund_order(&actor, asked, promise).await.unwrap()
    }

    /// The outboxes of the program, dying at a fail point.
    fn outboxes(&self, fail_points: &str) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster-origin"));
        command
            .args(["--roles", "outboxes"])
            .env_clear()
            .envs(self.world().settings())
            .env("DOORBUSTER_OPS_LISTEN", "127.0.0.1:0")
            .env("DOORBUSTER_PAYMENTS_URL", &self.sandbox.url)
            .env("DOORBUSTER_PAYMENTS_API_KEY", API_KEY)
            .env("DOORBUSTER_PAYMENTS_WEBHOOK_SECRET", SECRET)
            .env("DOORBUSTER_SMTP_URL", "smtp://127.0.0.1:9")
            .env("DOORBUSTER_MAIL_FROM", "Shop <shop@example.test>")
            .env("DOORBUSTER_PUBLIC_URL", "http://127.0.0.1:9")
            .env("FAILPOINTS", fail_points)
            .stderr(Stdio::null());
        Running(command.spawn().unwrap())
    }
}

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test]
async fn a_late_payment_goes_back_within_the_promised_time() {
    let till = Till::new().await;
    let sale = till.world().sale(5, 5).await;
    let order = till.late(sale).await;
    let _worker = till.work();
    till.until_refunds_are(order, "done").await;

    let refunds = till.refunds(order).await;
    let [refund] = refunds.as_slice() else {
        panic!("{refunds:?}");
    };
    assert_eq!(
        (refund.amount, refund.reason.as_str()),
        (usd(PRICE), "late")
    );
    assert_eq!(
        refund.due_at.since(refund.created_at),
        300_000,
        "as promised"
    );
    assert!(refund.done_at.unwrap() <= refund.due_at, "{refund:?}");
    assert_eq!(till.refunds_there(order).await, [(PRICE, "done".into())]);
    let seen = till.seen(order).await;
    assert_eq!(
        (seen.state, seen.refunded),
        (OrderState::Expired, Some(usd(PRICE)))
    );
    // The webhook of the refund may come after the answer.
    assert_eq!(till.told(order, "refunded").await, 1);
    release_units(&till).await;
    till.audit().await;
}

/// Tells Redis what is free.
async fn release_units(till: &Till) {
    let releaser = tokio::spawn(release(till.world().stores.clone()));
    eventually("the releases", async || {
        let ledger = &till.world().stores.ledger;
        ledger.releases(0, 10).await.unwrap().is_empty()
    })
    .await;
    releaser.abort();
}

#[tokio::test]
async fn whatever_the_provider_does_each_refund_is_made_once() {
    let till = Till::new().await;
    let sale = till.world().sale(20, 20).await;
    let mut orders = Vec::new();
    for _ in 0..6 {
        let order = till.paid(sale, 1).await;
        for amount in [100, 200, 300] {
            let refunding = till.refund(part(order, amount)).await;
            assert!(matches!(refunding, Refunding::Begun { whole: false, .. }));
        }
        orders.push(order);
    }
    till.faults(json!({
        "seed": 7,
        "api": { "fail_share": 0.2, "fail_after_effect_share": 0.4 },
        "webhooks": { "copies": 3, "reorder": true },
        "refunds": { "state_first": "pending", "pending_ms": 300 },
    }))
    .await;
    let _workers = [till.work(), till.work()];
    for order in &orders {
        till.until_refunds_are(*order, "done").await;
    }
    till.faults(json!({})).await;
    for order in orders {
        let there = till.refunds_there(order);
        let mut there: Vec<i64> = there.await.into_iter().map(|(amount, _)| amount).collect();
        there.sort_unstable();
        assert_eq!(there, [100, 200, 300], "order {order}");
        assert_eq!(till.told(order, "refunded").await, 3);
        assert_eq!(till.seen(order).await.refunded, Some(usd(600)));
    }
    till.audit().await;
}

#[tokio::test]
async fn a_worker_that_dies_between_provider_and_ledger_refunds_once() {
    for point in ["refund.claimed", "refund.sent"] {
        let till = Till::new().await;
        // Nothing but the next worker tells the ledger.
        till.faults(json!({ "webhooks": { "drop_first_attempts": 100 } }))
            .await;
        let sale = till.world().sale(5, 5).await;
        let (order, checkout) = till.checkout(sale, 1).await;
        till.expire(order).await;
        till.choose(&checkout, "pay").await;
        let payment = till.there(order).await[0]["payment_id"].clone();
        till.event(&json!({
            "id": "evt_paid", "type": "payment.paid", "created_at_ms": 1,
            "payment": {
                "payment_id": payment, "order_id": order,
                "amount": { "amount_minor": PRICE, "currency": "USD" },
            },
        }))
        .await;
        let mut dying = till.outboxes(&format!("{point}=return(kill)"));
        eventually("the crash", async || dying.0.try_wait().unwrap().is_some()).await;
        let begun = usize::from(point == "refund.sent");
        assert_eq!(till.refunds_there(order).await.len(), begun, "{point}");
        assert_eq!(till.refunds(order).await[0].state, RefundState::Pending);
        // The claim of the dead one runs out.
        let over = "UPDATE refunds SET next_attempt_at_ms = 0".to_owned();
        till.world().sql(over).await;
        let _next = till.outboxes("");
        till.until_refunds_are(order, "done").await;
        let there = till.refunds_there(order).await;
        assert_eq!(there, [(PRICE, "done".into())], "{point}");
        assert_eq!(till.told(order, "refunded").await, 1);
    }
}

#[tokio::test]
async fn parts_asked_for_at_once_never_come_to_more_than_was_paid() {
    let till = Till::new().await;
    let sale = till.world().sale(5, 5).await;
    let order = till.paid(sale, 1).await;
    let third = PRICE / 3;
    let ask = || till.refund(part(order, third));
    let all = tokio::join!(ask(), ask(), ask(), ask(), ask(), ask());
    let all = [all.0, all.1, all.2, all.3, all.4, all.5];
    let begun = all
        .iter()
        .filter(|asked| matches!(asked, Refunding::Begun { .. }));
    assert_eq!(begun.count(), 3, "{all:?}");
    assert_eq!(
        till.row(order).await.state,
        OrderState::Refunded,
        "the last third was the whole"
    );
    assert_eq!(
        till.refund(part(order, 1)).await,
        Refunding::NotPaid(OrderState::Refunded)
    );
    let _worker = till.work();
    till.until_refunds_are(order, "done").await;
    release_units(&till).await;
    till.audit().await;
}

#[tokio::test]
async fn what_cannot_be_refunded_is_refused_and_leaves_no_trace() {
    let till = Till::new().await;
    let sale = till.world().sale(5, 5).await;
    let (pending, _) = till.checkout(sale, 1).await;
    let paid = till.paid(sale, 1).await;
    let restocked_part = RefundOrder {
        restock: true,
        ..part(paid, 1)
    };
    let cases = [
        (whole(OrderId(1), false), Refunding::Unknown),
        (
            whole(pending, false),
            Refunding::NotPaid(OrderState::PendingPayment),
        ),
        (part(paid, PRICE + 1), Refunding::NotWithin(usd(PRICE))),
        (part(paid, 0), Refunding::NotWithin(usd(PRICE))),
        (part(paid, -5), Refunding::NotWithin(usd(PRICE))),
        (part(paid, i64::MIN), Refunding::NotWithin(usd(PRICE))),
        (restocked_part, Refunding::OnlyWhole),
    ];
    for (asked, expected) in cases {
        assert_eq!(till.refund(asked).await, expected, "{asked:?}");
    }
    let log = "operator_log WHERE action = 'order.refund'";
    for rows in ["refunds", "release_outbox", log] {
        let count = till.count(format!("SELECT COUNT(*) FROM {rows}")).await;
        assert_eq!(count, 0, "{rows}");
    }
    till.audit().await;
}

#[tokio::test]
async fn units_of_a_refunded_order_go_on_sale_again_or_leave_the_sale() {
    let till = Till::new().await;
    let world = till.world();
    let _worker = till.work();
    // Restocked or not; whether the sale is closed by then; total, sold and available afterwards.
    let cases = [
        (true, false, (3, 1, 2)),
        (false, false, (1, 1, 0)),
        (true, true, (3, 1, 2)),
        (false, true, (1, 1, 0)),
    ];
    for (restock, closed, expected) in cases {
        let case = format!("restock {restock}, closed {closed}");
        let sale = world.sale(3, 3).await;
        let (stays, goes) = (till.paid(sale, 1).await, till.paid(sale, 2).await);
        assert_eq!(world.available(sale).await, 0);
        if closed {
            let past = format!("UPDATE sales SET closes_at_ms = 1 WHERE id = {sale}");
            world.sql(past).await;
        }
        let refunding = till.refund(whole(goes, restock)).await;
        assert!(
            matches!(refunding, Refunding::Begun { whole: true, .. }),
            "{case}"
        );
        assert_eq!(
            world.available(sale).await,
            0,
            "Redis learns it from the outbox alone"
        );
        release_units(&till).await;
        let row = world.stores.ledger.sale(sale).await.unwrap().unwrap();
        let left = world.available(sale).await;
        assert_eq!((row.sale.total, row.sold, left), expected, "{case}");
        assert_eq!(
            world.held(sale).await.keys().copied().collect::<Vec<_>>(),
            [stays.0]
        );
        till.until_refunds_are(goes, "done").await;
        assert_eq!(till.refunds_there(goes).await, [(2 * PRICE, "done".into())]);
        if restock && !closed {
            world.pending(sale, 1, 2).await;
        }
    }
    till.audit().await;
    let logged = "SELECT COUNT(*) FROM operator_log
                  WHERE action = 'order.refund' AND actor = 'shell:ada'
                    AND before_json LIKE '%\"paid\"%' AND after_json LIKE '%\"refunded\"%'";
    assert_eq!(till.count(logged.into()).await, 4);
}

#[tokio::test]
async fn units_of_a_sale_that_redis_has_forgotten_do_not_wait_for_ever() {
    let till = Till::new().await;
    let world = till.world();
    let sale = world.sale(3, 3).await;
    let order = till.paid(sale, 1).await;
    world.forget(sale).await;
    till.refund(whole(order, true)).await;
    origin::orders::release_all(&world.stores).await.unwrap();
    let waiting = async || world.stores.ledger.releases(0, 10).await.unwrap().len();
    assert_eq!(waiting().await, 1, "it may be counted anew");
    let past = origin::now().plus_seconds(-73 * 3_600).0;
    let past = format!("UPDATE sales SET closes_at_ms = {past} WHERE id = {sale}");
    world.sql(past).await;
    origin::orders::release_all(&world.stores).await.unwrap();
    assert_eq!(waiting().await, 0);
}

#[tokio::test]
async fn a_refund_that_failed_at_the_provider_waits_for_an_operator_and_is_tried_anew() {
    let till = Till::new().await;
    let sale = till.world().sale(5, 5).await;
    let order = till.late(sale).await;
    till.faults(json!({ "refunds": { "fail_share": 1.0 } }))
        .await;
    let _worker = till.work();
    till.until_refunds_are(order, "failed").await;
    let failed = till.refunds(order).await.remove(0);
    assert!(
        failed.last_error.as_ref().unwrap().contains("failed"),
        "{failed:?}"
    );
    assert_eq!(till.seen(order).await.refunded, None);
    let due = format!("UPDATE refunds SET due_at_ms = 1 WHERE order_id = {order}");
    till.world().sql(due).await;
    let ledger = &till.world().stores.ledger;
    let backlog = ledger.refund_backlog().await.unwrap();
    assert_eq!(
        (backlog.waiting, backlog.failed, backlog.overdue),
        (0, 1, 1)
    );

    till.faults(json!({})).await;
    let actor = Actor("shell:ada".into());
    let retry = async |id| ledger.retry_refund(&actor, id).await.unwrap();
    assert_eq!(retry(RefundId(1)).await, None);
    let id = failed.key.refund;
    assert_eq!(retry(id).await, Some(RefundState::Failed));
    till.until_refunds_are(order, "done").await;
    assert_eq!(retry(id).await, Some(RefundState::Done));
    let there = till.refunds_there(order).await;
    let there: Vec<&str> = there.iter().map(|(_, state)| state.as_str()).collect();
    assert_eq!(there, ["failed", "done"], "under another key");
    assert_eq!(till.told(order, "refunded").await, 1);
    let logged = "SELECT COUNT(*) FROM operator_log WHERE action = 'refund.retry'";
    assert_eq!(till.count(logged.into()).await, 1);
    assert_eq!(ledger.refund_backlog().await.unwrap().overdue, 0);
}
