//! Order events, through the edge.

use crate::buyer::{Buyer, assert_problem, read};
use crate::edge::{Edge, origin};
use crate::event_stream::EventStream;
use crate::shop::{Shop, eventually};
use crate::wire::Wire;
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Places an order in a sale of its own and gives the order's id.
async fn ordered(shop: &Shop, sale: &str, buyer: &mut Buyer) -> String {
    assert_eq!(buyer.get_token(sale).await.0, 201);
    let (status, order) = buyer.place(sale, 1).await;
    assert_eq!(status, 202, "{order} of {}", shop.addresses.edge_url);
    order["order_id"].as_str().unwrap().to_owned()
}

async fn cancel(buyer: &Buyer, order: &str) {
    let path = format!("/api/orders/{order}/cancel");
    let (status, body) = buyer.post(&path, &json!({})).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn changes_arrive_while_the_stream_is_open() {
    let shop = Shop::shared();
    let sale = shop.sale(5, 1).await;
    let mut buyer = shop.buyers(1).await.pop().unwrap();
    let order = ordered(shop, &sale, &mut buyer).await;
    let mut stream = EventStream::open(&buyer, &order, None).await;
    let greeting = stream.block().await.unwrap();
    assert_eq!(greeting.retry.as_deref(), Some("2000"));

    let pending = stream.wait_for("pending_payment").await;
    assert_eq!(pending.id.as_deref(), Some("1"));
    assert_eq!(pending.data["order_id"], order.as_str());
    let (_, shown) = buyer.get(&format!("/api/orders/{order}")).await;
    assert_eq!(pending.data, shown, "the data is the order");
    assert_eq!(buyer.pay(&order, "pay").await.0, 201);
    let paid = stream.wait_for("paid").await;
    assert_eq!(paid.id.as_deref(), Some("2"));
    drop(stream);

    // Who comes back gets what they have not had, at once, and nothing that they have.
    let mut resumed = EventStream::open(&buyer, &order, Some("1")).await;
    assert_eq!(resumed.event().await.unwrap(), paid);
    let mut again = EventStream::open(&buyer, &order, Some("2")).await;
    again.block().await.unwrap();
    let nothing = timeout(Duration::from_secs(1), again.event()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test]
async fn a_stream_ends_with_the_order_and_is_not_asked_for_again() {
    let shop = Shop::shared();
    let sale = shop.sale(5, 1).await;
    let mut buyer = shop.buyers(1).await.pop().unwrap();
    let order = ordered(shop, &sale, &mut buyer).await;
    let mut stream = EventStream::open(&buyer, &order, None).await;
    stream.wait_for("pending_payment").await;
    cancel(&buyer, &order).await;
    let cancelled = stream.wait_for("cancelled").await;
    assert_eq!(stream.block().await, None, "nothing comes after the end");
    let id = cancelled.id.as_deref();
    let over = EventStream::ask(&buyer, &order, id).await;
    assert_eq!(over.status(), 204, "which ends a browser's asking");
    let mut late = EventStream::open(&buyer, &order, None).await;
    assert_eq!(late.event().await, Some(cancelled));
    assert_eq!(late.block().await, None);
}

#[tokio::test]
async fn events_are_their_owners_and_of_a_session_that_lives() {
    let shop = Shop::shared();
    let sale = shop.sale(5, 1).await;
    let mut buyers = shop.buyers(2).await;
    let (other, mut buyer) = (buyers.pop().unwrap(), buyers.pop().unwrap());
    let order = ordered(shop, &sale, &mut buyer).await;
    buyer.wait_for(&order, "pending_payment").await;
    let path = format!("/api/orders/{order}/events");
    assert_problem(&other.get(&path).await, 404, "unknown-order");
    let unknown = other.get("/api/orders/77/events").await;
    assert_problem(&unknown, 404, "unknown-order");
    let stranger = Buyer::new(&shop.addresses, 9_200);
    assert_problem(&stranger.get(&path).await, 401, "signed-out");
    let post = buyer.post(&path, &json!({})).await;
    assert_problem(&post, 405, "method-not-allowed");

    let mut stream = EventStream::open(&buyer, &order, None).await;
    stream.wait_for("pending_payment").await;
    let leaving = buyer.request(Method::DELETE, "/api/session");
    assert_eq!(read(leaving).await.0, 204);
    assert_eq!(stream.event().await, None, "it ends at the next heartbeat");
}

#[tokio::test]
async fn who_leaves_makes_room_at_once() {
    let shop = Shop::shared();
    let sale = shop.sale(5, 1).await;
    let mut buyer = shop.buyers(1).await.pop().unwrap();
    let order = ordered(shop, &sale, &mut buyer).await;
    buyer.wait_for(&order, "pending_payment").await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(EventStream::open(&buyer, &order, None).await);
    }
    let full = EventStream::ask(&buyer, &order, None).await;
    assert_eq!(full.status(), 429);
    assert_eq!(full.headers()["retry-after"], "10");
    drop(streams);
    let left = Instant::now();
    eventually("a place for a stream", async || {
        EventStream::ask(&buyer, &order, None).await.status() == 200
    })
    .await;
    // Sooner than the heartbeat, by which a dead connection would be found.
    assert!(
        left.elapsed() < Duration::from_secs(5),
        "{:?}",
        left.elapsed()
    );
}

#[tokio::test]
async fn open_streams_hold_no_instance() {
    let shop = Shop::shared();
    let sale = shop.sale(40, 1).await;
    // One instance, of the relay, and it is let go after its 128 requests.
    let edge = Edge::start(shop, &["--threads", "1", "--max-instances", "1"], &[]);
    let mut buyers = shop.buyers(40).await;
    let mut orders = Vec::new();
    for buyer in &mut buyers {
        orders.push(ordered(shop, &sale, buyer).await);
    }
    let through = buyers.iter().enumerate().map(|(number, buyer)| {
        let number = 200 + u32::try_from(number).unwrap();
        Buyer::signed_in(&edge.addresses, number, buyer.cookie.clone().unwrap())
    });
    let through: Vec<_> = through.collect();
    let mut streams = Vec::new();
    for (buyer, order) in through.iter().zip(&orders) {
        streams.push(EventStream::open(buyer, order, None).await);
    }
    let others = through.iter().zip(&orders).cycle().take(300);
    for (buyer, order) in others {
        // A moment may pass between an instance and the next.
        eventually("an answer", async || {
            let (status, body) = buyer.get(&format!("/api/orders/{order}")).await;
            assert!(matches!(status, 200 | 503), "{status} {body}");
            status == 200
        })
        .await;
    }
    for ((stream, buyer), order) in streams.iter_mut().zip(&through).zip(&orders) {
        stream.wait_for("pending_payment").await;
        cancel(buyer, order).await;
        stream.wait_for("cancelled").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_origin_is_given_up() {
    let shop = Shop::shared();
    let wire = Wire::to(origin(shop)).await;
    let edge = Edge::start(shop, &[], &[("ORIGIN_URL", &wire.url)]);
    let sale = shop.sale(5, 1).await;
    let mut buyer = shop.buyers(1).await.pop().unwrap();
    let order = ordered(shop, &sale, &mut buyer).await;
    let through = Buyer::signed_in(&edge.addresses, 300, buyer.cookie.clone().unwrap());
    let mut stream = EventStream::open(&through, &order, None).await;
    stream.wait_for("pending_payment").await;
    wire.freeze();
    let frozen = Instant::now();
    let end = timeout(Duration::from_secs(45), stream.end()).await;
    end.expect("the stream ends");
    assert!(
        frozen.elapsed() > Duration::from_secs(20),
        "{:?}",
        frozen.elapsed()
    );
}

#[tokio::test]
async fn many_watchers_cost_the_ledger_little_and_outlive_its_absence() {
    let shop = Shop::start("events");
    let sale = shop.sale(40, 1).await;
    let mut buyers = shop.buyers(40).await;
    let mut orders = Vec::new();
    for buyer in &mut buyers {
        orders.push(ordered(&shop, &sale, buyer).await);
    }
    for (buyer, order) in buyers.iter().zip(&orders) {
        buyer.wait_for(order, "pending_payment").await;
    }
    let quiet = statements(&shop).await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        let opened = buyers.iter().zip(&orders);
        let opened = opened.map(|(buyer, order)| EventStream::open(buyer, order, None));
        streams.extend(join_all(opened).await);
    }
    let busy = statements(&shop).await;
    println!("statements in two seconds: {quiet} without watchers, {busy} with 200");
    // Four turns a second with one statement each; without a common task it would be 1,600.
    assert!(busy < quiet + 100, "{quiet} without, {busy} with");

    shop.with_stores(|stores| stores.mysql.stop());
    let stream = &mut streams[0];
    stream.wait_for("pending_payment").await;
    let waiting = stream.block().await.unwrap();
    assert!(
        waiting.comment,
        "a heartbeat comes without MySQL: {waiting:?}"
    );
    shop.with_stores(|stores| stores.mysql.restart()).unwrap();
    eventually("the cancellation", async || {
        let path = format!("/api/orders/{}/cancel", orders[0]);
        buyers[0].post(&path, &json!({})).await.0 == 200
    })
    .await;
    stream.wait_for("cancelled").await;

    // A stop of the origin waits for no stream; who watched asks again and misses nothing.
    let known = streams[1].wait_for("pending_payment").await.id.unwrap();
    let stopping = Instant::now();
    shop.restart("origin");
    println!("the origin was restarted in {:?}", stopping.elapsed());
    assert!(stopping.elapsed() < Duration::from_secs(9));
    assert_eq!(streams[1].event().await, None);
    cancel(&buyers[1], &orders[1]).await;
    let mut resumed = EventStream::open(&buyers[1], &orders[1], Some(&known)).await;
    let event = resumed.event().await.unwrap();
    assert_eq!(event.name.as_deref(), Some("cancelled"));
}

/// Statements that MySQL runs in two seconds.
async fn statements(shop: &Shop) -> u64 {
    let pool = sqlx::mysql::MySqlPool::connect(&shop.addresses.mysql_url).await;
    let pool = pool.unwrap();
    let count = async || -> u64 {
        let query = sqlx::query_as("SHOW GLOBAL STATUS LIKE 'Questions'");
        let (_, count): (String, String) = query.fetch_one(&pool).await.unwrap();
        count.parse().unwrap()
    };
    let before = count().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = count().await;
    pool.close().await;
    after - before
}
