//! A database of its own, and the program told where it is.

use sqlx::mysql::MySqlPool;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

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
            (
                "DOORBUSTER_STREAM_BYTES_MAX".to_owned(),
                "4194304".to_owned(),
            ),
        ];
        let desk = Self {
            settings,
            mysql_url,
        };
        desk.says("migrate");
        desk
    }

    /// Exit code, standard output, standard error.
    pub fn run(&self, line: &str) -> (i32, String, String) {
        run(line, &self.settings)
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
