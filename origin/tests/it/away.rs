//! A store of one origin goes away, by a proxy before it, and comes back: `fails-closed`, soon.

use crate::proxy::{Proxy, Way};
use crate::site::{Call, GET, Site, assert_problem, read};
use crate::support::{Proxies, World, eventually};
use axum::body::Body;
use axum::http::Response;
use futures::future::join_all;
use kernel::flow::RuleSet;
use kernel::ids::{AccountId, SaleId};
use origin::guard::BreakerState;
use origin::http::edge_routes;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tower::ServiceExt;

/// A site with an open sale, and an order that is ready to be placed.
struct Shop {
    site: Site,
    proxies: Proxies,
    sale: SaleId,
    cookie: String,
    token: String,
}

impl Shop {
    async fn new() -> Self {
        let (world, proxies) = World::behind_proxies().await;
        let site = Site::of(world);
        let sale = site.world.sale(50, 2).await;
        let (cookie, token) = (site.cookie(1).await, site.token(sale, 1).await);
        // The site has seen the lease and the price: an order needs Redis and NATS.
        let other = site.token(sale, 2).await;
        let body = json!({ "sale_id": sale, "quantity": 1 });
        let (status, _) = site.place(&site.cookie(2).await, Some(&other), body).await;
        assert_eq!(status, 202);
        Self {
            site,
            proxies,
            sale,
            cookie,
            token,
        }
    }

    /// The roles besides http, as they all share the guards.
    fn roles(&self) -> JoinSet<()> {
        let stores = &self.site.world.stores;
        let mut roles = JoinSet::new();
        roles.spawn(origin::orders::decide(stores.clone()));
        roles.spawn(origin::orders::sweep(stores.clone()));
        roles.spawn(origin::orders::look_after_undecided(stores.clone()));
        roles.spawn(origin::orders::release(stores.clone()));
        roles.spawn(origin::ops::rebuild::watch(stores.clone()));
        roles
    }

    async fn place(&self) -> Response<Body> {
        let body = json!({ "sale_id": self.sale, "quantity": 1 }).to_string();
        let call = Call {
            method: "POST",
            path: "/api/orders",
            cookie: Some(&self.cookie),
            token: Some(&self.token),
            body,
        };
        self.answer(&call).await
    }

    /// The account's orders: needs Redis and MySQL.
    async fn list(&self) -> Response<Body> {
        let call = Call {
            path: "/api/orders",
            cookie: Some(&self.cookie),
            ..GET
        };
        self.answer(&call).await
    }

    async fn snapshot(&self) -> Response<Body> {
        let call = Call {
            path: "/internal/snapshot",
            ..GET
        };
        self.answer(&call).await
    }

    async fn answer(&self, call: &Call<'_>) -> Response<Body> {
        let routes = edge_routes(self.site.origin.clone());
        routes.oneshot(self.site.signed(call)).await.unwrap()
    }

    /// Asks until the breaker opens: many at once, as in a rush.
    async fn rush(
        &self,
        ask: impl AsyncFn(&Self) -> Response<Body>,
        breaker: fn(&World) -> BreakerState,
    ) {
        eventually("opening", async || {
            join_all((0..40).map(|_| ask(self))).await;
            breaker(&self.site.world) == BreakerState::Open
        })
        .await;
    }

    /// Waits until an answer has this status, at most so long as buying may take to go on.
    async fn soon(&self, ask: impl AsyncFn(&Self) -> Response<Body>, status: u16) {
        let since = Instant::now();
        eventually("going on", async || ask(self).await.status() == status).await;
        assert!(
            since.elapsed() < Duration::from_secs(4),
            "{:?}",
            since.elapsed()
        );
    }
}

async fn assert_unavailable(answer: Response<Body>) {
    let seconds: u32 = answer.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=3).contains(&seconds), "{seconds}");
    assert_problem(&read(answer).await, 503, "unavailable");
}

fn redis(world: &World) -> BreakerState {
    world.stores.stock.breaker()
}

fn nats(world: &World) -> BreakerState {
    world.stores.queue.breaker()
}

fn mysql(world: &World) -> BreakerState {
    world.stores.ledger.breaker()
}

/// A store, as one kind of request meets it.
struct Case<A> {
    proxy: fn(&Proxies) -> &Proxy,
    breaker: fn(&World) -> BreakerState,
    /// How often it was asked for something.
    asked: fn(&Proxy) -> usize,
    ask: A,
    status: u16,
}

/// Takes a store away in one way, sees requests refused without it, and brings it back.
async fn outage<A: AsyncFn(&Shop) -> Response<Body>>(way: Way, case: &Case<A>) {
    let Case {
        breaker,
        asked,
        ask,
        status,
        ..
    } = case;
    let shop = Shop::new().await;
    let proxy = (case.proxy)(&shop.proxies);
    let _roles = shop.roles();
    proxy.set(way);
    shop.rush(ask, *breaker).await;

    // The proxy notes late what came before the breaker opened.
    let mut before = asked(proxy);
    eventually("quiet", async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        std::mem::replace(&mut before, asked(proxy)) == asked(proxy)
    })
    .await;
    let since = Instant::now();
    for _ in 0..30 {
        assert_unavailable(ask(&shop).await).await;
    }
    // In each second one call, of whomever, may find out whether it is back.
    let calls = asked(proxy) - before;
    let seconds = since.elapsed().as_secs();
    assert!(calls as u64 <= 2 + seconds, "{calls} calls in {seconds} s");

    proxy.set(Way::Open);
    shop.soon(ask, *status).await;
    eventually("closing", async || {
        ask(&shop).await;
        breaker(&shop.site.world) == BreakerState::Closed
    })
    .await;
}

#[tokio::test]
async fn without_redis_orders_are_refused_at_once_and_go_on_when_it_is_back() {
    let case = Case {
        proxy: |proxies| &proxies.redis,
        breaker: redis,
        asked: Proxy::connections,
        ask: Shop::place,
        status: 202,
    };
    Box::pin(outage(Way::BlackHole, &case)).await;
    Box::pin(outage(Way::Closed, &case)).await;
}

#[tokio::test]
async fn without_nats_orders_are_refused_at_once_and_go_on_when_it_is_back() {
    let case = Case {
        proxy: |proxies| &proxies.nats,
        breaker: nats,
        asked: |proxy| proxy.swallowed("HPUB"),
        ask: Shop::place,
        status: 202,
    };
    Box::pin(outage(Way::BlackHole, &case)).await;
    Box::pin(outage(Way::Closed, &case)).await;
}

#[tokio::test]
async fn without_mysql_orders_are_not_shown_and_are_when_it_is_back() {
    let case = Case {
        proxy: |proxies| &proxies.mysql,
        breaker: mysql,
        asked: Proxy::connections,
        ask: Shop::list,
        status: 200,
    };
    Box::pin(outage(Way::BlackHole, &case)).await;
    Box::pin(outage(Way::Closed, &case)).await;
}

#[tokio::test]
async fn without_redis_the_snapshot_goes_on() {
    let shop = Shop::new().await;
    let (status, before) = read(shop.snapshot().await).await;
    assert_eq!(status, 200);
    shop.proxies.redis.set(Way::BlackHole);
    shop.rush(Shop::place, redis).await;
    shop.site
        .world
        .sql(format!(
            "UPDATE sales SET price_minor = 1 WHERE id = {}",
            shop.sale
        ))
        .await;
    eventually("another snapshot", async || {
        let (status, snapshot) = read(shop.snapshot().await).await;
        assert_eq!(status, 200);
        assert_eq!(snapshot["revoked_sessions"], before["revoked_sessions"]);
        snapshot["version"] != before["version"]
    })
    .await;
}

#[tokio::test]
async fn without_mysql_snapshots_do_not_queue_up() {
    let shop = Shop::new().await;
    shop.proxies.mysql.set(Way::BlackHole);
    // They came at the same moment, and share what became of the one that is being made.
    let since = Instant::now();
    for answer in join_all((0..20).map(|_| shop.snapshot())).await {
        assert_unavailable(answer).await;
    }
    assert!(
        since.elapsed() < Duration::from_secs(6),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test]
async fn a_redis_that_is_busy_is_spared_and_requests_are_shed() {
    let shop = Shop::new().await;
    let redis = &shop.proxies.redis;
    // What is looked at is the guard, which the rules would spare.
    let none = RuleSet::default();
    shop.site.origin.flow().enforce(1, &none);
    redis.set(Way::BlackHole);
    let since = Instant::now();
    for answer in join_all((0..600).map(|_| shop.place())).await {
        assert_unavailable(answer).await;
    }
    let asked = redis.swallowed("ZRANGE") + redis.swallowed("EVALSHA");
    // And in each second one call that finds out whether it is back.
    let most = 257 + usize::try_from(since.elapsed().as_secs()).unwrap();
    assert!(
        (1..=most).contains(&asked),
        "{asked} calls at the same time"
    );
    let metrics = origin::ops::metrics::text().unwrap();
    let shed = r#"doorbuster_shed_total{store="redis",why="busy"}"#;
    assert!(metrics.contains(shed), "{metrics}");
}

#[tokio::test]
async fn a_database_that_refuses_statements_is_not_away() {
    let shop = Shop::new().await;
    let World { stores, .. } = &shop.site.world;
    shop.site
        .world
        .sql("DROP TABLE payments, release_outbox, stock_entries, orders".into())
        .await;
    for _ in 0..40 {
        let order = stores.ledger.order_of_anyone(kernel::ids::OrderId(1)).await;
        assert!(order.is_err());
    }
    assert_eq!(stores.ledger.breaker(), BreakerState::Closed);
    stores.ledger.account(AccountId(1)).await.unwrap();
}

#[tokio::test]
async fn connections_that_died_while_idle_fail_no_request() {
    let shop = Shop::new().await;
    let ledger = &shop.site.world.stores.ledger;
    // Several connections, all idle when MySQL restarts.
    for now in join_all((0..16).map(|_| ledger.now())).await {
        now.unwrap();
    }
    shop.proxies.mysql.set(Way::Closed);
    // What is tested is this passing of time: one that was used just now is not asked.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    shop.proxies.mysql.set(Way::Open);
    for now in join_all((0..16).map(|_| ledger.now())).await {
        now.unwrap();
    }
}
