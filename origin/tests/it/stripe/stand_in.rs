//! localstripe, a stand-in for Stripe that others wrote, as a child process.

use reqwest::Method;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

pub const SECRET_KEY: &str = "sk_test_doorbuster";
pub const WEBHOOK_SECRET: &str = "whsec_doorbuster";

/// Ends with the test, or with the process of the test.
pub struct StandIn {
    pub url: String,
    child: Child,
}

impl StandIn {
    pub async fn start() -> Self {
        let top = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let python = std::env::var_os("DOORBUSTER_TEST_PYTHON")
            .map_or_else(|| top.join("target/python/bin/python"), PathBuf::from);
        let mut child = Command::new(&python)
            .arg(top.join("e2e/python/stripe_stand_in.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{}: {error}: run `cargo xtask test`", python.display())
            });
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = said.next_line().await.unwrap().expect("it says its port");
        Self {
            url: format!("http://127.0.0.1:{port}"),
            child,
        }
    }

    pub async fn stop(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Calls its API as the buyer's browser, or somebody at Stripe, would.
    pub async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = reqwest::Client::new()
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(SECRET_KEY)
            .json(&body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call(Method::GET, path, json!({})).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Has all events sent there.
    pub async fn send_events_to(&self, url: &str) {
        let webhook = json!({"url": url, "secret": WEBHOOK_SECRET});
        let (status, answer) = self
            .call(Method::POST, "/_config/webhooks/shop", webhook)
            .await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The buyer pays an intent with a card.
    pub async fn pay(&self, intent: &str, card: &str) -> (u16, Value) {
        let path = format!("/v1/payment_intents/{intent}");
        let card = json!({"payment_method": card});
        let (status, answer) = self.call(Method::POST, &path, card).await;
        assert_eq!(status, 200, "{answer}");
        self.call(Method::POST, &format!("{path}/confirm"), json!({}))
            .await
    }
}
