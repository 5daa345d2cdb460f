//! Two PoPs sell one stock, and one of them is lost with slots in hand.

use crate::buyer::Buyer;
use crate::shop::{Shop, eventually};
use futures::{StreamExt, stream};
use kernel::lease::LEASE_LIFE_SECONDS;
use sqlx::{Connection, MySqlConnection};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const UNITS: u32 = 60;
/// With as many slots as units, what the lost PoP has in hand is missing until it flows back; and an
/// order takes one of each, so that slots are never more than the units left.
const QUOTA: u32 = 1;
/// What a PoP borrows at once.
const LEASE_SLOTS: u32 = 20;
/// Who has a token of the PoP that is lost.
const STRANDED: usize = 5;
const AT_ONCE: usize = 8;
const LOOK: Duration = Duration::from_millis(20);

/// What MySQL says of a sale at one instant.
struct Look {
    /// Slots of leases that live, without an order.
    outstanding: i64,
    available: i64,
}

/// One statement, so that both are of one instant.
const LOOK_AT: &str = "SELECT CAST(\
     (SELECT COALESCE(SUM(slots), 0) FROM leases WHERE sale_id = sales.id AND NOT revoked \
      AND ends_at_ms > UNIX_TIMESTAMP(NOW(6)) * 1000) - \
     (SELECT COUNT(*) FROM orders JOIN leases ON leases.id = orders.lease_id \
      WHERE leases.sale_id = sales.id AND NOT leases.revoked \
      AND leases.ends_at_ms > UNIX_TIMESTAMP(NOW(6)) * 1000) AS SIGNED), \
     CAST(total - reserved - sold AS SIGNED) FROM sales WHERE id = ?";

async fn look(mysql: &mut MySqlConnection, sale: u64) -> Look {
    let row: (i64, i64) = sqlx::query_as(LOOK_AT)
        .bind(sale)
        .fetch_one(mysql)
        .await
        .unwrap();
    Look {
        outstanding: row.0,
        available: row.1,
    }
}

/// Looks until it is over; gives how often, and the most slots that were out.
async fn watch_quota(shop: &Shop, sale: &str, over: &AtomicBool) -> (u32, i64) {
    let mut mysql = MySqlConnection::connect(&shop.addresses.mysql_url)
        .await
        .unwrap();
    let sale = sale.parse().unwrap();
    let (mut looks, mut most) = (0, 0);
    while !over.load(Ordering::Relaxed) {
        let Look {
            outstanding,
            available,
        } = look(&mut mysql, sale).await;
        assert!(
            outstanding <= i64::from(QUOTA) * available,
            "{outstanding} slots are out for {available} units"
        );
        looks += 1;
        most = most.max(outstanding);
        tokio::time::sleep(LOOK).await;
    }
    (looks, most)
}

/// All of them try until each has an order, is refused for good or `until` is over.
async fn buy(buyers: &mut [Buyer], sale: &str, until: Instant) -> HashSet<String> {
    let orders: Vec<Option<String>> = stream::iter(buyers)
        .map(async |buyer| {
            while buyer.token.is_none() {
                let (status, body) = buyer.ask_for_token(sale).await;
                match status {
                    200 | 201 => {}
                    429 | 503 if Instant::now() < until => {
                        tokio::time::sleep(Duration::from_millis(250)).await;
                    }
                    409 | 429 | 503 => return None,
                    _ => panic!("{status} {body}"),
                }
            }
            let mut placed = (0, serde_json::Value::Null);
            eventually("an answer to the order", async || {
                placed = buyer.place(sale, 1).await;
                placed.0 != 503
            })
            .await;
            let id = placed.1["order_id"].as_str().map(str::to_owned);
            assert!(matches!(placed.0, 202 | 409), "{placed:?}");
            id
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    orders.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_pop_holds_no_unit_for_ever() {
    let slots = LEASE_SLOTS.to_string();
    let shop = Shop::with("two-pops", 2, &[("LEASE_SLOTS", &slots)]);
    let quota = QUOTA.to_string();
    let terms = ["--rate", "100000", "--quota", &quota];
    let sale = shop.sale_with(UNITS, 1, &terms).await;
    let [near, far] = &shop.addresses.pops[..] else {
        panic!("{:?}", shop.addresses.pops);
    };
    assert!(near.id != far.id && near.redis_url != far.redis_url);
    let mut buyers = shop.buyers(UNITS * 2).await.into_iter();
    let mut at = |count: usize, pop| -> Vec<Buyer> {
        buyers
            .by_ref()
            .take(count)
            .map(|buyer| buyer.at(pop))
            .collect()
    };
    let (mut here, mut there, mut stranded) = (at(10, near), at(10, far), at(STRANDED, far));
    let mut late = at(UNITS as usize, near);

    let over = AtomicBool::new(false);
    let sold = async {
        let soon = Instant::now() + Duration::from_secs(30);
        let (mut orders, others) =
            tokio::join!(buy(&mut here, &sale, soon), buy(&mut there, &sale, soon));
        orders.extend(others);
        assert_eq!(orders.len(), 20, "both PoPs sell");
        for buyer in &mut stranded {
            assert_eq!(buyer.get_token(&sale).await.0, 201);
        }
        tokio::task::block_in_place(|| shop.kill_pop(1));
        let killed = Instant::now();

        // The other sells what it can borrow, and no more: the rest is in the lost one's hands.
        let pause = Duration::from_secs(10);
        let before = buy(&mut late, &sale, killed + pause).await;
        let missing = UNITS as usize - orders.len() - before.len();
        println!("{missing} units wait for the lost PoP's lease to end");
        assert!(
            missing >= STRANDED && missing < LEASE_SLOTS as usize + STRANDED,
            "{missing} units are missing"
        );
        orders.extend(before);
        let lease = Duration::from_secs(LEASE_LIFE_SECONDS.unsigned_abs());
        let mut rest: Vec<Buyer> = late
            .into_iter()
            .filter(|buyer| buyer.token.is_none())
            .collect();
        orders.extend(buy(&mut rest, &sale, killed + lease + pause).await);
        println!("sold out {:?} after the loss", killed.elapsed());
        over.store(true, Ordering::Relaxed);
        orders
    };
    let (orders, (looks, most)) = tokio::join!(sold, watch_quota(&shop, &sale, &over));
    println!("{looks} looks, at most {most} slots out");
    assert!(
        looks > 100 && most >= i64::from(LEASE_SLOTS),
        "{looks} {most}"
    );
    assert_eq!(orders.len(), UNITS as usize, "sold out exactly");
    eventually("all decisions", async || {
        shop.sale_row(&sale)["reserved"] == UNITS
    })
    .await;
    let row = shop.sale_row(&sale);
    assert_eq!(
        (row["available"].as_u64(), row["redis_available"].as_u64()),
        (Some(0), Some(0))
    );
    shop.audit();
}
