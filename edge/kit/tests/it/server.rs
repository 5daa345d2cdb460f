//! A Redis of the test's own, and scripts run on it.

use redis::{Connection, Value};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server on a free port with its own folder, stopped when dropped.
pub struct Server {
    child: Child,
    client: redis::Client,
    connection: Connection,
    _folder: tempfile::TempDir,
}

impl Server {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let port = port.to_string();
        let child = Command::new("redis-server")
            .args([
                "--port",
                &port,
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ])
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let deadline = Instant::now() + Duration::from_secs(10);
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}/")).unwrap();
        let connection = loop {
            match client.get_connection() {
                Ok(connection) => break connection,
                Err(error) => assert!(Instant::now() < deadline, "no Redis: {error}"),
            }
            std::thread::yield_now();
        };
        Self {
            child,
            client,
            connection,
            _folder: folder,
        }
    }

    /// Another connection to it.
    pub fn connect(&self) -> Connection {
        self.client.get_connection().unwrap()
    }

    /// Runs a script and gives its flat reply as text.
    pub fn run(&mut self, script: &str, keys: &[String], arguments: &[String]) -> Vec<String> {
        let script = redis::Script::new(script);
        let mut call = script.prepare_invoke();
        for key in keys {
            call.key(key);
        }
        for argument in arguments {
            call.arg(argument);
        }
        let values: Vec<Value> = call.invoke(&mut self.connection).unwrap();
        values.into_iter().map(text).collect()
    }

    pub fn command(&mut self, name: &str, arguments: &[&str]) -> String {
        text(
            redis::cmd(name)
                .arg(arguments)
                .query(&mut self.connection)
                .unwrap(),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn text(value: Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        other => redis::from_redis_value(other).unwrap(),
    }
}
