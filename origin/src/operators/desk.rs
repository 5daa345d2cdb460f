//! What operators work on: the stores, each connected when it is first needed.
//!
//! Invariant: what needs MySQL alone works while the others are away, so that an operator on the
//! server can pause a sale or shut out a PoP in the middle of an outage.

use crate::ids::Ids;
use crate::ledger::Ledger;
use crate::queue::Queue;
use crate::sales::Rounds;
use crate::settings::{AdminKey, RefundSettings, StoreSettings};
use crate::stock::Stock;
use crate::stores::{ConnectError, Stores};
use tokio::sync::{OnceCell, Semaphore};

/// Audits at the same time: each reads all that the stores have.
const AUDITS_AT_ONCE: usize = 1;

/// The desk of an operator.
#[derive(Debug)]
pub struct Desk {
    settings: StoreSettings,
    rounds: Option<Rounds>,
    key: Option<AdminKey>,
    refunds: RefundSettings,
    ledger: OnceCell<Ledger>,
    stock: OnceCell<Stock>,
    queue: OnceCell<Queue>,
    ids: OnceCell<Ids>,
    audits: Semaphore,
}

/// Why the desk has not what is asked for.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// A store does not answer.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// There is no key to seal codes with.
    #[error("set DOORBUSTER_ADMIN_KEY or DOORBUSTER_SESSION_KEY: it seals the secrets of codes")]
    NoKey,
}

impl Desk {
    /// A desk on these stores, none of which is connected yet. `rounds` are the beacon's.
    pub fn new(
        settings: StoreSettings,
        rounds: Option<Rounds>,
        key: Option<AdminKey>,
        refunds: RefundSettings,
    ) -> Self {
        Self {
            settings,
            rounds,
            key,
            refunds,
            ledger: OnceCell::new(),
            stock: OnceCell::new(),
            queue: OnceCell::new(),
            ids: OnceCell::new(),
            audits: Semaphore::new(AUDITS_AT_ONCE),
        }
    }

    /// The same on stores that are connected already.
    #[must_use]
    pub fn with(self, stores: Stores) -> Self {
        Self {
            ledger: OnceCell::new_with(Some(stores.ledger)),
            stock: OnceCell::new_with(Some(stores.stock)),
            queue: OnceCell::new_with(Some(stores.queue)),
            ids: OnceCell::new_with(Some(stores.ids)),
            ..self
        }
    }

    /// MySQL.
    pub async fn ledger(&self) -> Result<&Ledger, DeskError> {
        let connect = async || Ledger::connect(&self.settings.mysql_url.0).await;
        let ledger = self.ledger.get_or_try_init(connect).await;
        Ok(ledger.map_err(ConnectError::from)?)
    }

    /// Redis.
    pub async fn stock(&self) -> Result<&Stock, DeskError> {
        let connect = async || Stock::connect(&self.settings.redis_url.0).await;
        let stock = self.stock.get_or_try_init(connect).await;
        Ok(stock.map_err(ConnectError::from)?)
    }

    /// NATS.
    pub async fn queue(&self) -> Result<&Queue, DeskError> {
        let connect = async || Queue::connect(&self.settings).await;
        let queue = self.queue.get_or_try_init(connect).await;
        Ok(queue.map_err(ConnectError::from)?)
    }

    /// New ids.
    pub async fn ids(&self) -> Result<&Ids, DeskError> {
        let ledger = self.ledger().await?;
        let ids = self.ids.get_or_try_init(async || Ids::lease(ledger).await);
        Ok(ids.await.map_err(ConnectError::from)?)
    }

    /// All of them.
    pub async fn stores(&self) -> Result<Stores, DeskError> {
        Ok(Stores {
            ledger: self.ledger().await?.clone(),
            stock: self.stock().await?.clone(),
            queue: self.queue().await?.clone(),
            ids: self.ids().await?.clone(),
        })
    }

    /// The rounds of the beacon that sales may name.
    pub fn rounds(&self) -> Option<Rounds> {
        self.rounds
    }

    /// What is promised of refunds.
    pub fn refunds(&self) -> RefundSettings {
        self.refunds
    }

    /// The key of codes' secrets.
    pub fn key(&self) -> Result<&AdminKey, DeskError> {
        self.key.as_ref().ok_or(DeskError::NoKey)
    }

    /// A permit is an audit.
    pub fn audits(&self) -> &Semaphore {
        &self.audits
    }
}
