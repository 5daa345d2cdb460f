//! A key-value store in Redis, as Spin's: keys as they are, whatever the label; no time to live.
//!
//! Every thread that serves has a connection of its own, made when it is first used, because a
//! connection lives on the runtime that made it. A broken one is made anew; what the interface can do
//! may be done twice, so what failed with the connection is tried once more.

use std::{
    cell::RefCell,
    sync::{Arc, Weak},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, aio::MultiplexedConnection, cmd,
};
use tokio::sync::Mutex;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Keys a SCAN looks at before it answers.
const SCAN_COUNT: u32 = 1000;
/// All keys together; Spin has a like limit.
const KEYS_BYTES_MAX: usize = 16 << 20;

/// A server; clones share its connections.
#[derive(Clone)]
pub struct RedisStore(Arc<Client>);

type Slot = Arc<Mutex<Option<MultiplexedConnection>>>;

thread_local! {
    /// This thread's connections, by the store they are for.
    static SLOTS: RefCell<Vec<(Weak<Client>, Slot)>> = const { RefCell::new(Vec::new()) };
}

impl RedisStore {
    /// For the server at `url`; nothing is connected yet.
    pub fn new(url: &str) -> Result<Self, RedisError> {
        Ok(Self(Arc::new(Client::open(url)?)))
    }

    /// The value of `key`.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        self.run(cmd("GET").arg(key)).await
    }

    /// Gives `key` a value.
    pub async fn set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        self.run(cmd("SET").arg(key).arg(value)).await
    }

    /// Takes `key` away, if it is there.
    pub async fn delete(&self, key: &str) -> Result<(), String> {
        self.run(cmd("DEL").arg(key)).await
    }

    /// Whether `key` has a value.
    pub async fn exists(&self, key: &str) -> Result<bool, String> {
        self.run(cmd("EXISTS").arg(key)).await
    }

    /// All keys of the database. One that comes or goes meanwhile may be missing.
    pub async fn keys(&self) -> Result<Vec<String>, String> {
        let (mut cursor, mut bytes) = (0_u64, 0);
        let mut keys = Vec::new();
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("COUNT").arg(SCAN_COUNT);
            let (next, found): (u64, Vec<String>) = self.run(&scan).await?;
            bytes += found.iter().map(String::len).sum::<usize>();
            if bytes > KEYS_BYTES_MAX {
                return Err(format!("all keys are longer than {KEYS_BYTES_MAX} bytes"));
            }
            keys.extend(found);
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        // A scan may name a key twice.
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, String> {
        let slot = self.slot();
        let mut answer = self.try_run(&slot, command).await;
        if answer
            .as_ref()
            .is_err_and(RedisError::is_unrecoverable_error)
        {
            answer = self.try_run(&slot, command).await;
        }
        answer.map_err(|error| error.to_string())
    }

    async fn try_run<T: FromRedisValue>(
        &self,
        slot: &Slot,
        command: &Cmd,
    ) -> Result<T, RedisError> {
        let mut connection = self.connection(slot).await?;
        let answer = command.query_async(&mut connection).await;
        if answer
            .as_ref()
            .is_err_and(RedisError::is_unrecoverable_error)
        {
            *slot.lock().await = None;
        }
        answer
    }

    /// This thread's connection. Who comes while it is being made waits for it.
    async fn connection(&self, slot: &Slot) -> Result<MultiplexedConnection, RedisError> {
        let mut slot = slot.lock().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let connection = self
            .0
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        Ok(slot.insert(connection).clone())
    }

    fn slot(&self) -> Slot {
        SLOTS.with_borrow_mut(|slots| {
            let own = Arc::as_ptr(&self.0);
            let known = slots.iter().find(|(client, _)| client.as_ptr() == own);
            if let Some((_, slot)) = known {
                return slot.clone();
            }
            // A weak pointer keeps its address, so no other store can be taken for one that went.
            slots.retain(|(client, _)| client.strong_count() > 0);
            let slot = Slot::default();
            slots.push((Arc::downgrade(&self.0), slot.clone()));
            slot
        })
    }
}
