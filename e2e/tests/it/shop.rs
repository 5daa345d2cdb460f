//! A running system, and what an operator does to it.

use crate::buyer::Buyer;
use futures::{StreamExt, stream};
use kernel::ids::AccountId;
use kernel::keys::PopKeys;
use kernel::session::SigningKey;
use origin::accounts::Accounts;
use origin::ledger::{Account, Ledger};
use origin::settings::{AccountSettings, Secret};
use origin::stock::Stock;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use xtask::servers::Servers;
use xtask::system::{Addresses, EdgePort, Options, System};

/// Fewer than the ledger has connections.
const ACCOUNTS_AT_ONCE: usize = 12;

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
        Self::with(name, 1, &[])
    }

    /// The same with so many PoPs, whose edges have these variables besides.
    pub fn with(name: &str, pops: usize, variables: &[(&str, &str)]) -> Self {
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("e2e-{name}"));
        // What a former run left there, it stopped before.
        drop(std::fs::remove_dir_all(&data));
        let options = Options {
            data: data.clone(),
            pops,
            edge_port: EdgePort::Any,
            empty: true,
            // A test solves thousands of challenges; how hard they are is not its question, save
            // that they get harder at 50 a second.
            edge_variables: [("POW_DIFFICULTY", "100"), ("CHALLENGES_PER_SECOND", "50")]
                .iter()
                .chain(variables)
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
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

    /// The same for a command that may fail.
    pub fn try_doorbuster(&self, args: &[&str]) -> Result<String, String> {
        let system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        system
            .doorbuster(args)
            .map_err(|error| format!("{error:#}"))
    }

    /// A sale that is open, and visible at the edge.
    pub async fn sale(&self, units: u32, limit: u32) -> String {
        self.sale_with(units, limit, &["--rate", "100000"]).await
    }

    /// The same with these terms besides.
    pub async fn sale_with(&self, units: u32, limit: u32, terms: &[&str]) -> String {
        self.scheduled_sale(units, limit, "now", terms).await
    }

    /// The same, but it opens at this time.
    pub async fn scheduled_sale(
        &self,
        units: u32,
        limit: u32,
        opens: &str,
        terms: &[&str],
    ) -> String {
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
        let create = [
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
            opens,
            "--closes",
            "+3h",
        ];
        let sale = self.doorbuster(&[&create[..], terms].concat());
        self.doorbuster(&["sale", "publish", &sale]);
        for pop in &self.addresses.pops {
            eventually("the sale at the edge", async || {
                let path = format!("{}/api/sales/{sale}", pop.edge_url);
                let answer = reqwest::get(path).await;
                answer.is_ok_and(|answer| answer.status() == 200)
            })
            .await;
        }
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
        let counts = self.origin_requests().await;
        let shoppers = counts
            .iter()
            .filter(|(line, _)| !line.contains("/internal/"));
        shoppers.map(|(_, count)| count).sum()
    }

    /// Requests that have reached the origin's edge listener, by the metric's labels.
    pub async fn origin_requests(&self) -> BTreeMap<String, u64> {
        let metrics = self.metrics().await;
        let name = "doorbuster_edge_requests_total";
        let counts = metrics.lines().filter_map(|line| line.strip_prefix(name));
        counts
            .map(|line| line.rsplit_once(' ').unwrap())
            .map(|(labels, count)| (labels.to_owned(), count.parse().unwrap()))
            .collect()
    }

    /// What the origin's ops listener says of itself and of the PoPs.
    pub async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.addresses.ops_url);
        reqwest::get(url).await.unwrap().text().await.unwrap()
    }

    /// Ends `origin` or an edge, or starts it again.
    pub fn stop(&self, program: &str) {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        system.program(program).expect("it runs").stop();
    }

    /// Ends a PoP as a power cut would: its edge and its Redis at once.
    pub fn kill_pop(&self, index: usize) {
        let mut system = self.system.lock().unwrap_or_else(PoisonError::into_inner);
        let edge = format!("edge-{}", index + 1);
        system.program(&edge).expect("it runs").kill();
        let redis = system.stores().pop_redis_at(index);
        redis.expect("the PoP has a Redis").kill();
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
        let settings = AccountSettings {
            session_key: self.session_key(),
            smtp_url: Secret("smtp://127.0.0.1:9".into()),
            mail_from: "Shop <shop@example.test>".into(),
            texts: None,
        };
        let ledger = Ledger::connect(&self.addresses.mysql_url).await.unwrap();
        let stock = Stock::connect(&self.addresses.redis_url).await.unwrap();
        let ids = origin::ids::Ids::lease(&ledger).await.unwrap();
        let accounts = Accounts::new(&settings, ledger.clone(), &stock, ids.clone()).unwrap();
        let buyers = stream::iter(0..count).map(async |number| {
            let id = AccountId(ids.next().await.unwrap());
            let account = Account {
                id,
                contact: format!("{id}@example.test"),
                name: "Buyer".into(),
                password_hash: "none".into(),
                language: kernel::language::Language::default(),
            };
            assert!(ledger.insert_account(&account).await.unwrap());
            let session = accounts.sessions().open(id).await.unwrap();
            let cookie = session.cookie.split(';').next().unwrap().to_owned();
            Buyer::signed_in(&self.addresses, number, cookie)
        });
        buyers.buffered(ACCOUNTS_AT_ONCE).collect().await
    }

    /// What the origin signs sessions with.
    pub fn session_key(&self) -> SigningKey {
        let key = hex::decode(self.secrets()["session_key"].as_str().unwrap()).unwrap();
        SigningKey::from_bytes(&key.try_into().unwrap())
    }

    /// What the first PoP signs with.
    pub fn pop_keys(&self) -> PopKeys {
        let secret = self.secrets()["pop_secret"].as_str().unwrap().to_owned();
        PopKeys::derive(&self.addresses.pops[0].id, &secret).unwrap()
    }

    fn secrets(&self) -> Value {
        let secrets = std::fs::read(self.data.join("secrets.json")).unwrap();
        serde_json::from_slice(&secrets).unwrap()
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
