//! The outside world: the program that receives mail and text messages.

use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

pub const API_KEY: &str = "test-key";
const DEADLINE: Duration = Duration::from_mins(1);

pub struct Outside {
    pub url: String,
    pub smtp_url: String,
    http: reqwest::Client,
    _child: Child,
    // Kept open: a closed pipe would end the program at its next line.
    _log: Lines<BufReader<ChildStderr>>,
}

impl Outside {
    pub async fn start() -> Self {
        let data = std::env::temp_dir().join(format!("outside-{}", origin::random_id()));
        let program =
            Path::new(env!("CARGO_BIN_EXE_doorbuster-origin")).with_file_name("doorbuster-sandbox");
        let mut child = Command::new(program)
            .args(["--http", "127.0.0.1:0", "--smtp", "127.0.0.1:0"])
            .args([
                "--webhook-url",
                "http://127.0.0.1:9/",
                "--webhook-secret",
                "s",
            ])
            .args(["--api-key", API_KEY, "--data"])
            .arg(&data)
            .env("NO_COLOR", "1")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the sandbox is built with the workspace");
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let http = address(&mut log, "http.address=").await;
        let smtp = address(&mut log, "smtp.address=").await;
        Self {
            url: format!("http://{http}"),
            smtp_url: format!("smtp://{smtp}"),
            http: reqwest::Client::new(),
            _child: child,
            _log: log,
        }
    }

    /// What came to a contact, the newest first.
    pub async fn messages(&self, to: &str) -> Vec<Value> {
        let request = self.http.get(format!("{}/mailbox", self.url));
        let answer = request.query(&[("to", to)]).send().await.unwrap();
        let mut answer: Value = answer.json().await.unwrap();
        serde_json::from_value(answer["messages"].take()).unwrap()
    }

    /// The code in the newest message to a contact.
    pub async fn code(&self, to: &str) -> String {
        let messages = self.messages(to).await;
        let code = messages
            .first()
            .and_then(|message| message["code"].as_str());
        code.unwrap_or_else(|| panic!("no code in {messages:?}"))
            .to_owned()
    }

    /// Whether a message with this subject came.
    pub async fn has(&self, to: &str, subject: &str) -> bool {
        let messages = self.messages(to).await;
        messages.iter().any(|message| message["subject"] == subject)
    }
}

async fn address(log: &mut Lines<BufReader<ChildStderr>>, key: &str) -> String {
    let find = async {
        loop {
            let line = log.next_line().await.unwrap().expect("it says its address");
            if let Some((_, rest)) = line.split_once(key) {
                return rest.split_whitespace().next().unwrap().to_owned();
            }
        }
    };
    timeout(DEADLINE, find).await.unwrap()
}
