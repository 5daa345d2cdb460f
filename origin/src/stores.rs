//! The three stores together, as most rooms need them.
//!
//! Invariant: a process that has this has spoken to all three.

use crate::ids::{IdError, Ids};
use crate::ledger::{Ledger, LedgerError};
use crate::queue::{Queue, QueueError};
use crate::settings::StoreSettings;
use crate::stock::{Stock, StockError};

/// Connections to MySQL, Redis and NATS, and the mint that rests on the first.
#[derive(Clone, Debug)]
pub struct Stores {
    /// MySQL.
    pub ledger: Ledger,
    /// Redis.
    pub stock: Stock,
    /// NATS.
    pub queue: Queue,
    /// New ids.
    pub ids: Ids,
}

/// Which store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// MySQL.
    #[error("DOORBUSTER_MYSQL_URL: no connection to MySQL")]
    Ledger(#[from] LedgerError),
    /// Redis.
    #[error("DOORBUSTER_REDIS_URL: no connection to Redis")]
    Stock(#[from] StockError),
    /// NATS.
    #[error("DOORBUSTER_NATS_URL: NATS did not give what is needed")]
    Queue(#[from] QueueError),
    /// No worker number.
    #[error("no worker number for new ids; has `doorbuster migrate` been run?")]
    Ids(#[from] IdError),
}

impl Stores {
    /// Connects to all of them.
    pub async fn connect(settings: &StoreSettings) -> Result<Self, ConnectError> {
        let ledger = Ledger::connect(&settings.mysql_url.0).await?;
        let stock = Stock::connect(&settings.redis_url.0).await?;
        let queue = Queue::connect(settings).await?;
        let ids = Ids::lease(&ledger).await?;
        Ok(Self {
            ledger,
            stock,
            queue,
            ids,
        })
    }
}
