//! Order events of the origin's edge listener.

use crate::proxy::Way;
use crate::site::{Call, GET, Site, assert_problem};
use crate::support::{World, eventually};
use axum::body::Body;
use axum::http::Response;
use http_body_util::BodyExt;
use kernel::ids::{AccountId, OrderId};
use origin::http::edge_routes;
use origin::orders::WATCHERS_PER_ACCOUNT_MAX;
use std::time::Duration;
use tokio::time::timeout;
use tower::ServiceExt;

async fn ask(site: &Site, cookie: &str, order: OrderId, known: Option<u64>) -> Response<Body> {
    let path = format!("/api/orders/{order}/events");
    let mut request = site.signed(&Call {
        path: &path,
        cookie: Some(cookie),
        ..GET
    });
    if let Some(known) = known {
        request.headers_mut().insert("last-event-id", known.into());
    }
    edge_routes(site.origin.clone())
        .oneshot(request)
        .await
        .unwrap()
}

/// The next block that the stream sends; empty at its end.
async fn block(stream: &mut Response<Body>) -> String {
    let frame = timeout(Duration::from_secs(20), stream.body_mut().frame()).await;
    let frame = frame.expect("something in time");
    let data = frame.map(|frame| frame.unwrap().into_data().unwrap());
    String::from_utf8(data.unwrap_or_default().to_vec()).unwrap()
}

async fn open(site: &Site, cookie: &str, order: OrderId, known: Option<u64>) -> Response<Body> {
    let mut stream = ask(site, cookie, order, known).await;
    assert_eq!(stream.status(), 200);
    assert_eq!(block(&mut stream).await, "retry: 2000\n\n");
    stream
}

#[tokio::test]
async fn what_one_origin_does_the_watchers_of_another_hear() {
    let site = Site::new().await;
    let sale = site.world.sale(10, 1).await;
    let cookie = site.cookie(1).await;
    let queued = site.world.admit(sale, 1, 1).await;
    let mut stream = open(&site, &cookie, queued.order_id, None).await;
    let first = block(&mut stream).await;
    assert!(
        first.starts_with("id: 0\nevent: queued\ndata: {"),
        "{first}"
    );

    // As another process does: this one's rooms know nothing of it.
    site.world.decide(&queued).await;
    let decided = block(&mut stream).await;
    assert!(
        decided.starts_with("id: 1\nevent: pending_payment\n"),
        "{decided}"
    );
    let ledger = &site.world.stores.ledger;
    ledger.cancel(queued.order_id, AccountId(1)).await.unwrap();
    let cancelled = block(&mut stream).await;
    assert!(
        cancelled.starts_with("id: 2\nevent: cancelled\n"),
        "{cancelled}"
    );
    assert_eq!(block(&mut stream).await, "", "the end");

    assert_eq!(
        ask(&site, &cookie, queued.order_id, Some(2)).await.status(),
        204
    );
    let mut late = open(&site, &cookie, queued.order_id, Some(1)).await;
    assert_eq!(block(&mut late).await, cancelled);
}

#[tokio::test]
async fn a_lost_order_is_ended_for_who_watches_it() {
    let site = Site::new().await;
    let world = &site.world;
    let sale = world.sale(3, 1).await;
    let cookie = site.cookie(7).await;
    // A lease of an hour ago, of which slot 5 was spent by account 7.
    let first = world.id().await - (3_600_000 << 22);
    let order = OrderId(first + 5);
    let ends = origin::now().0 + 60_000;
    let lease = format!(
        "INSERT INTO leases VALUES ({first}, {sale}, 'pop-1', 'g', {first}, 64, {ends}, FALSE, 1)"
    );
    world.sql(lease).await;
    world.hold_again(sale, order, 7, 1).await;
    let mut stream = open(&site, &cookie, order, None).await;
    assert!(block(&mut stream).await.contains("event: queued\n"));
    world.forget(sale).await;
    world.rebuild(sale).await;
    let end = "UPDATE leases SET ends_at_ms = 1".to_owned();
    world.sql(end).await;
    let told = block(&mut stream).await;
    assert!(told.contains("event: refused\n"), "{told}");
    assert!(told.contains("try-again"), "{told}");
}

#[tokio::test]
async fn an_account_watches_so_much_and_leaving_makes_room() {
    let site = Site::new().await;
    let sale = site.world.sale(10, 1).await;
    let (mine, other) = (site.cookie(1).await, site.cookie(2).await);
    let order = site.world.pending(sale, 1, 1).await;
    let others = site.world.pending(sale, 2, 1).await;
    let mut streams = Vec::new();
    for _ in 0..WATCHERS_PER_ACCOUNT_MAX {
        streams.push(open(&site, &mine, order, None).await);
    }
    let full = ask(&site, &mine, order, None).await;
    assert_eq!(full.headers()["retry-after"], "10");
    assert_problem(&crate::site::read(full).await, 429, "slow-down");
    drop(open(&site, &other, others, None).await);
    drop(streams.pop());
    drop(open(&site, &mine, order, None).await);

    // A process that stops ends them, and takes no new ones.
    site.origin.end_streams();
    for mut stream in streams {
        assert!(block(&mut stream).await.starts_with("id: 1\n"));
        assert_eq!(block(&mut stream).await, "");
    }
    let stopped = ask(&site, &mine, order, None).await;
    assert_problem(&crate::site::read(stopped).await, 503, "unavailable");
}

#[tokio::test]
async fn a_stream_outlives_a_mysql_that_is_away() {
    let (world, proxies) = World::behind_proxies().await;
    let site = Site::of(world);
    let sale = site.world.sale(10, 1).await;
    let cookie = site.cookie(1).await;
    let order = site.world.pending(sale, 1, 1).await;
    let mut stream = open(&site, &cookie, order, None).await;
    block(&mut stream).await;
    proxies.mysql.set(Way::Closed);
    assert_eq!(block(&mut stream).await, ": \n\n", "a heartbeat");
    proxies.mysql.set(Way::Open);
    eventually("the cancellation", async || {
        let ledger = &site.world.stores.ledger;
        ledger.cancel(order, AccountId(1)).await.is_ok()
    })
    .await;
    let mut next = block(&mut stream).await;
    while next == ": \n\n" {
        next = block(&mut stream).await;
    }
    assert!(next.contains("event: cancelled\n"), "{next}");
}
