//! Origins and their stores without the edge: what a PoP would send is signed here, so that a test
//! can break any of them under hundreds of buyers.

use crate::shop::eventually;
use futures::{StreamExt, stream};
use hmac::{Hmac, KeyInit, Mac};
use kernel::ids::{AccountId, ItemId, OrderId, SaleId};
use kernel::keys::PopKeys;
use kernel::lease::{LeaseGrant, LeaseRequest};
use kernel::pop_signature::{
    CLIENT_HEADER, NONCE_HEADER, POP_HEADER, SIGNATURE_HEADER, Signed, TIME_HEADER, signature,
};
use kernel::session::SigningKey;
use kernel::token::{PurchaseToken, mint};
use origin::accounts::Accounts;
use origin::ledger::SaleRow;
use origin::ops::audit::audit;
use origin::sales::{SaleDraft, create, publish};
use origin::settings::{AccountSettings, Secret, StoreSettings};
use origin::stores::Stores;
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use xtask::servers::{Launch, Ready, Server, Servers, Setting, ports};

const POP: &str = "pop-1";
const PASSWORD: &str = "backend";
const SESSION_KEY: [u8; 32] = [7; 32];
/// Buyers who place at the same time.
const AT_ONCE: usize = 24;
/// How long a buyer tries before a test gives up on the system.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Backend {
    // Stopped first.
    origins: Mutex<Vec<Origin>>,
    pub stores: Stores,
    pub urls: Urls,
    pub servers: Option<Mutex<Servers>>,
    keys: PopKeys,
    client: reqwest::Client,
    data: TempDir,
}

/// Where the stores are.
#[derive(Clone)]
pub struct Urls {
    pub mysql: String,
    pub redis: String,
    pub nats: String,
    pub prefix: String,
}

struct Origin {
    server: Server,
    /// Of its edge listener, if it has one.
    url: Option<String>,
    webhooks: String,
}

/// A shopper who is signed in and has a token.
struct Buyer {
    cookie: String,
    token: String,
}

/// What became of buyers.
#[derive(Default)]
pub struct Outcome {
    /// Orders that were answered with `202`.
    pub accepted: Mutex<Vec<OrderId>>,
    /// Buyers who were told that nothing is left.
    pub sold_out: AtomicUsize,
    /// Answers of 503, and connections that broke.
    pub unavailable: AtomicUsize,
}

impl Outcome {
    pub fn accepted(&self) -> usize {
        self.accepted.lock().unwrap().len()
    }
}

impl Backend {
    /// With stores of its own, for a test that breaks them.
    pub async fn with_stores() -> Self {
        let data = TempDir::new().unwrap();
        let setting = Setting {
            data: data.path(),
            lock: None,
            mysql_password: PASSWORD,
        };
        let servers = Servers::start(&setting, |_| {}).expect("the stores start");
        let urls = Urls {
            mysql: servers.mysql_database_url(),
            redis: servers.redis_url(),
            nats: servers.nats_url(),
            prefix: "backend".to_owned(),
        };
        Self::on(urls, Some(Mutex::new(servers)), data).await
    }

    /// On the stores of the test run, with a database and a stream of its own.
    pub async fn new() -> Self {
        let server = |key: &str| {
            let name = format!("DOORBUSTER_TEST_{key}_URL");
            std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set"))
        };
        let name = format!("core_{}", origin::random_id());
        let root = server("MYSQL");
        let admin = sqlx::mysql::MySqlPool::connect(&root).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"));
        sqlx::query(create).execute(&admin).await.unwrap();
        admin.close().await;
        let urls = Urls {
            mysql: format!("{root}/{name}"),
            redis: server("REDIS"),
            nats: server("NATS"),
            prefix: name,
        };
        Self::on(urls, None, TempDir::new().unwrap()).await
    }

    async fn on(urls: Urls, servers: Option<Mutex<Servers>>, data: TempDir) -> Self {
        let settings = StoreSettings {
            mysql_url: Secret(urls.mysql.clone()),
            redis_url: Secret(urls.redis.clone()),
            nats_url: Secret(urls.nats.clone()),
            stream_prefix: urls.prefix.clone(),
            stream_bytes_max: 8 << 20,
            stream_replicas: 1,
        };
        let ledger = origin::ledger::Ledger::connect(&urls.mysql).await.unwrap();
        ledger.migrate().await.unwrap();
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        Self {
            origins: Mutex::default(),
            stores: Stores::connect(&settings).await.unwrap(),
            urls,
            servers,
            keys: PopKeys::derive(POP, &"5a".repeat(32)).unwrap(),
            client,
            data,
        }
    }

    /// Starts another origin with these roles, and these settings beside the usual ones.
    pub fn start(&self, roles: &str, more: &[(&str, &str)]) {
        let [ops, edge, webhooks] = [(); 3].map(|()| ports::free().unwrap());
        let local = |port: u16| format!("127.0.0.1:{port}");
        let settings = [
            ("MYSQL_URL", self.urls.mysql.clone()),
            ("REDIS_URL", self.urls.redis.clone()),
            ("NATS_URL", self.urls.nats.clone()),
            ("STREAM_PREFIX", self.urls.prefix.clone()),
            ("STREAM_BYTES_MAX", (8 << 20).to_string()),
            ("OPS_LISTEN", local(ops)),
            ("EDGE_LISTEN", local(edge)),
            ("WEBHOOKS_LISTEN", local(webhooks)),
            ("POPS", format!("{POP}:{}", "5a".repeat(32))),
            ("SESSION_KEY", hex::encode(SESSION_KEY)),
            ("PUBLIC_URL", "http://127.0.0.1:9".to_owned()),
            ("SMTP_URL", "smtp://127.0.0.1:9".to_owned()),
            ("MAIL_FROM", "Shop <shop@example.test>".to_owned()),
            ("PAYMENTS_URL", "http://127.0.0.1:9".to_owned()),
            ("PAYMENTS_API_KEY", "key".to_owned()),
            ("PAYMENTS_WEBHOOK_SECRET", "secret".to_owned()),
        ];
        let settings = settings.map(|(key, value)| (format!("DOORBUSTER_{key}"), value));
        let more = more
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()));
        let mut origins = self.origins.lock().unwrap();
        let name = format!("origin-{}", origins.len());
        let launch = Launch {
            program: xtask::workspace::binaries()
                .unwrap()
                .join("doorbuster-origin"),
            args: vec!["--roles".into(), roles.into()],
            environment: settings.into_iter().chain(more).collect(),
            folder: self.data.path().to_owned(),
            log: self.data.path().join("logs").join(format!("{name}.log")),
            name,
            lock: None,
        };
        let ready = Ready::Http { path: "/readyz" };
        let server = Server::start(launch, ops, ready).expect("the origin starts");
        let url = roles
            .contains("http")
            .then(|| format!("http://{}", local(edge)));
        let webhooks = format!("http://{}/webhooks/sandbox", local(webhooks));
        origins.push(Origin {
            server,
            url,
            webhooks,
        });
    }

    /// Every role in one origin.
    pub fn start_whole(&self) {
        self.start("http,decider,timers,outboxes", &[]);
    }

    /// Ends an origin as a crash does.
    pub fn kill(&self, number: usize) {
        self.origins.lock().unwrap()[number].server.kill();
    }

    /// Sends no more buyers to an origin.
    pub fn forget(&self, number: usize) {
        self.origins.lock().unwrap()[number].url = None;
    }

    /// Whether an origin has ended by itself.
    pub fn has_ended(&self, number: usize) -> bool {
        self.origins.lock().unwrap()[number].server.check().is_err()
    }

    pub fn data(&self) -> &std::path::Path {
        self.data.path()
    }

    pub fn with_servers<T>(&self, act: impl FnOnce(&mut Servers) -> T) -> T {
        let servers = self.servers.as_ref().expect("it has stores of its own");
        act(&mut servers.lock().unwrap())
    }

    /// A sale that is open.
    pub async fn sale(&self, units: u32) -> SaleId {
        let Stores {
            ledger, stock, ids, ..
        } = &self.stores;
        let price = kernel::money::Money {
            amount_minor: 100,
            currency: "USD".parse().unwrap(),
        };
        let item = origin::catalogue::ItemDraft {
            title: "Console".into(),
            description: "A console.".into(),
            image_url: None,
            list_price: price,
        };
        let item: ItemId = origin::catalogue::add_item(ledger, ids, item)
            .await
            .unwrap();
        let draft = SaleDraft {
            item,
            slug: format!("sale-{}", origin::random_id()),
            price,
            units,
            limit_per_account: 1,
            opens_at: origin::now().plus_seconds(-1),
            closes_at: origin::now().plus_seconds(3_600),
            quota: 100,
            rate_per_second: 1_000_000,
            payment_seconds: 600,
        };
        let sale = create(ledger, ids, draft).await.unwrap();
        publish(ledger, stock, sale).await.unwrap();
        sale
    }

    fn url(&self, number: usize) -> String {
        let origins = self.origins.lock().unwrap();
        let urls: Vec<&String> = origins
            .iter()
            .filter_map(|origin| origin.url.as_ref())
            .collect();
        urls[number % urls.len()].clone()
    }

    async fn send(
        &self,
        number: usize,
        method: &str,
        path: &str,
        buyer: Option<&Buyer>,
        body: &Value,
    ) -> Option<(u16, Value)> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let authorization = buyer.map_or(String::new(), |buyer| format!("Bearer {}", buyer.token));
        let signed = Signed {
            time: origin::now(),
            nonce: "n",
            method,
            path_and_query: path,
            authorization: &authorization,
            client: "127.0.0.1",
            body: body.as_bytes(),
        };
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.url(number)))
            .header(POP_HEADER, POP)
            .header(TIME_HEADER, signed.time.0)
            .header(NONCE_HEADER, "n")
            .header(CLIENT_HEADER, "127.0.0.1")
            .header(SIGNATURE_HEADER, signature(&self.keys, &signed))
            .header("content-type", "application/json")
            .body(body.clone());
        if let Some(buyer) = buyer {
            request = request
                .header("authorization", &authorization)
                .header("cookie", &buyer.cookie);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.json().await.unwrap_or(Value::Null)))
    }

    async fn buyers(&self, sale: SaleId, count: u32) -> Vec<Buyer> {
        let settings = AccountSettings {
            session_key: SigningKey::from_bytes(&SESSION_KEY),
            smtp_url: Secret("smtp://127.0.0.1:9".into()),
            mail_from: "Shop <shop@example.test>".into(),
        };
        let Stores {
            ledger, stock, ids, ..
        } = &self.stores;
        let accounts = Accounts::new(&settings, ledger.clone(), stock, ids.clone()).unwrap();
        let want = LeaseRequest {
            sale_id: sale,
            generation: "g".into(),
            want: count,
        };
        let want = serde_json::to_value(&want).unwrap();
        let lease = self.send(0, "POST", "/internal/leases", None, &want).await;
        let (status, grant) = lease.expect("the origin answers");
        assert_eq!(status, 200, "{grant}");
        let grant: LeaseGrant = serde_json::from_value(grant).unwrap();
        assert_eq!(grant.count, count, "the quota is wide enough");
        let mut buyers = Vec::new();
        for number in 0..count {
            let account = AccountId(ids.next().await.unwrap());
            let session = accounts.sessions().open(account).await.unwrap();
            let cookie = session.cookie.split(';').next().unwrap().to_owned();
            let token = PurchaseToken {
                account,
                sale,
                slot: OrderId(grant.first_slot.0 + u64::from(number)),
                lease: grant.lease_id,
                not_before: origin::now(),
                expires_at: origin::now().plus_seconds(120),
            };
            let token = mint(&self.keys, &token);
            buyers.push(Buyer { cookie, token });
        }
        buyers
    }

    /// Lets so many buyers place one order each; whoever is told 503 tries again with the same
    /// token. `meanwhile` is run once, when `after` orders are accepted.
    pub async fn rush(
        &self,
        sale: SaleId,
        buyers: u32,
        after: usize,
        meanwhile: impl AsyncFnOnce(),
    ) -> Outcome {
        let buyers = self.buyers(sale, buyers).await;
        let outcome = Outcome::default();
        let body = json!({ "sale_id": sale, "quantity": 1 });
        let placing = stream::iter(buyers.iter().enumerate())
            .for_each_concurrent(AT_ONCE, async |(number, buyer)| {
                self.buy(number, buyer, &body, &outcome).await
            });
        let breaking = async {
            eventually("the first orders", async || outcome.accepted() >= after).await;
            meanwhile().await;
        };
        tokio::join!(placing, breaking);
        outcome
    }

    async fn buy(&self, number: usize, buyer: &Buyer, body: &Value, outcome: &Outcome) {
        let started = Instant::now();
        loop {
            let answer = self
                .send(number, "POST", "/api/orders", Some(buyer), body)
                .await;
            match answer {
                Some((202, order)) => {
                    let id = order["order_id"].as_str().unwrap().parse().unwrap();
                    return outcome.accepted.lock().unwrap().push(id);
                }
                Some((409, problem)) => {
                    assert_eq!(problem["type"], "/problems/sold-out", "{problem}");
                    outcome.sold_out.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Some((503, _)) | None => {
                    outcome.unavailable.fetch_add(1, Ordering::Relaxed);
                }
                Some(other) => panic!("{other:?}"),
            }
            assert!(started.elapsed() < PATIENCE, "buying did not go on");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Runs SQL that no room of the origin has: to turn a clock, or to plant something.
    pub async fn sql(&self, statement: String) -> u64 {
        let pool = sqlx::mysql::MySqlPool::connect(&self.urls.mysql).await;
        let pool = pool.unwrap();
        let done = sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&pool)
            .await;
        pool.close().await;
        done.unwrap().rows_affected()
    }

    /// What the provider tells of a payment, until an origin has taken it.
    pub async fn webhook(&self, event: &Value) {
        let body = event.to_string();
        let time = origin::now().seconds();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
        mac.update(format!("{time}.{body}").as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        eventually("a webhook that is taken", async || {
            let url = self
                .origins
                .lock()
                .unwrap()
                .last()
                .unwrap()
                .webhooks
                .clone();
            let request = self.client.post(url).body(body.clone());
            let header = format!("t={time},v1={signature}");
            let answer = request.header("sandbox-signature", header).send().await;
            answer.is_ok_and(|answer| answer.status() == 204)
        })
        .await;
    }

    /// Waits until every order that was answered with `202` has its row, and how many are live.
    pub async fn decided(&self, outcome: &Outcome) -> usize {
        let accepted = outcome.accepted.lock().unwrap().clone();
        let mut states = Vec::new();
        let started = Instant::now();
        for id in accepted {
            loop {
                let row = self.stores.ledger.order_of_anyone(id).await;
                if let Ok(Some(row)) = row {
                    states.push(row.state);
                    break;
                }
                assert!(
                    started.elapsed() < Duration::from_secs(100),
                    "{id} has no row"
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        println!(
            "{} accepted orders had rows after {:?}",
            states.len(),
            started.elapsed()
        );
        states.iter().filter(|state| state.is_live()).count()
    }

    pub async fn row(&self, sale: SaleId) -> SaleRow {
        self.stores.ledger.sale(sale).await.unwrap().unwrap()
    }

    /// Waits until the audit finds nothing and Redis has what MySQL has; prints how long it took.
    pub async fn settled(&self, sale: SaleId) {
        let Stores { ledger, stock, .. } = &self.stores;
        let started = Instant::now();
        let mut last = String::new();
        while started.elapsed() < Duration::from_secs(100) {
            let report = audit(ledger, stock).await;
            let sound = report.as_ref().is_ok_and(|report| report.holds);
            last = format!("{report:?}");
            let row = self.row(sale).await;
            let levels = stock.levels(&[sale]).await.unwrap_or_default();
            let level = levels.into_iter().flatten().next();
            let same = level
                .is_some_and(|level| level.is_of(row.epoch) && level.available == row.available());
            if sound && same {
                println!("the audit was clean after {:?}", started.elapsed());
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the books did not settle in 100 s: {last}");
    }
}
