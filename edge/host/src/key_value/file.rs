//! A key-value store in one file.
//!
//! Spin's own store is SQLite; this one is redb, which is as transactional, is pure Rust and builds in
//! seconds. Reads go straight to its cache. Writes go through one thread that commits all that wait in
//! one transaction, so that many instances that refresh at once pay for one flush; an answered write
//! survives the process and the machine.

use std::{fs, path::Path, sync::Arc, thread};

use anyhow::{Context, Result};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use tokio::sync::{mpsc, oneshot};

const ENTRIES: TableDefinition<&str, &[u8]> = TableDefinition::new("entries");
const CACHE_BYTES: usize = 64 << 20;
const VALUE_BYTES_MAX: usize = 16 << 20;
const KEY_BYTES_MAX: usize = 4 << 10;
const WRITES_WAITING_MAX: usize = 1024;
const WRITES_PER_COMMIT_MAX: usize = 256;

/// An open file; clones share it.
#[derive(Clone)]
pub struct FileStore {
    database: Arc<Database>,
    writes: mpsc::Sender<Write>,
}

/// Sets or, without a value, deletes.
struct Write {
    key: String,
    value: Option<Vec<u8>>,
    done: oneshot::Sender<Result<(), String>>,
}

impl FileStore {
    /// Opens the file or makes it. Only one process at a time can.
    pub fn open(file: &Path) -> Result<Self> {
        let name = file.display();
        let folder = file.parent().unwrap_or(Path::new(""));
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(file)
            .with_context(|| format!("cannot open the key-value store {name}"))?;
        let transaction = database.begin_write()?;
        transaction.open_table(ENTRIES)?;
        transaction.commit()?;

        let database = Arc::new(database);
        let (writes, waiting) = mpsc::channel(WRITES_WAITING_MAX);
        let written = database.clone();
        thread::Builder::new()
            .name("key-value".into())
            .spawn(move || write_all(&written, waiting))
            .context("cannot start the key-value writer")?;
        Ok(Self { database, writes })
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, redb::Error> {
        let entries = self.database.begin_read()?.open_table(ENTRIES)?;
        Ok(entries.get(key)?.map(|value| value.value().to_vec()))
    }

    /// Whether `key` has a value.
    pub fn exists(&self, key: &str) -> Result<bool, redb::Error> {
        let entries = self.database.begin_read()?.open_table(ENTRIES)?;
        Ok(entries.get(key)?.is_some())
    }

    /// All keys, in order.
    pub fn keys(&self) -> Result<Vec<String>, redb::Error> {
        let entries = self.database.begin_read()?.open_table(ENTRIES)?;
        entries
            .iter()?
            .map(|entry| Ok(entry?.0.value().to_owned()))
            .collect()
    }

    /// Sets or, without a value, deletes; answers when that is on disk.
    pub async fn write(&self, key: String, value: Option<Vec<u8>>) -> Result<(), String> {
        if key.len() > KEY_BYTES_MAX {
            return Err(format!("a key is at most {KEY_BYTES_MAX} bytes long"));
        }
        if value
            .as_ref()
            .is_some_and(|value| value.len() > VALUE_BYTES_MAX)
        {
            return Err(format!("a value is at most {VALUE_BYTES_MAX} bytes long"));
        }
        let (done, answer) = oneshot::channel();
        let stopped = || "the store has stopped".to_owned();
        self.writes
            .send(Write { key, value, done })
            .await
            .map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// Commits what waits until nobody can write any more.
fn write_all(database: &Database, mut waiting: mpsc::Receiver<Write>) {
    let mut batch = Vec::new();
    while let Some(first) = waiting.blocking_recv() {
        batch.push(first);
        while batch.len() < WRITES_PER_COMMIT_MAX
            && let Ok(next) = waiting.try_recv()
        {
            batch.push(next);
        }
        let result = commit(database, &batch).map_err(|error| error.to_string());
        for write in batch.drain(..) {
            // The component may have gone meanwhile.
            drop(write.done.send(result.clone()));
        }
    }
}

fn commit(database: &Database, batch: &[Write]) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut entries = transaction.open_table(ENTRIES)?;
        for write in batch {
            match &write.value {
                Some(value) => entries.insert(write.key.as_str(), value.as_slice())?,
                None => entries.remove(write.key.as_str())?,
            };
        }
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn writes_are_read_back_and_survive() {
        let file = std::env::temp_dir().join(format!("edge-host-store-{}", std::process::id()));
        let store = FileStore::open(&file).unwrap();
        assert_eq!(store.get("a").unwrap(), None);
        let writes = (0..500).map(|n| store.write(format!("k{n:03}"), Some(vec![1; n])));
        for result in futures::future::join_all(writes).await {
            result.unwrap();
        }
        store.write("a".into(), Some(b"1".to_vec())).await.unwrap();
        store.write("a".into(), Some(b"2".to_vec())).await.unwrap();
        store.write("k000".into(), None).await.unwrap();
        store.write("never-there".into(), None).await.unwrap();
        assert!(
            store
                .write("big".into(), Some(vec![0; VALUE_BYTES_MAX + 1]))
                .await
                .is_err()
        );
        assert!(
            FileStore::open(&file).is_err(),
            "a second process would corrupt the first"
        );

        // The writer's thread holds the file until it has seen that all senders are gone.
        drop(store);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let store = loop {
            match FileStore::open(&file) {
                Ok(store) => break store,
                Err(error) => assert!(std::time::Instant::now() < deadline, "{error:#}"),
            }
        };
        assert_eq!(store.get("a").unwrap().unwrap(), b"2");
        assert!(!store.exists("k000").unwrap());
        assert!(store.exists("k499").unwrap());
        assert_eq!(store.keys().unwrap().len(), 500);
        std::fs::remove_file(&file).unwrap();
    }
}
