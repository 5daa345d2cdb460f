//! The connection to Redis, and which server it leads to.
//!
//! Invariant: a script tells the sale's hash which server it runs on, by an identity that was read
//! on this very connection before its first script. A sale that was counted on another server, or
//! on this one before it restarted or was promoted, admits nobody by it. Every call passes the
//! guard, those that make a connection too.

use super::StockError;
use super::reply::Reply;
use crate::guard::{BreakerState, Guard, Limits, Shed};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ScriptInvocation};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a script may take before its outcome counts as unknown.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);
/// How often a standing connection is asked whether its server is still the same: a replica that
/// was promoted, or a primary that was replaced below us, keeps its connections.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Scripts are short, and Redis runs one after the other: more at the same time only wait there.
const LIMITS: Limits = Limits {
    in_flight: 256,
    waiting: 1_024,
    wait: Duration::from_millis(100),
    time: Duration::from_millis(900),
};

/// Which server this is: its run id and its replication id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server(Arc<str>);

impl Server {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A connection and where it leads.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) connection: MultiplexedConnection,
    pub(super) server: Server,
}

/// Keeps one connection, and makes another when it breaks or leads elsewhere.
#[derive(Clone)]
pub(super) struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    guard: Guard,
    live: RwLock<Option<Live>>,
    connecting: Mutex<()>,
}

impl Link {
    /// Connects, so that a wrong address is found at the start.
    pub(super) async fn open(client: Client) -> Result<Self, StockError> {
        let shared = Arc::new(Shared {
            client,
            guard: Guard::new("redis", LIMITS),
            live: RwLock::new(None),
            connecting: Mutex::new(()),
        });
        let link = Self { shared };
        link.live().await?;
        tokio::spawn(watch(Arc::downgrade(&link.shared)));
        Ok(link)
    }

    /// The connection. Callers that find none wait for the one that makes it.
    pub(super) async fn live(&self) -> Result<Live, StockError> {
        if let Some(live) = self.shared.current() {
            return Ok(live);
        }
        let connecting = async {
            let _one_at_a_time = self.shared.connecting.lock().await;
            if let Some(live) = self.shared.current() {
                return Ok(live);
            }
            let live = self.shared.connect().await?;
            *self.shared.write() = Some(live.clone());
            Ok(live)
        };
        self.shared
            .guard
            .call(StockError::is_away, connecting)
            .await
    }

    /// What the breaker does with calls at this moment.
    pub(super) fn breaker(&self) -> BreakerState {
        self.shared.guard.state()
    }

    /// Makes a call on this connection and no other.
    pub(super) async fn call<T>(
        &self,
        live: &Live,
        work: impl Future<Output = redis::RedisResult<T>>,
    ) -> Result<T, StockError> {
        let work = async { work.await.map_err(StockError::from) };
        let result = self.shared.guard.call(StockError::is_away, work).await;
        result.inspect_err(|error| self.shared.heed(live, error))
    }

    /// Runs a script that was given its keys and nothing else; `arguments` come after the server.
    pub(super) async fn run(
        &self,
        call: &mut ScriptInvocation<'_>,
        arguments: &[u64],
    ) -> Result<Reply, StockError> {
        let live = self.live().await?;
        call.arg(live.server.as_str());
        for argument in arguments {
            call.arg(argument);
        }
        self.run_plain_on(&live, call).await
    }

    /// Runs a script for which it does not matter where it runs.
    pub(super) async fn run_plain(&self, call: &ScriptInvocation<'_>) -> Result<Reply, StockError> {
        let live = self.live().await?;
        self.run_plain_on(&live, call).await
    }

    /// Runs a script on this connection and no other.
    pub(super) async fn run_plain_on(
        &self,
        live: &Live,
        call: &ScriptInvocation<'_>,
    ) -> Result<Reply, StockError> {
        let mut connection = live.connection.clone();
        self.call(live, call.invoke_async(&mut connection)).await
    }

    /// Runs a pipeline.
    pub(super) async fn query<T: redis::FromRedisValue>(
        &self,
        pipeline: &redis::Pipeline,
    ) -> Result<T, StockError> {
        let live = self.live().await?;
        self.query_on(&live, pipeline).await
    }

    /// Runs a pipeline on this connection and no other.
    pub(super) async fn query_on<T: redis::FromRedisValue>(
        &self,
        live: &Live,
        pipeline: &redis::Pipeline,
    ) -> Result<T, StockError> {
        let mut connection = live.connection.clone();
        self.call(live, pipeline.query_async(&mut connection)).await
    }
}

impl Shared {
    fn current(&self) -> Option<Live> {
        self.live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Option<Live>> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Live, StockError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let mut connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let server = identity(&mut connection).await?;
        Ok(Live { connection, server })
    }

    /// Gives a connection up that is broken, hangs, or leads to a server that takes no writes.
    fn heed(&self, live: &Live, error: &StockError) {
        // What was refused before it was sent tells nothing of the connection.
        if error.is_away() && !matches!(error, StockError::Shed(Shed::Busy(_) | Shed::Open(_))) {
            self.give_up(live);
        }
    }

    fn give_up(&self, live: &Live) {
        let mut current = self.write();
        // Another caller may have made a new one by now.
        if current.as_ref().is_some_and(|now| now.is(live)) {
            *current = None;
        }
    }
}

impl Live {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.server.0, &other.server.0)
    }
}

async fn identity(connection: &mut MultiplexedConnection) -> Result<Server, StockError> {
    let (server, replication): (String, String) = redis::pipe()
        .cmd("INFO")
        .arg("server")
        .cmd("INFO")
        .arg("replication")
        .query_async(connection)
        .await?;
    let field = |info: &str, name: &str| {
        let lines = info.lines().filter_map(|line| line.split_once(':'));
        let mut values = lines.filter(|(key, _)| *key == name);
        let value = values.next().map(|(_, value)| value.trim().to_owned());
        value.ok_or_else(|| StockError::Reply(format!("INFO without {name}")))
    };
    let run_id = field(&server, "run_id")?;
    let replication_id = field(&replication, "master_replid")?;
    Ok(Server(format!("{run_id}:{replication_id}").into()))
}

async fn watch(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(WATCH_EVERY).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let Some(mut live) = shared.current() else {
            continue;
        };
        match identity(&mut live.connection).await {
            Ok(server) if server == live.server => {}
            Ok(_) => {
                tracing::warn!("Redis is another server than it was; its counts are not trusted");
                shared.give_up(&live);
            }
            Err(error) => {
                tracing::warn!(%error, "Redis does not say which server it is");
                shared.give_up(&live);
            }
        }
    }
}
