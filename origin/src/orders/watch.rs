//! Watching orders: one task looks at the ledger for all who watch, instead of each for itself.
//!
//! Invariant: a turn costs one statement for each [`IDS_MAX`] watched orders, however many watch
//! them; an order is loaded when its version has grown, and told to watchers of its account alone.
//! A ledger that is away delays what is told and ends nothing.
//!
//! A queued order has no row and so no version: it is told once it is decided. One that stays
//! without is looked up every [`LOST_AFTER`], which also ends it if it was lost.

use super::prices::Prices;
use super::status;
use crate::ledger::LedgerError;
use crate::ops::metrics::METRICS;
use crate::stores::Stores;
use futures::StreamExt;
use kernel::ids::{AccountId, OrderId};
use kernel::wire::Order;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

/// Watchers of a process at the same time.
pub const WATCHERS_MAX: usize = 8_192;
/// Watchers of an account in a process at the same time.
pub const WATCHERS_PER_ACCOUNT_MAX: usize = 8;
/// How often the ledger is asked.
const TURN: Duration = Duration::from_millis(250);
/// Orders a statement asks for: a power of four, as lists of ids are filled up to one.
const IDS_MAX: usize = 256;
/// Orders that are loaded at the same time, so that a batch of decisions leaves connections to
/// others.
const LOADS_MAX: usize = 4;
/// How long an order may be without a row until it is looked up, and again.
const LOST_AFTER: Duration = Duration::from_secs(5);

/// The orders that somebody in this process watches.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stores: Stores,
    prices: Prices,
    watched: Mutex<Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    orders: HashMap<OrderId, Entry>,
    accounts: HashMap<AccountId, usize>,
    watchers: usize,
    /// A task takes turns, or ends with its next one.
    runs: bool,
    closed: bool,
}

#[derive(Debug)]
struct Entry {
    account: AccountId,
    watchers: usize,
    /// The version that was told last; 0 while there is no row.
    version: u64,
    looked_up_at: Instant,
    latest: watch::Sender<Arc<Order>>,
}

/// Why an order cannot be watched now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWatched {
    /// The account watches as many as one may.
    #[error("the account watches too many orders")]
    Account,
    /// The process has as many watchers as it takes, or is stopping.
    #[error("too many orders are watched")]
    Process,
}

/// One watcher's view of an order; dropping it ends the watch.
#[derive(Debug)]
pub struct Watching {
    id: OrderId,
    account: AccountId,
    latest: watch::Receiver<Arc<Order>>,
    shared: Arc<Shared>,
}

impl Watch {
    /// Nobody watches yet.
    pub fn new(stores: Stores) -> Self {
        let shared = Shared {
            stores,
            prices: Prices::default(),
            watched: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Begins to watch an order that was just shown to its account.
    pub fn begin(&self, order: Order, account: AccountId) -> Result<Watching, NotWatched> {
        let mut guard = self.shared.lock();
        let watched = &mut *guard;
        if watched.closed || watched.watchers >= WATCHERS_MAX {
            return Err(NotWatched::Process);
        }
        let of_account = watched.accounts.entry(account).or_default();
        if *of_account >= WATCHERS_PER_ACCOUNT_MAX {
            return Err(NotWatched::Account);
        }
        *of_account += 1;
        watched.watchers += 1;
        METRICS.order_watchers.inc();
        let (id, version, order) = (order.order_id, order.version, Arc::new(order));
        let entry = watched.orders.entry(id).or_insert_with(|| Entry {
            account,
            watchers: 0,
            version,
            looked_up_at: Instant::now(),
            latest: watch::Sender::new(Arc::clone(&order)),
        });
        entry.watchers += 1;
        entry.tell(order);
        let latest = entry.latest.subscribe();
        if !std::mem::replace(&mut watched.runs, true) {
            tokio::spawn(take_turns(Arc::clone(&self.shared)));
        }
        drop(guard);
        Ok(Watching {
            id,
            account,
            latest,
            shared: Arc::clone(&self.shared),
        })
    }

    /// Ends every watch, as the process stops; watchers come back to another.
    pub fn close(&self) {
        let mut watched = self.shared.lock();
        watched.closed = true;
        watched.orders.clear();
    }
}

impl Watching {
    /// The order as it was told last.
    pub fn order(&mut self) -> Arc<Order> {
        Arc::clone(&self.latest.borrow_and_update())
    }

    /// Waits until there is something newer; false if nothing will come any more.
    pub async fn changed(&mut self) -> bool {
        self.latest.changed().await.is_ok()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut guard = self.shared.lock();
        let watched = &mut *guard;
        watched.watchers -= 1;
        METRICS.order_watchers.dec();
        if let Some(count) = watched.accounts.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                watched.accounts.remove(&self.account);
            }
        }
        if let Some(entry) = watched.orders.get_mut(&self.id) {
            entry.watchers -= 1;
            if entry.watchers == 0 {
                watched.orders.remove(&self.id);
            }
        }
    }
}

impl Entry {
    fn tell(&mut self, order: Arc<Order>) {
        if order.version > self.version {
            self.version = order.version;
            self.latest.send_replace(order);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that is watched, with the versions known; `None` ends the task, as nothing is.
    fn all(&self) -> Option<Vec<(OrderId, u64)>> {
        let mut watched = self.lock();
        watched.runs = !watched.orders.is_empty();
        let known = watched
            .orders
            .iter()
            .map(|(id, entry)| (*id, entry.version));
        watched.runs.then(|| known.collect())
    }

    async fn turn(&self, known: &[(OrderId, u64)]) -> Result<(), LedgerError> {
        for part in known.chunks(IDS_MAX) {
            let ids: Vec<_> = part.iter().map(|(id, _)| *id).collect();
            let versions = self.stores.ledger.versions_among(&ids).await?;
            let versions: HashMap<_, _> = versions.into_iter().collect();
            let due = part.iter().filter(|(id, known)| match versions.get(id) {
                Some(version) => version > known,
                None => self.is_overdue(*id),
            });
            let due: Vec<_> = due.map(|(id, _)| *id).collect();
            let load = async |id| self.load(id).await;
            futures::stream::iter(due)
                .for_each_concurrent(LOADS_MAX, load)
                .await;
        }
        Ok(())
    }

    /// Whether an order without a row is to be looked up, which then counts as done.
    fn is_overdue(&self, id: OrderId) -> bool {
        let mut watched = self.lock();
        let Some(entry) = watched.orders.get_mut(&id) else {
            return false;
        };
        let overdue = entry.looked_up_at.elapsed() >= LOST_AFTER;
        if overdue {
            entry.looked_up_at = Instant::now();
        }
        overdue
    }

    async fn load(&self, id: OrderId) {
        let account = self.lock().orders.get(&id).map(|entry| entry.account);
        let Some(account) = account else { return };
        match status::show(&self.stores, &self.prices, id, account).await {
            Ok(Some(order)) => {
                if let Some(entry) = self.lock().orders.get_mut(&id) {
                    entry.tell(Arc::new(order));
                }
            }
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "A watched order was not loaded"),
        }
    }
}

async fn take_turns(shared: Arc<Shared>) {
    let mut turns = tokio::time::interval(TURN);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let Some(known) = shared.all() else { return };
        if let Err(error) = shared.turn(&known).await {
            // The breaker has said that the ledger is away.
            tracing::debug!(%error, "The watched orders were not looked at");
        }
    }
}
