//! Races, a thousand times each: payment against expiry, and a buyer against the unit that an
//! expiry gives back.

use crate::support::{World, eventually};
use futures::stream::{self, StreamExt};
use kernel::ids::{AccountId, LeaseId, OrderId, SaleId};
use kernel::order::OrderState;
use kernel::token::PurchaseToken;
use origin::ledger::{Freed, Release, Settled, Settlement};
use origin::ops::audit::audit;
use origin::orders::{Placed, Prices, decide, place, release, sweep, watch_lanes};
use origin::stock::Held;
use sqlx::mysql::MySqlPool;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const ROUNDS: u64 = 1_000;
/// Rounds of payment against expiry at the same time.
const AT_ONCE: usize = 8;

/// A thousand pending orders of these sales, each with a payment begun at the provider. Neighbours
/// are of different sales, so that rounds at the same time do not wait for one row.
async fn a_thousand_with_payments(world: &World, sales: &[SaleId]) -> Vec<OrderId> {
    let mut by_sale = Vec::new();
    for sale in sales {
        let mut orders = Vec::new();
        for n in 0..ROUNDS / sales.len() as u64 {
            orders.push(world.admit(*sale, n % 20, 1).await);
        }
        let decided = world.stores.ledger.decide(*sale, &orders).await.unwrap();
        assert_eq!(decided.accepted.len(), orders.len());
        let accepted = decided.accepted;
        world.stores.stock.decided(*sale, &accepted).await.unwrap();
        by_sale.push(accepted);
    }
    world
        .sql(
            "INSERT INTO payments (id, order_id, provider_ref, amount_minor, currency, state,
                                   ship_to, created_at_ms)
             SELECT id, id, CONCAT('pay_', id), amount_minor, currency, 'open', '{}',
                    created_at_ms
             FROM orders"
                .into(),
        )
        .await;
    let turns = 0..by_sale[0].len();
    turns
        .flat_map(|turn| by_sale.iter().map(move |orders| orders[turn]))
        .collect()
}

/// Settles and expires an order whose time is over in `ms`; what the webhook did, and how the
/// order ended.
async fn race(world: &World, clock: &MySqlPool, order: OrderId, ms: u64) -> (Settled, OrderState) {
    let ledger = &world.stores.ledger;
    let deadline = sqlx::query(
        "UPDATE orders SET expires_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED) + ?
         WHERE id = ?",
    );
    deadline
        .bind(ms)
        .bind(order.0)
        .execute(clock)
        .await
        .unwrap();
    let settlement = Settlement {
        event: format!("evt_{order}"),
        provider: "sandbox",
        provider_ref: format!("pay_{order}"),
        order,
        amount: crate::support::usd(39_900),
        paid: true,
    };
    let expire = async {
        while !ledger
            .expire_orders(&[order])
            .await
            .unwrap()
            .pending
            .is_empty()
        {}
    };
    let (settled, repeated, ()) =
        tokio::join!(world.settle(&settlement), world.settle(&settlement), expire);
    // The webhook came twice; which of the two acted is another race.
    let acted = match (settled, repeated) {
        (acted, Settled::Repeated) | (Settled::Repeated, acted) => acted,
        both => panic!("{both:?}"),
    };
    let row = ledger.order_of_anyone(order).await.unwrap().unwrap();
    (acted, row.state)
}

#[tokio::test]
async fn of_a_thousand_payments_against_expiry_each_ends_in_one_way() {
    let world = World::new().await;
    let mut sales = Vec::new();
    for _ in 0..10 {
        sales.push(world.sale(100, 100).await);
    }
    let orders = a_thousand_with_payments(&world, &sales).await;
    let clock = MySqlPool::connect(world.mysql_url()).await.unwrap();
    let sweeper = tokio::spawn(sweep(world.stores.clone()));
    let outcomes: Vec<(OrderId, (Settled, OrderState))> = stream::iter(orders.into_iter().zip(0..))
        .map(async |(id, n)| {
            // From "over already" to "time enough".
            (id, Box::pin(race(&world, &clock, id, n % 20)).await)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    sweeper.abort();
    clock.close().await;

    let (ledger, stock) = (&world.stores.ledger, &world.stores.stock);
    let (mut paid, mut expired) = (0_u32, BTreeSet::new());
    for (id, outcome) in outcomes {
        match outcome {
            (Settled::Paid, OrderState::Paid) => paid += 1,
            (Settled::Late, OrderState::Expired) => drop(expired.insert(id)),
            other => panic!("order {id}: {other:?}"),
        }
    }
    assert!(paid >= 50 && expired.len() >= 50, "no race: {paid} paid");

    let (mut sold, mut free) = (0, 0);
    for sale in &sales {
        let count = ledger.sale_counts(*sale).await.unwrap().unwrap();
        assert_eq!((count.reserved, count.orders_pending), (0, 0));
        let available = i64::from(count.total) - i64::from(count.sold);
        assert_eq!(count.entries, [available, 0, i64::from(count.sold)]);
        sold += count.sold;
        free += available;
    }
    assert_eq!((sold, free), (paid, i64::try_from(expired.len()).unwrap()));
    let rows = ledger.releases(0, 2_000).await.unwrap();
    let order = |row: &Release| match row.what {
        Freed::Order(order) => order,
        other => panic!("{other:?}: no units were changed"),
    };
    let freed: Vec<OrderId> = rows.iter().map(order).collect();
    assert_eq!(freed.len(), expired.len(), "a unit is given back once");
    assert_eq!(freed.into_iter().collect::<BTreeSet<_>>(), expired);

    let releaser = tokio::spawn(release(world.stores.clone()));
    eventually("the releases", async || {
        ledger.releases(0, 1).await.unwrap().is_empty()
    })
    .await;
    releaser.abort();
    let levels = stock.levels(&sales).await.unwrap();
    let available: u32 = levels.iter().flatten().map(|level| level.available).sum();
    assert_eq!(i64::from(available), free);
    let report = audit(ledger, stock).await.unwrap();
    for check in report.checks {
        // Money that came too late waits to be refunded, and the audit says so.
        let late = check.invariant == "paid-once";
        assert!(late || check.findings.is_empty(), "{check:?}");
    }
}

/// Buys with one fresh token after the other until an order is accepted or somebody else has one.
async fn buy(world: &World, prices: &Prices, sale: SaleId, over: &AtomicBool) -> Option<OrderId> {
    while !over.load(Ordering::Relaxed) {
        let (now, slot) = (origin::now(), OrderId(world.id().await));
        let token = PurchaseToken {
            account: AccountId(slot.0),
            sale,
            slot,
            lease: LeaseId(slot.0),
            not_before: now,
            expires_at: now.plus_seconds(120),
        };
        match place(&world.stores, prices, &token, 1).await.unwrap() {
            Placed::Accepted(_) => {
                over.store(true, Ordering::Relaxed);
                return Some(slot);
            }
            Placed::Refused(held) => assert_eq!(held, Held::Short, "sold out, and nothing else"),
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    None
}

/// The only unit of a sale goes from hand to hand; how often an order was refused after its `202`.
async fn hand_on(
    world: &World,
    clock: &MySqlPool,
    prices: &Prices,
    sale: SaleId,
    rounds: u64,
) -> u64 {
    let ledger = &world.stores.ledger;
    let (mut holder, mut refused) = (world.pending(sale, 1, 1).await, 0);
    for _ in 0..rounds {
        let over = AtomicBool::new(false);
        let expire = async {
            let overdue = sqlx::query("UPDATE orders SET expires_at_ms = 1 WHERE id = ?");
            overdue.bind(holder.0).execute(clock).await.unwrap();
            // Whoever comes first: this, the sweeper or nobody else.
            ledger.expire_orders(&[holder]).await.unwrap();
        };
        let ((), first, second) = tokio::join!(
            expire,
            buy(world, prices, sale, &over),
            buy(world, prices, sale, &over)
        );
        let accepted: Vec<OrderId> = first.into_iter().chain(second).collect();
        for id in &accepted {
            eventually("the decision", async || {
                ledger.order_of_anyone(*id).await.unwrap().is_some()
            })
            .await;
            match ledger.order_of_anyone(*id).await.unwrap().unwrap().state {
                OrderState::PendingPayment => holder = *id,
                OrderState::Refused => refused += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_at_stock_0_gets_sold_out_or_an_order_and_never_a_refusal_after_a_202() {
    let world = World::new().await;
    let prices = Prices::default();
    let workers = [
        tokio::spawn(decide(world.stores.clone())),
        tokio::spawn(release(world.stores.clone())),
        tokio::spawn(sweep(world.stores.clone())),
        tokio::spawn(watch_lanes(world.stores.clone())),
    ];
    let (sales, mut open) = (50, Vec::new());
    for _ in 0..sales {
        open.push(world.sale(1, 1).await);
    }
    let clock = MySqlPool::connect(world.mysql_url()).await.unwrap();
    let rounds = ROUNDS / sales;
    let hand_on = |sale: &SaleId| hand_on(&world, &clock, &prices, *sale, rounds);
    let hands = open.iter().map(hand_on);
    let refused: u64 = futures::future::join_all(hands).await.into_iter().sum();
    clock.close().await;
    assert_eq!(refused, 0, "refused after a 202");
    for worker in workers {
        worker.abort();
    }
    // Each slot was a lease of its own.
    let leases = "INSERT INTO leases (id, sale_id, pop, generation, first_slot, slots, ends_at_ms,
                                      revoked, created_at_ms)
                  SELECT id, sale_id, 'pop-1', 'test', id, 1, 9000000000000, TRUE, 0 FROM orders
                  WHERE id NOT IN (SELECT id FROM leases)";
    world.sql(leases.to_owned()).await;
    let report = audit(&world.stores.ledger, &world.stores.stock)
        .await
        .unwrap();
    assert!(report.holds, "{report:?}");
}
