//! The real servers: Redis for the origin, Redis for each PoP, NATS with JetStream, MariaDB or MySQL;
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
    /// The first PoP's.
    pub pop_redis: Server,
    /// The other PoPs', in their order.
    pub more_pop_redis: Vec<Server>,
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
    /// How many PoPs have a Redis of their own; at least one has.
    pub pops: usize,
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
        let more_pop_redis = (2..=setting.pops)
            .map(|number| {
                Ok(heard(redis::start(
                    setting,
                    &format!("pop-redis-{number}"),
                )?))
            })
            .collect::<anyhow::Result<_>>()?;
        let nats = heard(nats::start(setting)?);
        let mysql = heard(mysql::start(setting)?);
        let mysql_password = setting.mysql_password.to_owned();
        Ok(Self {
            mysql,
            nats,
            pop_redis,
            more_pop_redis,
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
        redis_url_of(&self.redis)
    }

    /// `redis://…` of the first PoP.
    pub fn pop_redis_url(&self) -> String {
        redis_url_of(&self.pop_redis)
    }

    /// `redis://…` of each PoP.
    pub fn pop_redis_urls(&self) -> Vec<String> {
        let first = std::iter::once(&self.pop_redis);
        first
            .chain(&self.more_pop_redis)
            .map(redis_url_of)
            .collect()
    }

    /// The Redis of the PoP with this index; the first has 0.
    pub fn pop_redis_at(&mut self, index: usize) -> Option<&mut Server> {
        match index.checked_sub(1) {
            None => Some(&mut self.pop_redis),
            Some(index) => self.more_pop_redis.get_mut(index),
        }
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
        let ours = [
            &mut self.redis,
            &mut self.pop_redis,
            &mut self.nats,
            &mut self.mysql,
        ];
        let mut all = ours.into_iter().chain(&mut self.more_pop_redis);
        all.try_for_each(Server::check)
    }
}

fn redis_url_of(server: &Server) -> String {
    format!("redis://127.0.0.1:{}", server.port())
}
