//! Origins and their stores without the edge: what a PoP would send is signed here, so that a test
//! can break any of them under hundreds of buyers.

mod buyers;

pub use buyers::Outcome;

use crate::shop::eventually;
use kernel::ids::{ItemId, SaleId};
use kernel::keys::PopKeys;
use origin::ledger::SaleRow;
use origin::ops::audit::audit;
use origin::sales::{SaleDraft, create, publish};
use origin::settings::{Secret, StoreSettings};
use origin::stores::Stores;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use xtask::servers::{Launch, Ready, Server, Servers, Setting, ports};

const POP: &str = "pop-1";
const PASSWORD: &str = "backend";
const SESSION_KEY: [u8; 32] = [7; 32];

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

impl Drop for Backend {
    /// What the programs wrote is wanted when a test fails.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.data.disable_cleanup(true);
            eprintln!("logs are in {}", self.data.path().join("logs").display());
        }
    }
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

impl Backend {
    /// With stores of its own, for a test that breaks them.
    pub async fn with_stores() -> Self {
        let data = TempDir::new().unwrap();
        let setting = Setting {
            data: data.path(),
            lock: None,
            mysql_password: PASSWORD,
            pops: 1,
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
        self.try_start(roles, more).expect("the origin starts");
    }

    /// Starts another origin that dies at this fail point, maybe before it is ready, and waits for
    /// its end.
    pub async fn start_and_die(&self, roles: &str, place: &str, more: &[(&str, &str)]) {
        let number = self.origins.lock().unwrap().len();
        let action = format!("{place}=return(kill)");
        let more = [&[("FAILPOINTS", action.as_str())], more].concat();
        if self.try_start(roles, &more).is_ok() {
            eventually(place, async || self.has_ended(number)).await;
        }
        let log = self.data.path().join(format!("logs/origin-{number}.log"));
        let log = std::fs::read_to_string(log).unwrap();
        assert!(log.contains(&format!("name=\"{place}\"")), "{log}");
    }

    fn try_start(&self, roles: &str, more: &[(&str, &str)]) -> Result<(), String> {
        let [ops, edge, webhooks, admin] = [(); 4].map(|()| ports::free().unwrap());
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
            ("ADMIN_LISTEN", local(admin)),
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
        let server = Server::start(launch, ops, ready).map_err(|error| error.to_string())?;
        let url = roles
            .contains("http")
            .then(|| format!("http://{}", local(edge)));
        let webhooks = format!("http://{}/webhooks/sandbox", local(webhooks));
        origins.push(Origin {
            server,
            url,
            webhooks,
        });
        Ok(())
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
        let item = origin::catalogue::ItemDraft::new("Console", price);
        let actor = origin::ledger::Actor("test".into());
        let item: ItemId = origin::catalogue::add_item(ledger, ids, &actor, item)
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
            with_beacon: false,
        };
        let actor = origin::ledger::Actor("shell:test".to_owned());
        let sale = create(ledger, ids, &actor, draft).await.unwrap();
        publish(ledger, stock, &actor, None, sale).await.unwrap();
        sale
    }

    /// Runs SQL that no room of the origin has: to turn a clock, or to plant something.
    pub async fn sql(&self, statement: String) -> u64 {
        let pool = sqlx::mysql::MySqlPool::connect(&self.urls.mysql).await;
        let pool = pool.unwrap();
        let mut rows = None;
        eventually("a statement that wins its locks", async || {
            let query = sqlx::query(sqlx::AssertSqlSafe(statement.clone()));
            match query.execute(&pool).await {
                Ok(done) => rows = Some(done.rows_affected()),
                // A deadlock with an origin at work.
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("40001") => {}
                Err(error) => panic!("{error}"),
            }
            rows.is_some()
        })
        .await;
        pool.close().await;
        rows.unwrap()
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
            let equal = level
                .is_some_and(|level| level.is_of(row.epoch) && level.available == row.available());
            if sound && equal {
                println!("the audit was clean after {:?}", started.elapsed());
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the books did not settle in 100 s: {last}");
    }
}
