//! The origin dies at each of its fail points, under load, while orders expire, one is paid, units
//! come and go, and the sale is counted anew.

use crate::backend::Backend;
use crate::shop::eventually;
use kernel::ids::SaleId;
use origin::fail_points::ALL;
use serde_json::json;

const ROLES: &str = "http,decider,timers,outboxes";
const UNITS: u32 = 60;
const BUYERS: u32 = 120;

impl Backend {
    /// Everything that can happen to a running sale beside buying. Returns the order that is being
    /// paid.
    async fn stir(&self, sale: SaleId) -> u64 {
        let (add, withdraw) = (self.id().await, self.id().await);
        self.sql(format!(
            "INSERT INTO stock_changes VALUES
                ({add}, {sale}, 'add', 2, 'asked', 1), ({withdraw}, {sale}, 'withdraw', 3, 'asked', 1)"
        ))
        .await;
        let pending = format!("sale_id = {sale} AND state = 'pending_payment'");
        let paid = self.id().await;
        eventually("an order to be paid", async || {
            let begin = format!(
                "INSERT INTO payments (id, order_id, provider_ref, checkout_url, amount_minor, currency,
                                       state, ship_to, created_at_ms)
                 SELECT {paid}, id, 'pay_1', 'http://127.0.0.1:9', amount_minor, currency, 'open', '', 1
                 FROM orders WHERE {pending} ORDER BY id DESC LIMIT 1"
            );
            self.sql(begin).await == 1
        })
        .await;
        let not_paid = "id NOT IN (SELECT order_id FROM payments)";
        eventually("orders to expire", async || {
            let expire = format!(
                "UPDATE orders SET expires_at_ms = 1 WHERE {pending} AND {not_paid} LIMIT 5"
            );
            self.sql(expire).await > 0
        })
        .await;
        self.sql(format!(
            "UPDATE sales SET rebuild_above = epoch WHERE id = {sale}"
        ))
        .await;
        self.paid_order().await
    }

    async fn pay(&self, order: u64) {
        self.webhook(&json!({
            "id": "evt_1",
            "type": "payment.paid",
            "payment": {
                "payment_id": "pay_1",
                "order_id": order.to_string(),
                "amount": { "amount_minor": 100, "currency": "USD" },
            },
        }))
        .await;
    }

    async fn paid_order(&self) -> u64 {
        let pool = sqlx::mysql::MySqlPool::connect(&self.urls.mysql)
            .await
            .unwrap();
        let order = sqlx::query_scalar("SELECT order_id FROM payments");
        let order = order.fetch_one(&pool).await.unwrap();
        pool.close().await;
        order
    }

    async fn id(&self) -> u64 {
        self.stores.ids.next().await.unwrap()
    }
}

async fn dies_at(name: &str, passes: u32, units: u32) {
    let backend = Backend::new().await;
    let action = format!("{name}={passes}*off->return(kill)");
    backend.start(ROLES, &[("FAILPOINTS", &action)]);
    let sale = backend.sale(units).await;
    let crash = async || {
        let stirring = async {
            let order = backend.stir(sale).await;
            backend.pay(order).await;
        };
        let dying = async {
            eventually("the crash", async || backend.has_ended(0)).await;
            backend.forget(0);
            backend.start_whole();
        };
        tokio::join!(stirring, dying);
    };
    let outcome = backend.rush(sale, BUYERS, 0, crash).await;
    backend.decided(&outcome).await;
    eventually("the changes of units", async || {
        let unfinished = backend.stores.ledger.unfinished_changes(0).await.unwrap();
        unfinished.is_empty()
    })
    .await;
    backend.settled(sale).await;
    let live = backend.decided(&outcome).await;
    let row = backend.row(sale).await;
    assert_eq!(row.sold, 1, "{name}");
    assert_eq!((row.reserved + row.sold) as usize, live, "{name}");
    let total = [units + 2, units - 1].contains(&row.sale.total);
    assert!(total, "{name}: {} units", row.sale.total);
    println!("{name}: {} accepted, {live} live", outcome.accepted());
}

/// All fail points of one room. Each has a backend of its own.
async fn die_in(room: &str, passes: u32, units: u32) {
    for name in ALL.iter().filter(|name| name.starts_with(room)) {
        dies_at(name, passes, units).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn placing() {
    die_in("place.", 20, UNITS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deciding() {
    die_in("decide.", 1, UNITS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paying_and_closing() {
    die_in("settle.", 0, UNITS).await;
    die_in("close.", 0, UNITS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn releasing() {
    die_in("release.", 0, UNITS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilding() {
    die_in("rebuild.", 0, UNITS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_units() {
    die_in("units.", 0, 2 * BUYERS).await;
}

/// `tell.sent` needs a mail server: `notifications.rs` has it.
#[tokio::test(flavor = "multi_thread")]
async fn telling() {
    for name in ["tell.handed-on", "tell.taken"] {
        dies_at(name, 0, UNITS).await;
    }
}

#[tokio::test]
async fn every_fail_point_is_in_one_of_these_rooms() {
    let rooms = [
        "place.", "decide.", "settle.", "close.", "release.", "rebuild.", "units.", "tell.",
        // With a payment provider: `origin/tests/it/refunds.rs`.
        "refund.",
    ];
    for name in ALL {
        assert!(rooms.iter().any(|room| name.starts_with(room)), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn delays_everywhere_change_no_outcome() {
    let backend = Backend::new().await;
    let slow = ALL
        .map(|name| format!("{name}=30%return(delay:40)"))
        .join(";");
    backend.start(ROLES, &[("FAILPOINTS", &slow)]);
    backend.start(ROLES, &[("FAILPOINTS", &slow)]);
    let sale = backend.sale(UNITS).await;
    let stir = async || {
        let order = backend.stir(sale).await;
        backend.pay(order).await;
    };
    let outcome = backend.rush(sale, BUYERS, 15, stir).await;
    backend.decided(&outcome).await;
    backend.settled(sale).await;
    let live = backend.decided(&outcome).await;
    let row = backend.row(sale).await;
    assert_eq!((row.reserved + row.sold) as usize, live);
}
