//! The PoPs that may speak to this origin: their keys, and what MySQL says of them.
//!
//! Invariant: what is believed of a PoP is at most [`BELIEVED`] old while MySQL answers: one that is
//! revoked is shut out after that, and its keys count by the versions that hold then. Without MySQL
//! what was read last holds; an origin that never read it lets nobody in.

use crate::ledger::{Heard, Ledger, LedgerError, PopRow};
use kernel::keys::PopKeys;
use kernel::pop::PopView;
use kernel::token::KeyVersions;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long what was read is believed.
const BELIEVED: Duration = Duration::from_millis(800);
/// How long a look may take before what was read last holds.
const TIMEOUT: Duration = Duration::from_millis(500);
/// How often MySQL is told that a PoP was heard.
const HEARD_EVERY: Duration = Duration::from_secs(5);
/// The longest address of a PoP, in bytes.
const URL_BYTES_MAX: usize = 200;

/// Why a PoP is not let in.
#[derive(Debug, thiserror::Error)]
pub enum PopError {
    /// No key of this id.
    #[error("there is no such PoP")]
    Unknown,
    /// An operator has shut it out.
    #[error("the PoP is revoked")]
    Revoked,
    /// MySQL never answered this process.
    #[error("the PoPs could not be read")]
    Ledger(#[from] LedgerError),
    /// It is too slow.
    #[error("the PoPs were not read in time")]
    Slow,
}

/// The PoPs of this origin.
#[derive(Debug)]
pub struct Pops {
    keys: BTreeMap<String, PopKeys>,
    read: RwLock<Option<Read>>,
    reading: tokio::sync::Mutex<()>,
    heard: Mutex<HashMap<String, HeardOf>>,
}

#[derive(Clone, Debug)]
struct Read {
    rows: Arc<HashMap<String, PopRow>>,
    at: Instant,
}

#[derive(Debug, Default)]
struct HeardOf {
    url: Option<String>,
    /// Heard, and MySQL not told.
    is_news: bool,
    told_at: Option<Instant>,
}

impl Pops {
    /// PoPs with these keys, by id.
    pub fn new(keys: HashMap<String, PopKeys>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            read: RwLock::new(None),
            reading: tokio::sync::Mutex::new(()),
            heard: Mutex::default(),
        }
    }

    /// The keys of a PoP, whoever claims to be it.
    pub fn keys(&self, id: &str) -> Result<&PopKeys, PopError> {
        self.keys.get(id).ok_or(PopError::Unknown)
    }

    /// Lets a PoP in whose signature is right, and notes that it was heard.
    pub async fn admit(&self, ledger: &Ledger, id: &str) -> Result<KeyVersions, PopError> {
        self.note(id, None);
        let rows = self.rows(ledger).await?;
        match rows.get(id) {
            Some(row) if row.revoked => Err(PopError::Revoked),
            Some(row) => Ok(row.versions),
            None => Ok(KeyVersions::FIRST),
        }
    }

    /// Notes a PoP's own address.
    pub fn has_url(&self, id: &str, url: &str) {
        self.note(id, Some(url));
    }

    /// All PoPs that have keys here and are not revoked, in the order of their ids.
    pub async fn view(&self, ledger: &Ledger) -> Result<Vec<PopView>, PopError> {
        let rows = self.rows(ledger).await?;
        let listed = self.keys.iter().filter_map(|(id, keys)| {
            let row = rows.get(id).filter(|row| !row.revoked)?;
            Some(PopView {
                id: id.clone(),
                url: row.url.clone(),
                live: row.live,
                key_version: row.versions.current,
                oldest_key_version: row.versions.oldest,
                peer_key: hex::encode(keys.peer.verifying_key().as_bytes()),
            })
        });
        Ok(listed.collect())
    }

    /// Makes the PoPs known to all origins and to the draws.
    pub async fn register(&self, ledger: &Ledger) -> Result<(), LedgerError> {
        let ids: Vec<&str> = self.keys.keys().map(String::as_str).collect();
        ledger.register_pops(&ids).await
    }

    async fn rows(&self, ledger: &Ledger) -> Result<Arc<HashMap<String, PopRow>>, PopError> {
        if let Some(read) = self.last().filter(|read| read.at.elapsed() < BELIEVED) {
            return Ok(read.rows);
        }
        let _one_at_a_time = self.reading.lock().await;
        let last = self.last();
        if let Some(read) = last.as_ref().filter(|read| read.at.elapsed() < BELIEVED) {
            return Ok(read.rows.clone());
        }
        let look = timeout(TIMEOUT, self.look(ledger, last.is_none())).await;
        let rows = match (look, last) {
            (Ok(Ok(rows)), _) => Arc::new(rows),
            (Ok(Err(error)), Some(last)) => {
                tracing::debug!(%error, "The PoPs are those that were read before");
                last.rows
            }
            (Err(_), Some(last)) => last.rows,
            (Ok(Err(error)), None) => return Err(error.into()),
            (Err(_), None) => return Err(PopError::Slow),
        };
        // Also after a failure: those who wait here must not each wait for the same.
        let read = Read {
            rows: rows.clone(),
            at: Instant::now(),
        };
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = Some(read);
        Ok(rows)
    }

    async fn look(
        &self,
        ledger: &Ledger,
        is_first: bool,
    ) -> Result<HashMap<String, PopRow>, LedgerError> {
        if is_first {
            self.register(ledger).await?;
        }
        let news = self.news();
        if !news.is_empty() {
            ledger.heard(&news).await?;
            self.told(&news);
        }
        let rows = ledger.pops().await?;
        Ok(rows.into_iter().map(|row| (row.id.clone(), row)).collect())
    }

    fn last(&self) -> Option<Read> {
        let read = self.read.read().unwrap_or_else(PoisonError::into_inner);
        read.clone()
    }

    fn note(&self, id: &str, url: Option<&str>) {
        let mut heard = self.heard();
        // Each request comes here: the id is copied for the first alone.
        if !heard.contains_key(id) {
            heard.insert(id.to_owned(), HeardOf::default());
        }
        let Some(entry) = heard.get_mut(id) else {
            return;
        };
        entry.is_news = true;
        if url.is_some_and(|url| entry.url.as_deref() != Some(url)) {
            entry.url = url.map(str::to_owned);
            entry.told_at = None;
        }
    }

    /// What MySQL is to be told now.
    fn news(&self) -> Vec<Heard> {
        let heard = self.heard();
        let due = heard.iter().filter(|(_, entry)| {
            let told = entry.told_at;
            entry.is_news && told.is_none_or(|told| told.elapsed() >= HEARD_EVERY)
        });
        due.map(|(pop, entry)| Heard {
            pop: pop.clone(),
            url: entry.url.clone(),
        })
        .collect()
    }

    fn told(&self, news: &[Heard]) {
        let mut heard = self.heard();
        for Heard { pop, url } in news {
            if let Some(entry) = heard.get_mut(pop) {
                let is_same = entry.url == *url;
                entry.is_news = !is_same;
                entry.told_at = is_same.then(Instant::now);
            }
        }
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, HashMap<String, HeardOf>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this is an address by which a PoP can be reached: `http(s)://host[:port]`.
pub fn is_url(text: &str) -> bool {
    let Some(host) = text
        .strip_prefix("http://")
        .or(text.strip_prefix("https://"))
    else {
        return false;
    };
    let plain = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b));
    plain
        && text.len() <= URL_BYTES_MAX
        && reqwest::Url::parse(text).is_ok_and(|url| url.host().is_some())
}

#[cfg(test)]
mod tests {
    use super::is_url;

    #[test]
    fn an_address_is_scheme_host_and_port() {
        let check = |text: &str, expected| assert_eq!(is_url(text), expected, "{text}");
        check("http://127.0.0.1:3000", true);
        check("https://pop-1.shop.test", true);
        check("http://[::1]:3000", true);
        for text in [
            "",
            "http://",
            "ftp://a",
            "http://a/b",
            "http://u@a",
            "http://a?b",
            "http://a:99999",
            "http://:80",
        ] {
            check(text, false);
        }
        check(&format!("http://{}", "a".repeat(200)), false);
    }
}
