//! A running system, and what an operator does to it.

use crate::buyer::Buyer;
use kernel::ids::AccountId;
use kernel::session::SigningKey;
use origin::accounts::Accounts;
use origin::ledger::{Account, Ledger};
use origin::settings::{AccountSettings, Secret};
use origin::stock::Stock;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use xtask::servers::Servers;
use xtask::system::{Addresses, EdgePort, Options, System};

pub struct Shop {
    system: Mutex<System>,
    pub addresses: Addresses,
    pub data: PathBuf,
}

impl Shop {
    /// The system that all tests share which stop nothing. It ends with this process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Shop> = OnceLock::new();
        SHARED.get_or_init(|| Shop::start("shared"))
    }

    /// A system of its own, for a test that stops a part of it.
    pub fn start(name: &str) -> Self {
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("e2e-{name}"));
        // What a former run left there, it stopped before.
        drop(std::fs::remove_dir_all(&data));
        let options = Options {
            data: data.clone(),
            edge_port: EdgePort::Any,
            empty: true,
            // A test solves thousands of challenges; how hard they are is not its question, save
            // that they get harder at 50 a second.
            edge_variables: vec![
                ("POW_DIFFICULTY".into(), "100".into()),
                ("CHALLENGES_PER_SECOND".into(), "50".into()),
            ],
        };
        let system = System::start(&options).expect("the system starts");
        let addresses = system.addresses().clone();
        Self {
            system: Mutex::new(system),
            addresses,
            data,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.addresses.edge_url)
    }

    pub fn doorbuster(&self, args: &[&str]) -> String {
        let system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        system.doorbuster(args).expect("the command succeeds")
    }

    /// A sale that is open, and visible at the edge.
    pub async fn sale(&self, units: u32, limit: u32) -> String {
        let item = [
            "--title",
            "Console",
            "--list-price",
            "59900",
            "--currency",
            "USD",
        ];
        let item = self.doorbuster(&[&["item", "add"], &item[..]].concat());
        let slug = format!("sale-{}", origin::random_id());
        let (units, limit) = (units.to_string(), limit.to_string());
        let sale = self.doorbuster(&[
            "sale",
            "create",
            "--item",
            &item,
            "--slug",
            &slug,
            "--price",
            "39900",
            "--currency",
            "USD",
            "--units",
            &units,
            "--limit",
            &limit,
            "--opens",
            "now",
            "--closes",
            "+1h",
            "--rate",
            "100000",
        ]);
        self.doorbuster(&["sale", "publish", &sale]);
        eventually("the sale at the edge", async || {
            let path = self.url(&format!("/api/sales/{sale}"));
            let answer = reqwest::get(path).await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        sale
    }

    pub fn sale_row(&self, sale: &str) -> Value {
        serde_json::from_str(&self.doorbuster(&["sale", "show", sale, "--json"])).unwrap()
    }

    pub fn order_state(&self, order: &str) -> String {
        let order = self.doorbuster(&["order", "show", order, "--json"]);
        let order: Value = serde_json::from_str(&order).unwrap();
        order["state"].as_str().unwrap().to_owned()
    }

    /// Every invariant holds; the command fails otherwise.
    pub fn audit(&self) {
        let report = self.doorbuster(&["audit"]);
        assert!(report.contains("\nNo invariant is broken: "), "{report}");
    }

    /// Requests that have reached the origin's edge listener, but for the PoP's own.
    pub async fn reached_origin(&self) -> u64 {
        let url = format!("{}/metrics", self.addresses.ops_url);
        let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
        let counts = metrics
            .lines()
            .filter(|line| line.starts_with("doorbuster_edge_requests_total{"))
            .filter(|line| !line.contains("/internal/"));
        counts
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    /// Ends `origin` or `edge`, or starts it again.
    pub fn stop(&self, program: &str) {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        system.program(program).expect("it runs").stop();
    }

    pub fn restart(&self, program: &str) {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        let program = system.program(program).expect("it ran");
        program.restart().expect("it starts again");
    }

    /// Does something to one of the stores.
    pub fn with_stores<T>(&self, act: impl FnOnce(&mut Servers) -> T) -> T {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        act(system.stores())
    }

    /// Ends the origin as a crash would, and starts it again.
    pub fn crash_origin(&self) {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = system.program("origin").expect("the origin runs");
        origin.kill();
        origin.restart().expect("the origin starts again");
    }

    /// One of the secrets that the system drew.
    pub fn secret(&self, name: &str) -> String {
        let secrets = std::fs::read(self.data.join("secrets.json")).unwrap();
        let secrets: Value = serde_json::from_slice(&secrets).unwrap();
        secrets[name].as_str().unwrap().to_owned()
    }

    /// Buyers who are signed in, each at an address of its own: accounts and sessions are made by
    /// the origin's rooms, as a sign-up by e-mail takes a minute for thousands.
    pub async fn buyers(&self, count: u32) -> Vec<Buyer> {
        let key = hex::decode(self.secret("session_key")).unwrap();
        let settings = AccountSettings {
            session_key: SigningKey::from_bytes(&key.try_into().unwrap()),
            smtp_url: Secret("smtp://127.0.0.1:9".into()),
            mail_from: "Shop <shop@example.test>".into(),
        };
        let ledger = Ledger::connect(&self.addresses.mysql_url).await.unwrap();
        let stock = Stock::connect(&self.addresses.redis_url).await.unwrap();
        let ids = origin::ids::Ids::lease(&ledger).await.unwrap();
        let accounts = Accounts::new(&settings, ledger.clone(), &stock, ids.clone()).unwrap();
        let mut buyers = Vec::new();
        for number in 0..count {
            let id = AccountId(ids.next().await.unwrap());
            let account = Account {
                id,
                contact: format!("{id}@example.test"),
                name: "Buyer".into(),
                password_hash: "none".into(),
            };
            assert!(ledger.insert_account(&account).await.unwrap());
            let session = accounts.sessions().open(id).await.unwrap();
            let cookie = session.cookie.split(';').next().unwrap().to_owned();
            buyers.push(Buyer::signed_in(&self.addresses, number, cookie));
        }
        buyers
    }
}

/// Waits until `done` says so; the deadline is ten times what it takes on a slow day.
pub async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !done().await {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "{what} did not happen in 30 s"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
