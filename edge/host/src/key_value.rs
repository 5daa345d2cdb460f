//! `spin:key-value`: the stores that the manifest granted, and no other.

mod file;
mod redis_store;

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result};

use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use crate::{
    bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore},
    guest::Guest,
    metrics::Operation,
    runtime_config::KeyValueStore,
};

use file::FileStore;
use redis_store::RedisStore;

/// An open store; clones share it.
#[derive(Clone)]
pub enum Store {
    /// In a file of this host.
    File(FileStore),
    /// In Redis.
    Redis(RedisStore),
}

impl Store {
    /// Opens a file, or makes it. A server is connected to when it is used: the host starts without it.
    pub fn open(store: &KeyValueStore) -> Result<Self> {
        Ok(match store {
            KeyValueStore::Spin { path } => Self::File(FileStore::open(path)?),
            KeyValueStore::Redis { url } => {
                Self::Redis(RedisStore::new(&url.0).context("the address of a Redis store")?)
            }
        })
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::File(file) => file.get(key).map_err(|error| other(&error)),
            Self::Redis(redis) => redis.get(key).await.map_err(Error::Other),
        }
    }

    async fn set(&self, key: String, value: Vec<u8>) -> Result<(), Error> {
        let done = match self {
            Self::File(file) => file.write(key, Some(value)).await,
            Self::Redis(redis) => redis.set(&key, &value).await,
        };
        done.map_err(Error::Other)
    }

    async fn delete(&self, key: String) -> Result<(), Error> {
        let done = match self {
            Self::File(file) => file.write(key, None).await,
            Self::Redis(redis) => redis.delete(&key).await,
        };
        done.map_err(Error::Other)
    }

    async fn exists(&self, key: &str) -> Result<bool, Error> {
        match self {
            Self::File(file) => file.exists(key).map_err(|error| other(&error)),
            Self::Redis(redis) => redis.exists(key).await.map_err(Error::Other),
        }
    }

    async fn keys(&self) -> Result<Vec<String>, Error> {
        match self {
            Self::File(file) => file.keys().map_err(|error| other(&error)),
            Self::Redis(redis) => redis.keys().await.map_err(Error::Other),
        }
    }
}

/// Stores by label.
pub type Stores = Arc<BTreeMap<String, Store>>;

/// How many stores one instance may hold open, as in Spin.
const OPEN_MAX: usize = 256;

type Answer<T> = wasmtime::Result<Result<T, Error>>;

impl Host for Guest {}

impl HostStore for Guest {
    fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        self.open_stores -= 1;
        Ok(())
    }
}

impl HostStoreWithStore<Guest> for HasSelf<Guest> {
    async fn open(guest: &Accessor<Guest, Self>, label: String) -> Answer<Resource<Store>> {
        let _timed = guest.with(|mut access| access.get().time(Operation::KeyValueOpen));
        guest.with(|mut access| {
            let guest = access.get();
            let Some(store) = guest.grants.stores.get(&label).cloned() else {
                return Ok(Err(Error::AccessDenied));
            };
            if guest.open_stores >= OPEN_MAX {
                return Ok(Err(Error::StoreTableFull));
            }
            guest.open_stores += 1;
            Ok(Ok(guest.table.push(store)?))
        })
    }

    async fn get(
        guest: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Answer<Option<Vec<u8>>> {
        let _timed = guest.with(|mut access| access.get().time(Operation::KeyValueGet));
        Ok(find(guest, &store)?.get(&key).await)
    }

    async fn set(
        guest: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> Answer<()> {
        let _timed = guest.with(|mut access| access.get().time(Operation::KeyValueSet));
        Ok(find(guest, &store)?.set(key, value).await)
    }

    async fn delete(
        guest: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Answer<()> {
        let _timed = guest.with(|mut access| access.get().time(Operation::KeyValueDelete));
        Ok(find(guest, &store)?.delete(key).await)
    }

    async fn exists(
        guest: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Answer<bool> {
        let _timed = guest.with(|mut access| access.get().time(Operation::KeyValueExists));
        Ok(find(guest, &store)?.exists(&key).await)
    }

    async fn get_keys(
        guest: &Accessor<Guest, Self>,
        store: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let _timed = guest.with(|mut access| access.get().time(Operation::KeyValueGetKeys));
        let (keys, result) = match find(guest, &store)?.keys().await {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        guest.with(|mut access| {
            let keys = StreamReader::new(&mut access, keys)?;
            let result = FutureReader::new(&mut access, async { wasmtime::error::Ok(result) })?;
            Ok((keys, result))
        })
    }
}

fn find(
    guest: &Accessor<Guest, HasSelf<Guest>>,
    store: &Resource<Store>,
) -> wasmtime::Result<Store> {
    guest.with(|mut access| Ok(access.get().table.get(store)?.clone()))
}

fn other(error: &redb::Error) -> Error {
    Error::Other(error.to_string())
}
