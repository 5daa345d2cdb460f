//! A world of its own for each test: a fresh database, a stream, and the one Redis, in which sale
//! ids never meet.

use crate::proxy::Proxy;
use kernel::ids::{AccountId, ItemId, LeaseId, OrderId, RefundId, SaleId};
use kernel::money::Money;
use origin::catalogue::{ItemDraft, add_item};
use origin::ledger::{Actor, Admitted, Decided, Ledger, Promise, Settled, Settlement};
use origin::ops::rebuild::{Rebuilt, rebuild};
use origin::queue::{Queue, QueueError};
use origin::sales::{SaleDraft, create, publish};
use origin::settings::{Secret, StoreSettings};
use origin::stock::{Held, Hold};
use origin::stores::Stores;
use sqlx::MySqlConnection;
use sqlx::mysql::MySqlPool;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// What stands before the stores of a world.
pub struct Proxies {
    pub mysql: Proxy,
    pub redis: Proxy,
    pub nats: Proxy,
}

pub struct World {
    pub stores: Stores,
    settings: StoreSettings,
    pool: MySqlPool,
}

fn server(key: &str) -> String {
    let name = format!("DOORBUSTER_TEST_{key}_URL");
    std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
}

impl World {
    pub async fn new() -> Self {
        Self::at(server("MYSQL"), server("REDIS"), server("NATS")).await
    }

    /// A world whose stores can be taken away, each by its proxy.
    pub async fn behind_proxies() -> (Self, Proxies) {
        let proxies = Proxies {
            mysql: Proxy::before(&server("MYSQL")).await,
            redis: Proxy::before(&server("REDIS")).await,
            nats: Proxy::before(&server("NATS")).await,
        };
        let Proxies { mysql, redis, nats } = &proxies;
        let world = Self::at(mysql.url(), redis.url(), nats.url()).await;
        (world, proxies)
    }

    async fn at(root: String, redis: String, nats: String) -> Self {
        let name = format!("test_{}", origin::random_id());
        let admin = sqlx::mysql::MySqlPool::connect(&root)
            .await
            .expect("MySQL answers");
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"));
        sqlx::query(create)
            .execute(&admin)
            .await
            .expect("the user may make databases");
        admin.close().await;
        let settings = StoreSettings {
            mysql_url: Secret(format!("{root}/{name}")),
            redis_url: Secret(redis),
            nats_url: Secret(nats),
            stream_prefix: name,
            // NATS reserves this for each of the tests' streams.
            stream_bytes_max: 4 << 20,
            stream_replicas: 1,
        };
        let ledger = Ledger::connect(&settings.mysql_url.0)
            .await
            .expect("the database is there");
        ledger.migrate().await.expect("the migrations apply");
        let pool = MySqlPool::connect(&settings.mysql_url.0).await.unwrap();
        take_workers(&pool).await;
        let stores = Stores::connect(&settings).await.expect("the stores answer");
        Self {
            stores,
            settings,
            pool,
        }
    }

    /// The same world as another process sees it.
    pub async fn beside(&self) -> Self {
        let stores = Stores::connect(&self.settings)
            .await
            .expect("the stores answer");
        Self {
            stores,
            settings: self.settings.clone(),
            pool: self.pool.clone(),
        }
    }

    /// The settings by which a program finds these stores.
    pub fn settings(&self) -> [(&'static str, &str); 5] {
        [
            ("DOORBUSTER_MYSQL_URL", &self.settings.mysql_url.0),
            ("DOORBUSTER_REDIS_URL", &self.settings.redis_url.0),
            ("DOORBUSTER_NATS_URL", &self.settings.nats_url.0),
            ("DOORBUSTER_STREAM_PREFIX", &self.settings.stream_prefix),
            ("DOORBUSTER_STREAM_BYTES_MAX", "4194304"),
        ]
    }

    /// What the names of this world's streams and subjects begin with.
    pub fn prefix(&self) -> &str {
        &self.settings.stream_prefix
    }

    pub fn store_settings(&self) -> &StoreSettings {
        &self.settings
    }

    pub fn mysql_url(&self) -> &str {
        &self.settings.mysql_url.0
    }

    pub fn nats_url(&self) -> &str {
        &self.settings.nats_url.0
    }

    /// Another connection to the queue, as another process makes it.
    pub async fn connect_queue(&self) -> Result<Queue, QueueError> {
        Queue::connect(&self.settings).await
    }

    pub async fn item(&self) -> ItemId {
        let draft = ItemDraft {
            description: "A console.".into(),
            ..ItemDraft::new("Console", usd(59_900))
        };
        let actor = Actor("test".into());
        add_item(&self.stores.ledger, &self.stores.ids, &actor, draft)
            .await
            .unwrap()
    }

    pub async fn draft(&self, units: u32, limit: u32) -> SaleDraft {
        SaleDraft {
            item: self.item().await,
            slug: format!("sale-{}", origin::random_id()),
            price: usd(39_900),
            units,
            limit_per_account: limit,
            opens_at: origin::now().plus_seconds(-1),
            closes_at: origin::now().plus_seconds(3_600),
            quota: 5,
            rate_per_second: 1_000,
            payment_seconds: 600,
            with_beacon: false,
        }
    }

    /// A sale that is open.
    pub async fn sale(&self, units: u32, limit: u32) -> SaleId {
        let draft = self.draft(units, limit).await;
        self.open(draft).await
    }

    pub async fn open(&self, draft: SaleDraft) -> SaleId {
        let id = create(&self.stores.ledger, &self.stores.ids, &actor(), draft)
            .await
            .unwrap();
        publish(&self.stores.ledger, &self.stores.stock, &actor(), None, id)
            .await
            .unwrap();
        id
    }

    pub async fn id(&self) -> u64 {
        self.stores.ids.next().await.unwrap()
    }

    pub async fn hold(&self, sale: SaleId, account: u64, units: u32) -> (OrderId, Held) {
        let order = self.slot(sale).await;
        (order, self.hold_again(sale, order, account, units).await)
    }

    /// A slot with a lease of its own, of the same id. It is revoked, so that it does not count as
    /// outstanding.
    pub async fn slot(&self, sale: SaleId) -> OrderId {
        let id = self.id().await;
        self.sql(format!(
            "INSERT INTO leases (id, sale_id, pop, generation, first_slot, slots, ends_at_ms,
                                 revoked, created_at_ms)
             VALUES ({id}, {sale}, 'pop-1', 'test', {id}, 1, 9000000000000, TRUE, 0)"
        ))
        .await;
        OrderId(id)
    }

    pub async fn hold_again(&self, sale: SaleId, order: OrderId, account: u64, units: u32) -> Held {
        let account = AccountId(account);
        let hold = Hold {
            sale,
            order,
            account,
            units,
            lease: LeaseId(order.0),
        };
        self.stores.stock.hold(hold).await.unwrap()
    }

    /// An order that Redis has admitted.
    pub async fn admit(&self, sale: SaleId, account: u64, units: u32) -> Admitted {
        match self.hold(sale, account, units).await {
            (_, Held::Yes(admitted)) => admitted,
            (_, other) => panic!("not admitted: {other:?}"),
        }
    }

    /// An order that is pending payment.
    pub async fn pending(&self, sale: SaleId, account: u64, units: u32) -> OrderId {
        let admitted = self.admit(sale, account, units).await;
        self.decide(&admitted).await;
        admitted.order_id
    }

    /// Sets a field of a sale in Redis by hand.
    pub async fn tamper(&self, sale: SaleId, field: &str, value: &str) {
        let mut redis = self.stores.stock.connection();
        let key = format!("sale:{{{sale}}}");
        let _: () = redis::AsyncCommands::hset(&mut redis, key, field, value)
            .await
            .unwrap();
    }

    /// Removes all that Redis has of a sale, as a flush does.
    pub async fn forget(&self, sale: SaleId) {
        let mut redis = self.stores.stock.connection();
        for part in ["", ":slots", ":held", ":accounts", ":undecided", ":changes"] {
            let key = format!("sale:{{{sale}}}{part}");
            let _: () = redis::AsyncCommands::del(&mut redis, key).await.unwrap();
        }
    }

    /// Decides as the decider does.
    pub async fn decide(&self, admitted: &Admitted) -> Decided {
        let orders = std::slice::from_ref(admitted);
        let (ledger, stock) = (&self.stores.ledger, &self.stores.stock);
        let decided = ledger.decide(admitted.sale_id, orders).await.unwrap();
        let done = [admitted.order_id];
        stock.decided(admitted.sale_id, &done).await.unwrap();
        decided
    }

    /// Settles as the webhooks listener does.
    pub async fn settle(&self, settlement: &Settlement) -> Settled {
        let promise = Promise {
            refund: RefundId(self.id().await),
            within_ms: 300_000,
        };
        let ledger = &self.stores.ledger;
        ledger.settle(settlement, promise).await.unwrap()
    }

    /// Counts a sale anew.
    pub async fn rebuild(&self, sale: SaleId) -> Rebuilt {
        let Stores {
            ledger,
            stock,
            queue,
            ..
        } = &self.stores;
        rebuild(ledger, stock, queue, sale).await.unwrap()
    }

    /// Who holds how many units, by order.
    pub async fn held(&self, sale: SaleId) -> BTreeMap<u64, (u64, u32)> {
        let mut redis = self.stores.stock.connection();
        let key = format!("sale:{{{sale}}}:held");
        let held: Vec<(u64, String)> = redis::AsyncCommands::hgetall(&mut redis, key)
            .await
            .unwrap();
        let read = |text: &str| {
            let mut parts = text.split(':');
            let account = parts.next().unwrap().parse().unwrap();
            (account, parts.next().unwrap().parse().unwrap())
        };
        held.iter()
            .map(|(order, text)| (*order, read(text)))
            .collect()
    }

    pub async fn available(&self, sale: SaleId) -> u32 {
        let levels = self.stores.stock.levels(&[sale]).await.unwrap();
        levels[0].as_ref().expect("the sale is loaded").available
    }

    /// Runs SQL that no room of ours has: to plant a fault or turn a clock.
    pub async fn sql(&self, statement: String) -> u64 {
        let done = sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&self.pool)
            .await
            .unwrap();
        done.rows_affected()
    }

    /// A connection of its own, to ask the database about itself.
    pub async fn connection(&self) -> MySqlConnection {
        self.pool.acquire().await.unwrap().detach()
    }

    /// Runs a command that no room of ours has.
    pub async fn redis(&self, command: &str) {
        let mut words = command.split_whitespace();
        let mut call = redis::cmd(words.next().unwrap());
        for word in words {
            call.arg(word);
        }
        let mut redis = self.stores.stock.connection();
        call.query_async::<redis::Value>(&mut redis).await.unwrap();
    }

    /// The same for what cannot be prepared, such as a trigger.
    pub async fn sql_text(&self, statement: String) {
        let pool = sqlx::mysql::MySqlPool::connect(&self.settings.mysql_url.0)
            .await
            .unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&pool)
            .await
            .unwrap();
        pool.close().await;
    }
}

/// Takes worker numbers away, in each world one more, so that no two worlds mint the same sale id:
/// they share one Redis.
async fn take_workers(pool: &MySqlPool) {
    static WORLDS: AtomicU16 = AtomicU16::new(0);
    for number in 0..WORLDS.fetch_add(1, Ordering::Relaxed) {
        sqlx::query("INSERT INTO workers VALUES (?, 'another world', 9000000000000)")
            .bind(number)
            .execute(pool)
            .await
            .unwrap();
    }
}

/// Who changes things in tests.
pub fn actor() -> Actor {
    Actor("shell:test".to_owned())
}

pub fn usd(amount_minor: i64) -> Money {
    Money {
        amount_minor,
        currency: "USD".parse().unwrap(),
    }
}

/// Waits until `done` says so; the deadline is ten times what it takes on a slow day.
pub async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !done().await {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{what} did not happen in 20 s"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
