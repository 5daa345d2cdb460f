//! Starts the program, learns its ports from its log, and stops it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

pub const API_KEY: &str = "test-key";
pub const WEBHOOK_SECRET: &str = "test-secret";
const DEADLINE: Duration = Duration::from_secs(20);

pub struct Sandbox {
    pub url: String,
    pub smtp_port: u16,
    child: Child,
    // Kept open: a closed pipe would end the program at its next line.
    _log: Lines<BufReader<ChildStderr>>,
}

impl Sandbox {
    pub async fn start(data: &Path, webhook_url: &str) -> Self {
        let mut child = command(data, webhook_url, "127.0.0.1:0").spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let http = timeout(DEADLINE, address(&mut log, "http.address="))
            .await
            .unwrap();
        let smtp = timeout(DEADLINE, address(&mut log, "smtp.address="))
            .await
            .unwrap();
        let smtp_port = smtp.rsplit_once(':').unwrap().1.parse().unwrap();
        Self {
            url: format!("http://{http}"),
            smtp_port,
            child,
            _log: log,
        }
    }

    pub async fn stop(mut self) {
        let id = self.child.id().unwrap().to_string();
        assert!(
            Command::new("kill")
                .arg(id)
                .status()
                .await
                .unwrap()
                .success()
        );
        let status = timeout(DEADLINE, self.child.wait()).await.unwrap().unwrap();
        assert!(status.success(), "it ended with {status}");
    }

    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub async fn open(&self, key: &str, request: &Value) -> reqwest::Response {
        client()
            .post(format!("{}/v1/payments", self.url))
            .bearer_auth(API_KEY)
            .header("idempotency-key", key)
            .json(request)
            .send()
            .await
            .unwrap()
    }

    /// Asks the API.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.url);
        let answer = client().get(url).bearer_auth(API_KEY).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Asks for a refund.
    pub async fn refund(
        &self,
        payment_id: &str,
        key: &str,
        amount_minor: i64,
    ) -> reqwest::Result<reqwest::Response> {
        client()
            .post(format!("{}/v1/payments/{payment_id}/refunds", self.url))
            .bearer_auth(API_KEY)
            .header("idempotency-key", key)
            .json(&json!({"amount": {"amount_minor": amount_minor, "currency": "USD"}}))
            .send()
            .await
    }

    /// Puts faults in force.
    pub async fn faults(&self, faults: &Value) -> (u16, Value) {
        let url = format!("{}/faults", self.url);
        let put = client().put(url).bearer_auth(API_KEY).json(faults);
        let answer = put.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Opens a payment, pays it and gives its id.
    pub async fn paid(&self, order_id: &str) -> String {
        let checkout = self.checkout(order_id).await;
        assert_eq!(choose(&checkout, "pay").await.status(), 303);
        checkout.rsplit_once('/').unwrap().1.to_owned()
    }

    /// Opens a payment and gives its checkout URL.
    pub async fn checkout(&self, order_id: &str) -> String {
        let opened: Value = self
            .open(order_id, &request(order_id))
            .await
            .json()
            .await
            .unwrap();
        opened["checkout_url"].as_str().unwrap().to_owned()
    }
}

/// What a shop sends to open a payment.
pub fn request(order_id: &str) -> Value {
    json!({
        "order_id": order_id,
        "amount": {"amount_minor": 59_900, "currency": "USD"},
        "return_url": "http://shop.test/orders/1?a=1&b=2",
        "expires_at_ms": 4_102_444_800_000_i64,
    })
}

pub async fn choose(checkout_url: &str, outcome: &str) -> reqwest::Response {
    client()
        .post(checkout_url)
        .form(&[("outcome", outcome)])
        .send()
        .await
        .unwrap()
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

pub fn command(data: &Path, webhook_url: &str, http: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster-sandbox"));
    command
        .args(["--http", http, "--smtp", "127.0.0.1:0"])
        .args([
            "--webhook-url",
            webhook_url,
            "--webhook-secret",
            WEBHOOK_SECRET,
        ])
        .args(["--api-key", API_KEY, "--data"])
        .arg(data)
        .env_remove("RUST_LOG")
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn address(log: &mut Lines<BufReader<ChildStderr>>, field: &str) -> String {
    while let Some(line) = log.next_line().await.unwrap() {
        if let Some((_, rest)) = line.split_once(field) {
            assert!(line.contains("listening"), "{line}");
            return rest.split_whitespace().next().unwrap().to_owned();
        }
    }
    panic!("the sandbox ended before it said {field}");
}
