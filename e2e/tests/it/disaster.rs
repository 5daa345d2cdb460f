//! A store loses its data, or goes away, in the middle of a running sale with 500 buyers.

use crate::backend::{Backend, Outcome};
use crate::shop::eventually;
use kernel::ids::SaleId;
use std::fs;
use std::path::Path;
use std::time::Duration;

const UNITS: u32 = 200;
const BUYERS: u32 = 500;
const BREAK_AFTER: usize = 60;

/// Whatever broke: nothing is oversold, nothing lost, and what is not sold is for sale again.
async fn assert_whole(backend: &Backend, sale: SaleId, outcome: &Outcome) -> u32 {
    let live = backend.decided(outcome).await;
    backend.settled(sale).await;
    let row = backend.row(sale).await;
    assert_eq!(row.reserved as usize, live, "no order lost or doubled");
    assert!(row.reserved <= UNITS);
    let told = outcome.accepted() + outcome.sold_out.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(told, BUYERS as usize, "everybody had an answer");
    println!(
        "{live} of {} accepted orders live, {} answers of 503",
        outcome.accepted(),
        outcome
            .unavailable
            .load(std::sync::atomic::Ordering::Relaxed)
    );
    row.available()
}

/// Somebody buys what is left: those whose orders were refused leave something.
async fn assert_goes_on(backend: &Backend, sale: SaleId, left: u32) {
    if left == 0 {
        return;
    }
    let outcome = backend.rush(sale, left, 0, async || ()).await;
    assert_eq!(backend.decided(&outcome).await, left as usize);
    backend.settled(sale).await;
    assert_eq!(
        backend.row(sale).await.available(),
        0,
        "sold + left = total"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_is_flushed() {
    let backend = Backend::with_stores().await;
    backend.start_whole();
    let sale = backend.sale(UNITS).await;
    let flush = async || {
        let client = redis::Client::open(backend.urls.redis.as_str()).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        let _: () = redis::cmd("FLUSHALL")
            .query_async(&mut redis)
            .await
            .unwrap();
    };
    let outcome = backend.rush(sale, BUYERS, BREAK_AFTER, flush).await;
    let left = assert_whole(&backend, sale, &outcome).await;
    assert!(backend.row(sale).await.epoch > 1, "it was counted anew");
    assert_goes_on(&backend, sale, left).await;
}

/// The same process on the same connections, but what it has is another server's by now: what a
/// promoted replica is.
#[tokio::test(flavor = "multi_thread")]
async fn redis_fails_over_to_one_that_knows_nothing() {
    let backend = Backend::with_stores().await;
    backend.start_whole();
    let sale = backend.sale(UNITS).await;
    let empty = backend.with_servers(|servers| servers.pop_redis.port());
    let fail_over = async || {
        let client = redis::Client::open(backend.urls.redis.as_str()).unwrap();
        let redis = client.get_multiplexed_async_connection().await.unwrap();
        let follow = async |words: &str| {
            let mut redis = redis.clone();
            let mut command = redis::cmd("REPLICAOF");
            for word in words.split(' ') {
                command.arg(word);
            }
            let _: () = command.query_async(&mut redis).await.unwrap();
        };
        follow(&format!("127.0.0.1 {empty}")).await;
        let mut size = redis.clone();
        eventually("a replica that has taken over the nothing", async || {
            let keys: u64 = redis::cmd("DBSIZE").query_async(&mut size).await.unwrap();
            keys == 0
        })
        .await;
        follow("NO ONE").await;
    };
    let outcome = backend.rush(sale, BUYERS, BREAK_AFTER, fail_over).await;
    let left = assert_whole(&backend, sale, &outcome).await;
    assert!(backend.row(sale).await.epoch > 1, "it was counted anew");
    assert_goes_on(&backend, sale, left).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_comes_back_with_an_old_file() {
    let backend = Backend::with_stores().await;
    backend.start_whole();
    let sale = backend.sale(UNITS).await;
    let files = backend.data().join("redis").join("appendonlydir");
    let old = backend.data().join("old");
    let go_back = async || {
        tokio::task::block_in_place(|| {
            backend.with_servers(|servers| {
                servers.redis.kill();
                fs::remove_dir_all(&files).unwrap();
                fs::rename(&old, &files).unwrap();
                servers
                    .redis
                    .restart()
                    .expect("Redis starts with the old file");
            });
        });
    };
    let half = backend
        .rush(sale, 50, 10, async || copy(&files, &old))
        .await;
    assert_eq!(backend.decided(&half).await, 50);
    let outcome = backend.rush(sale, BUYERS, BREAK_AFTER, go_back).await;
    let live = backend.decided(&outcome).await;
    backend.settled(sale).await;
    let row = backend.row(sale).await;
    assert_eq!(row.reserved as usize, live + 50);
    assert!(row.epoch > 1, "the old count was not believed");
    assert_goes_on(&backend, sale, row.available()).await;
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_is_deleted() {
    let backend = Backend::with_stores().await;
    backend.start_whole();
    let sale = backend.sale(UNITS).await;
    let delete = async || {
        let client = async_nats::connect(&backend.urls.nats).await.unwrap();
        let jetstream = async_nats::jetstream::new(client);
        let stream = format!("{}-orders", backend.urls.prefix);
        jetstream.delete_stream(stream).await.unwrap();
    };
    let outcome = backend.rush(sale, BUYERS, BREAK_AFTER, delete).await;
    let left = assert_whole(&backend, sale, &outcome).await;
    assert_eq!(left, 0, "lost messages are published again");
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_is_away_for_ten_seconds() {
    let backend = Backend::with_stores().await;
    backend.start_whole();
    let sale = backend.sale(UNITS).await;
    let outage = async || {
        tokio::task::block_in_place(|| backend.with_servers(|servers| servers.mysql.stop()));
        tokio::time::sleep(Duration::from_secs(10)).await;
        tokio::task::block_in_place(|| {
            backend.with_servers(|servers| servers.mysql.restart().expect("MySQL starts again"));
        });
    };
    let outcome = backend.rush(sale, BUYERS, BREAK_AFTER, outage).await;
    let left = assert_whole(&backend, sale, &outcome).await;
    assert_eq!(left, 0, "what was queued is decided when it is back");
    assert_eq!(
        backend.row(sale).await.epoch,
        1,
        "nothing had to be counted anew"
    );
}
