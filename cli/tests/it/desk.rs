//! A database of its own, and the program told where it is.

use kernel::ids::{AccountId, LeaseId, OrderId, SaleId};
use origin::orders::decide;
use origin::settings::{Reader, StoreSettings};
use origin::stock::{Held, Hold};
use origin::stores::Stores;
use sqlx::mysql::MySqlPool;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub struct Desk {
    settings: Vec<(String, String)>,
    mysql_url: String,
}

impl Desk {
    pub async fn new() -> Self {
        let server = |key: &str| {
            let name = format!("DOORBUSTER_TEST_{key}_URL");
            std::env::var(&name)
                .unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
        };
        let nanos = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_nanos();
        let name = format!("cli_{}_{nanos}", std::process::id());
        let admin = MySqlPool::connect(&server("MYSQL")).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"));
        sqlx::query(create).execute(&admin).await.unwrap();
        let mysql_url = format!("{}/{name}", server("MYSQL"));
        let settings = vec![
            ("DOORBUSTER_MYSQL_URL".to_owned(), mysql_url.clone()),
            ("DOORBUSTER_REDIS_URL".to_owned(), server("REDIS")),
            ("DOORBUSTER_NATS_URL".to_owned(), server("NATS")),
            ("DOORBUSTER_STREAM_PREFIX".to_owned(), name),
            // NATS reserves this for each of the tests' streams.
            (
                "DOORBUSTER_STREAM_BYTES_MAX".to_owned(),
                (4 << 20).to_string(),
            ),
        ];
        let desk = Self {
            settings,
            mysql_url,
        };
        desk.says("migrate");
        desk
    }

    /// The program's settings, read as the program reads them.
    pub fn store_settings(&self) -> StoreSettings {
        let mut reader = Reader::new(self.settings.iter().cloned());
        let settings = StoreSettings::read(&mut reader);
        reader.finish().unwrap();
        settings
    }

    /// Exit code, standard output, standard error.
    pub fn run(&self, line: &str) -> (i32, String, String) {
        run(line, &self.settings)
    }

    /// The same with more settings.
    pub fn run_with(&self, more: &[(&str, &str)], line: &str) -> (i32, String, String) {
        let mut settings = self.settings.clone();
        let more = more
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        settings.extend(more);
        run(line, &settings)
    }

    /// The same with one store where nothing listens.
    pub fn run_without(&self, store: &str, line: &str) -> (i32, String, String) {
        let mut settings = self.settings.clone();
        for (_, url) in settings.iter_mut().filter(|(key, _)| key == store) {
            let scheme = url.split("://").next().unwrap();
            *url = format!("{scheme}://a:b@127.0.0.1:9/x");
        }
        run(line, &settings)
    }

    /// What a command that succeeds prints.
    pub fn says(&self, line: &str) -> String {
        let (code, out, error) = self.run(line);
        assert_eq!(code, 0, "{line}: {error}");
        out
    }

    /// Has an order become a dead letter, as a decider would do it.
    pub async fn poison(&self, sale: SaleId) -> OrderId {
        let trigger = "CREATE TRIGGER poison BEFORE INSERT ON orders FOR EACH ROW
            IF NEW.state <> 'refused' THEN
                SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'planted';
            END IF";
        let pool = MySqlPool::connect(&self.mysql_url).await.unwrap();
        for statement in ["DROP TRIGGER IF EXISTS poison", trigger] {
            sqlx::raw_sql(statement).execute(&pool).await.unwrap();
        }
        let stores = Stores::connect(&self.store_settings()).await.unwrap();
        let hold = Hold {
            sale,
            order: OrderId(stores.ids.next().await.unwrap()),
            account: AccountId(stores.ids.next().await.unwrap()),
            units: 1,
            lease: LeaseId(1),
        };
        let Held::Yes(admitted) = stores.stock.hold(hold).await.unwrap() else {
            panic!("not admitted")
        };
        let before = stores.queue.dead_letters(1, 10).await.unwrap().len();
        let id = hold.order.to_string();
        stores.queue.publish(&admitted, &id).await.unwrap();
        let decider = tokio::spawn(decide(stores.clone()));
        let deadline = Instant::now() + Duration::from_secs(30);
        while stores.queue.dead_letters(1, 10).await.unwrap().len() == before {
            assert!(Instant::now() < deadline, "no dead letter in 30 s");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        decider.abort();
        sqlx::raw_sql("DROP TRIGGER poison")
            .execute(&pool)
            .await
            .unwrap();
        hold.order
    }

    /// Runs a decider until this order has its row.
    pub async fn decide(&self, order: OrderId) {
        let stores = Stores::connect(&self.store_settings()).await.unwrap();
        let decider = tokio::spawn(decide(stores.clone()));
        let deadline = Instant::now() + Duration::from_secs(30);
        while stores
            .ledger
            .order_of_anyone(order)
            .await
            .unwrap()
            .is_none()
        {
            assert!(Instant::now() < deadline, "no decision in 30 s");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        decider.abort();
    }

    /// Tells Redis what is free, until there is nothing to tell.
    pub async fn release(&self) {
        let stores = Stores::connect(&self.store_settings()).await.unwrap();
        origin::orders::release_all(&stores).await.unwrap();
    }

    pub async fn sql(&self, statement: &'static str) {
        let pool = MySqlPool::connect(&self.mysql_url).await.unwrap();
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
}

/// The same with these settings alone.
pub fn run(line: &str, settings: &[(String, String)]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_doorbuster"))
        .args(line.split_whitespace())
        .env_clear()
        .envs(settings.iter().map(|(key, value)| (key, value)))
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim_end().to_owned();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}
