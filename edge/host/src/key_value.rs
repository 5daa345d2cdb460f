//! `spin:key-value`: the stores that the manifest granted, and no other.

mod store;

use std::{collections::BTreeMap, sync::Arc};

use wasmtime::component::{Accessor, FutureReader, HasSelf, Resource, StreamReader};

use crate::{
    bindings::spin::key_value::key_value::{Error, Host, HostStore, HostStoreWithStore},
    guest::Guest,
    metrics::Operation,
};

pub use store::Store;

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
        Ok(find(guest, &store)?
            .get(&key)
            .map_err(|error| other(&error)))
    }

    async fn set(
        guest: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> Answer<()> {
        let _timed = guest.with(|mut access| access.get().time(Operation::KeyValueSet));
        Ok(find(guest, &store)?
            .write(key, Some(value))
            .await
            .map_err(Error::Other))
    }

    async fn delete(
        guest: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Answer<()> {
        let _timed = guest.with(|mut access| access.get().time(Operation::KeyValueDelete));
        Ok(find(guest, &store)?
            .write(key, None)
            .await
            .map_err(Error::Other))
    }

    async fn exists(
        guest: &Accessor<Guest, Self>,
        store: Resource<Store>,
        key: String,
    ) -> Answer<bool> {
        let _timed = guest.with(|mut access| access.get().time(Operation::KeyValueExists));
        Ok(find(guest, &store)?
            .exists(&key)
            .map_err(|error| other(&error)))
    }

    async fn get_keys(
        guest: &Accessor<Guest, Self>,
        store: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let _timed = guest.with(|mut access| access.get().time(Operation::KeyValueGetKeys));
        let (keys, result) = match find(guest, &store)?.keys() {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(other(&error))),
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
