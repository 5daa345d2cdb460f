//! An origin with its webhooks listener, and the sandbox as its payment provider: the real programs
//! of both sides, on free ports.

use crate::close::address;
use crate::site::Site;
use crate::support::World;
use axum::http::StatusCode;
use hmac::{Hmac, KeyInit, Mac};
use kernel::ids::{AccountId, OrderId, RefundId, SaleId};
use kernel::wire::Order;
use origin::http::webhook_routes;
use origin::ledger::{OrderRow, RefundRow};
use origin::payments::{PayError, Provider, start};
use origin::settings::{PaymentSettings, SandboxSettings, Secret};
use serde_json::{Value, json};
use sha2::Sha256;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tokio::net::TcpListener;

pub const API_KEY: &str = "key";
pub const SECRET: &str = "secret";
pub const PUBLIC_URL: &str = "http://127.0.0.1:8080";

pub struct Till {
    pub site: Site,
    pub provider: Provider,
    pub sandbox: Sandbox,
    client: reqwest::Client,
    webhooks: String,
}

/// The provider's program; it ends with the test.
pub struct Sandbox {
    pub url: String,
    child: Child,
    data: PathBuf,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(std::fs::remove_dir_all(&self.data));
    }
}

impl Sandbox {
    fn start(webhooks: &str) -> Self {
        let origin = Path::new(env!("CARGO_BIN_EXE_doorbuster-origin"));
        let program = origin.with_file_name("doorbuster-sandbox");
        let data = std::env::temp_dir().join(format!("till-{}", origin::random_id()));
        let mut child = Command::new(program)
            .args(["--http", "127.0.0.1:0", "--smtp", "127.0.0.1:0"])
            .args(["--webhook-url", webhooks, "--webhook-secret", SECRET])
            .args(["--api-key", API_KEY, "--data"])
            .arg(&data)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the sandbox is built: `cargo test --workspace --no-run`");
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = log.by_ref().find_map(|line| {
            let line = line.unwrap();
            let (_, address) = line.split_once("http.address=")?;
            Some(address.trim().to_owned())
        });
        // Read on, or the program would end at its next line.
        std::thread::spawn(move || log.for_each(drop));
        Self {
            url: format!("http://{}", address.expect("it says where it listens")),
            child,
            data,
        }
    }
}

impl Till {
    pub async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let webhooks = format!("http://{address}/webhooks/sandbox");
        let sandbox = Sandbox::start(&webhooks);
        let settings = PaymentSettings::Sandbox(SandboxSettings {
            url: sandbox.url.clone(),
            api_key: Secret(API_KEY.into()),
            webhook_secret: Secret(SECRET.into()),
        });
        let site = Site::paying_at(World::new().await, settings.clone());
        let routes = webhook_routes(site.origin.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            provider: Provider::new(settings).unwrap(),
            client: reqwest::Client::new(),
            site,
            sandbox,
            webhooks,
        }
    }

    pub fn world(&self) -> &World {
        &self.site.world
    }

    /// The worker of the outbox, until it is dropped.
    pub fn work(&self) -> Worker {
        let stores = self.world().stores.clone();
        let work = origin::payments::work_off_refunds(stores, self.provider.clone());
        Worker(tokio::spawn(work))
    }

    /// Begins the payment of a pending order of account 1.
    pub async fn begin(&self, order: OrderId) -> Result<String, PayError> {
        let stores = &self.world().stores;
        let row = stores.ledger.order(order, AccountId(1)).await.unwrap();
        let row = row.expect("it is the account's");
        let started = start(stores, &self.provider, PUBLIC_URL, &row, &address()).await?;
        Ok(started.checkout_url)
    }

    /// A pending order of account 1, and its checkout.
    pub async fn checkout(&self, sale: SaleId, units: u32) -> (OrderId, String) {
        let order = self.world().pending(sale, 1, units).await;
        (order, self.begin(order).await.unwrap())
    }

    /// A paid order of account 1.
    pub async fn paid(&self, sale: SaleId, units: u32) -> OrderId {
        let (order, checkout) = self.checkout(sale, units).await;
        self.choose(&checkout, "pay").await;
        self.until(order, "paid").await;
        order
    }

    /// An order of account 1 whose money came too late.
    pub async fn late(&self, sale: SaleId) -> OrderId {
        let (order, checkout) = self.checkout(sale, 1).await;
        self.expire(order).await;
        self.choose(&checkout, "pay").await;
        order
    }

    pub async fn expire(&self, order: OrderId) {
        let past = format!("UPDATE orders SET expires_at_ms = 1 WHERE id = {order}");
        self.world().sql(past).await;
        let ledger = &self.world().stores.ledger;
        assert_eq!(ledger.expire(100).await.unwrap(), 1);
    }

    /// What the buyer does on the provider's page.
    pub async fn choose(&self, checkout: &str, outcome: &str) {
        let no_redirects = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(no_redirects).build();
        let form = client.unwrap().post(checkout).form(&[("outcome", outcome)]);
        let status = form.send().await.unwrap().status();
        assert_eq!(status, StatusCode::SEE_OTHER);
    }

    pub async fn row(&self, order: OrderId) -> OrderRow {
        let ledger = &self.world().stores.ledger;
        ledger.order_of_anyone(order).await.unwrap().unwrap()
    }

    /// The order as its owner sees it.
    pub async fn seen(&self, order: OrderId) -> Order {
        let cookie = self.site.cookie(1).await;
        let path = format!("/api/orders/{order}");
        let call = crate::site::Call {
            path: &path,
            cookie: Some(&cookie),
            ..crate::site::GET
        };
        let (status, order) = self.site.call_by("pop-1", call).await;
        assert_eq!(status, 200, "{order}");
        serde_json::from_value(order).unwrap()
    }

    pub async fn until(&self, order: OrderId, state: &str) {
        crate::support::eventually(state, async || {
            self.row(order).await.state.as_str() == state
        })
        .await;
    }

    pub async fn refunds(&self, order: OrderId) -> Vec<RefundRow> {
        self.world().stores.ledger.refunds_of(order).await.unwrap()
    }

    /// Waits until all refunds of an order are in this state, and there is one.
    pub async fn until_refunds_are(&self, order: OrderId, state: &str) {
        crate::support::eventually(state, async || {
            let refunds = self.refunds(order).await;
            let are = refunds.iter().all(|refund| refund.state.as_str() == state);
            !refunds.is_empty() && are
        })
        .await;
    }

    /// Puts faults in force at the provider.
    pub async fn faults(&self, faults: Value) {
        let put = self.client.put(format!("{}/faults", self.sandbox.url));
        let answer = put.bearer_auth(API_KEY).json(&faults).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }

    /// What the provider has of an order.
    pub async fn there(&self, order: OrderId) -> Vec<Value> {
        let list = self.ask(&format!("/v1/payments?order_id={order}")).await;
        list["payments"].as_array().unwrap().clone()
    }

    /// Its refunds of an order's payment: amount and state.
    pub async fn refunds_there(&self, order: OrderId) -> Vec<(i64, String)> {
        let payment = self.there(order).await[0]["payment_id"].clone();
        let payment = payment.as_str().unwrap();
        let list = self.ask(&format!("/v1/payments/{payment}/refunds")).await;
        let refunds = list["refunds"].as_array().unwrap().iter();
        let refund = |refund: &Value| {
            let amount = refund["amount"]["amount_minor"].as_i64().unwrap();
            (amount, refund["state"].as_str().unwrap().to_owned())
        };
        refunds.map(refund).collect()
    }

    async fn ask(&self, path: &str) -> Value {
        let get = self.client.get(format!("{}{path}", self.sandbox.url));
        let answer = get.bearer_auth(API_KEY).send().await.unwrap();
        answer.json().await.unwrap()
    }

    /// Opens a payment at the provider that the shop does not know of; its id and its checkout.
    pub async fn open_there(&self, order: u64, amount_minor: i64) -> (String, String) {
        let body = json!({
            "order_id": order.to_string(),
            "amount": { "amount_minor": amount_minor, "currency": "USD" },
            "return_url": PUBLIC_URL,
            "expires_at_ms": origin::now().plus_seconds(60),
        });
        let post = self
            .client
            .post(format!("{}/v1/payments", self.sandbox.url));
        let post = post.header("idempotency-key", origin::random_id());
        let answer = post.bearer_auth(API_KEY).json(&body).send().await.unwrap();
        let opened: Value = answer.json().await.unwrap();
        let text = |name: &str| opened[name].as_str().unwrap().to_owned();
        (text("payment_id"), text("checkout_url"))
    }

    /// Sends a webhook, signed with `secret` so many seconds ago; the status of the answer.
    pub async fn webhook(&self, body: &Value, secret: &str, age_seconds: i64) -> u16 {
        let time = origin::now().seconds() - age_seconds;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{time}.{body}").as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let post = self.client.post(&self.webhooks);
        let post = post.header("sandbox-signature", format!("t={time},v1={signature}"));
        let answer = post.body(body.to_string()).send().await.unwrap();
        answer.status().as_u16()
    }

    pub async fn event(&self, body: &Value) {
        assert_eq!(self.webhook(body, SECRET, 0).await, 204, "{body}");
    }

    /// How many such order events are waiting to be told.
    pub async fn told(&self, order: OrderId, kind: &str) -> i64 {
        let count = format!(
            "SELECT COUNT(*) FROM order_events WHERE order_id = {order} AND kind = '{kind}'"
        );
        self.count(count).await
    }

    pub async fn count(&self, statement: String) -> i64 {
        let mut connection = self.world().connection().await;
        let count = sqlx::query_scalar(sqlx::AssertSqlSafe(statement));
        count.fetch_one(&mut connection).await.unwrap()
    }

    pub async fn audit(&self) {
        let stores = &self.world().stores;
        let audit = origin::ops::audit::audit(&stores.ledger, &stores.stock);
        let report = audit.await.unwrap();
        assert!(report.holds, "{report:#?}");
    }

    /// Anybody's id for a refund.
    pub async fn promise(&self) -> origin::ledger::Promise {
        origin::ledger::Promise {
            refund: RefundId(self.world().id().await),
            within_ms: 300_000,
        }
    }
}

/// Ends with its value.
pub struct Worker(tokio::task::JoinHandle<()>);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.abort();
    }
}
