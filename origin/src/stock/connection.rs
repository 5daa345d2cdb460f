//! The connection as the rooms see it that keep sessions and codes in the same Redis.
//!
//! Invariant: what they ask passes the guard, on the one connection that there is; they never wait
//! for another to be made longer than the guard lets them.

use super::StockError;
use super::link::Link;
use crate::guard::Shed;
use redis::aio::ConnectionLike;
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, Value};
use std::error::Error;
use std::io;
use std::sync::Arc;

/// Takes the commands and pipelines of the crate `redis`.
#[derive(Clone)]
pub struct Connection {
    link: Link,
}

impl Connection {
    pub(super) fn new(link: Link) -> Self {
        Self { link }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        Box::pin(async move {
            let live = self.link.live().await.map_err(plain)?;
            let mut connection = live.connection.clone();
            let work = connection.req_packed_command(command);
            self.link.call(&live, work).await.map_err(plain)
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        Box::pin(async move {
            let live = self.link.live().await.map_err(plain)?;
            let mut connection = live.connection.clone();
            let work = connection.req_packed_commands(pipeline, offset, count);
            self.link.call(&live, work).await.map_err(plain)
        })
    }

    fn get_db(&self) -> i64 {
        0
    }
}

/// As the crate's traits want it; [`shed_in`] finds a refusal of the guard again.
fn plain(error: StockError) -> RedisError {
    match error {
        StockError::Redis(error) => error,
        StockError::Shed(shed) => io::Error::other(shed).into(),
        StockError::Reply(reply) => (ErrorKind::UnexpectedReturnType, "a reply", reply).into(),
    }
}

/// The guard's refusal that an error carries.
pub(super) fn shed_in(error: &RedisError) -> Option<Shed> {
    let inner = error.source()?;
    let inner = inner.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    let inner = inner.downcast_ref::<io::Error>()?.get_ref()?;
    inner.downcast_ref().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_found_again_in_the_error_that_carries_it() {
        let shed = Shed::Open("redis");
        let carried = StockError::from(plain(StockError::Shed(shed)));
        assert!(matches!(carried, StockError::Shed(found) if found == shed));
        let other = StockError::from(RedisError::from(io::Error::other("a broken pipe")));
        assert!(matches!(other, StockError::Redis(_)));
    }
}
