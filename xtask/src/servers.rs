//! The real servers: Redis for the origin, Redis for a PoP, NATS with JetStream, MariaDB or MySQL;
//! each on a free port, with its data and its log in one folder.
//!
//! A server that `start` returned has answered; it stops when it is dropped, and with us.

pub mod server;
pub mod spawner;

mod mysql;
mod nats;
pub mod ports;
mod ready;
mod redis;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

pub use ready::Ready;
pub use server::{Launch, Server};

/// All stores of one system. Dropping stops them in the reverse order of their start.
pub struct Servers {
    /// MariaDB or MySQL.
    pub mysql: Server,
    /// With JetStream.
    pub nats: Server,
    /// The PoP's.
    pub pop_redis: Server,
    /// The origin's.
    pub redis: Server,
    mysql_password: String,
}

/// What all servers of one system share.
pub struct Setting<'a> {
    /// Holds a folder for each server and `logs/`.
    pub data: &'a Path,
    /// Kept open by every server, so that a lock on it lasts until the last one is gone.
    pub lock: Option<Arc<File>>,
    /// Of the database user `doorbuster`.
    pub mysql_password: &'a str,
}

impl Servers {
    /// Starts all, one after the other; `say` hears of each that answers.
    pub fn start(setting: &Setting<'_>, mut say: impl FnMut(&Server)) -> anyhow::Result<Self> {
        let mut heard = |server: Server| {
            say(&server);
            server
        };
        // Declared first, dropped last: what has started stops if a later one does not start.
        let redis = heard(redis::start(setting, "redis")?);
        let pop_redis = heard(redis::start(setting, "pop-redis")?);
        let nats = heard(nats::start(setting)?);
        let mysql = heard(mysql::start(setting)?);
        let mysql_password = setting.mysql_password.to_owned();
        Ok(Self {
            mysql,
            nats,
            pop_redis,
            redis,
            mysql_password,
        })
    }

    /// Starts the database alone.
    pub fn start_mysql(setting: &Setting<'_>) -> anyhow::Result<Server> {
        mysql::start(setting)
    }

    /// `redis://…`
    pub fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.redis.port())
    }

    /// `redis://…`
    pub fn pop_redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.pop_redis.port())
    }

    /// `nats://…`
    pub fn nats_url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.nats.port())
    }

    /// Without a database: the user may make its own.
    pub fn mysql_url(&self) -> String {
        format!(
            "mysql://{}:{}@127.0.0.1:{}",
            mysql::USER,
            self.mysql_password,
            self.mysql.port()
        )
    }

    /// Of the database that exists from the start.
    pub fn mysql_database_url(&self) -> String {
        format!("{}/{}", self.mysql_url(), mysql::DATABASE)
    }

    /// An error if one has died.
    pub fn check(&mut self) -> anyhow::Result<()> {
        for server in [
            &mut self.redis,
            &mut self.pop_redis,
            &mut self.nats,
            &mut self.mysql,
        ] {
            server.check()?;
        }
        Ok(())
    }
}
