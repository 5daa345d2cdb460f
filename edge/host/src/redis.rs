//! `spin:redis`: connections to the servers that the manifest allows.
//!
//! As in Spin, every `open` makes a connection of its own, a broken one stays broken, and `execute`
//! answers a flat list.

use std::{sync::Arc, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, RedisError,
    Value, aio::MultiplexedConnection,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::{Accessor, HasSelf, Resource};

use crate::{
    bindings::spin::redis::redis::{
        Error, Host, HostConnection, HostConnectionWithStore, RedisParameter, RedisResult,
    },
    guest::Guest,
    metrics::Operation,
};

/// How many connections one instance may hold open, as in Spin.
const OPEN_MAX: usize = 256;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A component that cannot wait as long races the call with its own clock.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// An open connection, with its place among all of the host if those are limited.
pub struct Connection(
    MultiplexedConnection,
    #[expect(dead_code, reason = "it is given back when the connection is dropped")]
    Option<OwnedSemaphorePermit>,
);

/// Places for the connections of all components; clones share them. Without a number there is no limit.
#[derive(Clone, Default)]
pub struct Places(Option<Arc<Semaphore>>);

impl Places {
    /// So many.
    pub fn new(count: Option<usize>) -> Self {
        let count = count.map(|count| count.min(Semaphore::MAX_PERMITS));
        Self(count.map(|count| Arc::new(Semaphore::new(count))))
    }

    /// Waits for one, as long as connecting may take.
    async fn take(&self) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let Some(places) = self.0.clone() else {
            return Ok(None);
        };
        let place = tokio::time::timeout(CONNECT_TIMEOUT, places.acquire_owned()).await;
        match place {
            Ok(Ok(place)) => Ok(Some(place)),
            Ok(Err(_)) | Err(_) => Err(Error::TooManyConnections),
        }
    }
}

type Guests = Accessor<Guest, HasSelf<Guest>>;
type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Host for Guest {}

impl HostConnection for Guest {
    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        self.open_connections -= 1;
        Ok(())
    }
}

impl HostConnectionWithStore<Guest> for HasSelf<Guest> {
    async fn open(guest: &Guests, address: String) -> Answer<Resource<Connection>> {
        let _timed = guest.with(|mut access| access.get().time(Operation::RedisOpen));
        let (client, places) = match guest.with(|mut access| allowed_client(access.get(), &address))
        {
            Ok(allowed) => allowed,
            Err(error) => return Ok(Err(error)),
        };
        let opened = connect(&client, &places).await;
        guest.with(|mut access| {
            let guest = access.get();
            Ok(match opened {
                Ok(connection) => Ok(guest.table.push(connection)?),
                Err(error) => {
                    guest.open_connections -= 1;
                    Err(error)
                }
            })
        })
    }

    async fn publish(
        guest: &Guests,
        connection: Resource<Connection>,
        channel: String,
        payload: Vec<u8>,
    ) -> Answer<()> {
        let _timed = guest.with(|mut access| access.get().time(Operation::RedisPublish));
        run(
            guest,
            &connection,
            redis::cmd("PUBLISH").arg(channel).arg(payload),
        )
        .await
    }

    async fn get(
        guest: &Guests,
        connection: Resource<Connection>,
        key: String,
    ) -> Answer<Option<Vec<u8>>> {
        let _timed = guest.with(|mut access| access.get().time(Operation::RedisGet));
        run(guest, &connection, redis::cmd("GET").arg(key)).await
    }

    async fn set(
        guest: &Guests,
        connection: Resource<Connection>,
        key: String,
        value: Vec<u8>,
    ) -> Answer<()> {
        let _timed = guest.with(|mut access| access.get().time(Operation::RedisSet));
        run(guest, &connection, redis::cmd("SET").arg(key).arg(value)).await
    }

    async fn incr(guest: &Guests, connection: Resource<Connection>, key: String) -> Answer<i64> {
        let _timed = guest.with(|mut access| access.get().time(Operation::RedisIncr));
        run(guest, &connection, redis::cmd("INCRBY").arg(key).arg(1)).await
    }

    async fn del(
        guest: &Guests,
        connection: Resource<Connection>,
        keys: Vec<String>,
    ) -> Answer<u32> {
        let _timed = guest.with(|mut access| access.get().time(Operation::RedisDel));
        run(guest, &connection, redis::cmd("DEL").arg(keys)).await
    }

    async fn sadd(
        guest: &Guests,
        connection: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> Answer<u32> {
        let _timed = guest.with(|mut access| access.get().time(Operation::RedisSadd));
        run(guest, &connection, redis::cmd("SADD").arg(key).arg(values)).await
    }

    async fn smembers(
        guest: &Guests,
        connection: Resource<Connection>,
        key: String,
    ) -> Answer<Vec<String>> {
        let _timed = guest.with(|mut access| access.get().time(Operation::RedisSmembers));
        run(guest, &connection, redis::cmd("SMEMBERS").arg(key)).await
    }

    async fn srem(
        guest: &Guests,
        connection: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> Answer<u32> {
        let _timed = guest.with(|mut access| access.get().time(Operation::RedisSrem));
        run(guest, &connection, redis::cmd("SREM").arg(key).arg(values)).await
    }

    async fn execute(
        guest: &Guests,
        connection: Resource<Connection>,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> Answer<Vec<RedisResult>> {
        let _timed = guest.with(|mut access| access.get().time(Operation::RedisExecute));
        let mut command = redis::cmd(&command);
        for argument in arguments {
            match argument {
                RedisParameter::Int64(number) => command.arg(number),
                RedisParameter::Binary(bytes) => command.arg(bytes),
            };
        }
        let answer = run::<Value>(guest, &connection, &command).await?;
        Ok(answer.and_then(|value| {
            let mut results = Vec::new();
            flatten(value, &mut results).map(|()| results)
        }))
    }
}

/// A client for `address` if the manifest allows it, and a place for its connection. The address is
/// judged as the client understood it, so no second parser can be led to see another.
fn allowed_client(guest: &mut Guest, address: &str) -> Result<(Client, Places), Error> {
    let client = Client::open(address).map_err(|_| Error::InvalidAddress)?;
    let ConnectionAddr::Tcp(host, port) = client.get_connection_info().addr() else {
        return Err(Error::InvalidAddress);
    };
    if !guest.grants.hosts.allow("redis", host, Some(*port)) {
        tracing::warn!(
            component.id = &*guest.grants.id,
            "denied a connection to redis://{host}:{port}: not in allowed_outbound_hosts"
        );
        return Err(Error::InvalidAddress);
    }
    if guest.open_connections >= OPEN_MAX {
        return Err(Error::TooManyConnections);
    }
    guest.open_connections += 1;
    Ok((client, guest.grants.redis.clone()))
}

async fn connect(client: &Client, places: &Places) -> Result<Connection, Error> {
    let place = places.take().await?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    let opened = client.get_multiplexed_async_connection_with_config(&config);
    match opened.await {
        Ok(connection) => Ok(Connection(connection, place)),
        Err(error) => Err(Error::Other(error.to_string())),
    }
}

async fn run<T: FromRedisValue>(
    guest: &Guests,
    connection: &Resource<Connection>,
    command: &Cmd,
) -> Answer<T> {
    let mut connection = guest
        .with(|mut access| wasmtime::error::Ok(access.get().table.get(connection)?.0.clone()))?;
    Ok(command
        .query_async(&mut connection)
        .await
        .map_err(|error: RedisError| {
            if error.kind() == ErrorKind::UnexpectedReturnType || error.code() == Some("WRONGTYPE")
            {
                Error::TypeError
            } else {
                Error::Other(error.to_string())
            }
        }))
}

/// Nested arrays become one list; what the interface cannot carry is a type error.
fn flatten(value: Value, results: &mut Vec<RedisResult>) -> Result<(), Error> {
    results.push(match value {
        Value::Nil => RedisResult::Nil,
        Value::Int(number) => RedisResult::Int64(number),
        Value::BulkString(bytes) => RedisResult::Binary(bytes),
        Value::SimpleString(text) => RedisResult::Status(text),
        Value::Okay => RedisResult::Status("OK".into()),
        Value::Double(number) => RedisResult::Binary(number.to_string().into_bytes()),
        Value::Array(values) | Value::Set(values) => {
            return values
                .into_iter()
                .try_for_each(|value| flatten(value, results));
        }
        Value::ServerError(error) => return Err(Error::Other(error.to_string())),
        _ => return Err(Error::TypeError),
    });
    Ok(())
}
