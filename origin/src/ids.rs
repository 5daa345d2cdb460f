//! The mint of this process: Snowflake ids under a leased worker number.
//!
//! Invariant: two processes never mint the same id. The worker number is leased in the ledger and
//! renewed; a mint whose lease ran out, or whose clock went back, gives nothing.

use crate::ledger::{Ledger, LedgerError};
use kernel::ids::{Mint, MintError};
use kernel::time::UnixMillis;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a worker number is leased.
const LEASE_MS: i64 = 60_000;
/// How often the lease is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(15);
/// How long a caller waits for the next millisecond at most.
const TRIES_MAX: u32 = 50;

/// Why there is no id.
#[derive(Debug, thiserror::Error)]
pub enum IdError {
    /// The mint refuses.
    #[error("no id can be minted")]
    Mint(#[from] MintError),
    /// The lease of the worker number ran out.
    #[error("the lease of the worker number ran out")]
    LeaseLost,
    /// All worker numbers are taken.
    #[error("all worker numbers are leased; wait a minute, or end a process")]
    NoWorker,
    /// The ledger did not answer.
    #[error("the worker number could not be leased")]
    Ledger(#[from] LedgerError),
}

/// Mints ids for this process.
#[derive(Clone, Debug)]
pub struct Ids {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    mint: Mutex<Mint>,
    leased_until: AtomicI64,
}

impl Ids {
    /// Leases a worker number and keeps it while this value (or a clone) lives.
    pub async fn lease(ledger: &Ledger) -> Result<Self, IdError> {
        let holder = crate::random_id();
        let before = crate::now();
        let leased = ledger.lease_worker(&holder, LEASE_MS).await?;
        let (worker, not_before) = leased.ok_or(IdError::NoWorker)?;
        let shared = Arc::new(Shared {
            mint: Mutex::new(Mint::new(worker, not_before)),
            leased_until: AtomicI64::new(before.plus_ms(LEASE_MS).0),
        });
        tokio::spawn(renew(
            Arc::downgrade(&shared),
            ledger.clone(),
            worker,
            holder,
        ));
        Ok(Self { shared })
    }

    /// The next id.
    pub async fn next(&self) -> Result<u64, IdError> {
        self.block(1).await
    }

    /// The first of `count` consecutive ids.
    pub async fn block(&self, count: u16) -> Result<u64, IdError> {
        let mut last = MintError::Exhausted;
        for _ in 0..TRIES_MAX {
            let now = crate::now();
            if now.0 >= self.shared.leased_until.load(Ordering::Relaxed) {
                return Err(IdError::LeaseLost);
            }
            match self.try_block(now, count) {
                Ok(first) => return Ok(first),
                Err(error @ MintError::OutOfRange) => return Err(error.into()),
                // The next millisecond has ids again; a clock that went back a little catches up.
                Err(error) => last = error,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err(last.into())
    }

    fn try_block(&self, now: UnixMillis, count: u16) -> Result<u64, MintError> {
        let mut mint = self
            .shared
            .mint
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        mint.block(now, count)
    }
}

async fn renew(shared: std::sync::Weak<Shared>, ledger: Ledger, worker: u16, holder: String) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let before = crate::now();
        match ledger.renew_worker(worker, &holder, LEASE_MS).await {
            Ok(true) => {
                shared
                    .leased_until
                    .store(before.plus_ms(LEASE_MS).0, Ordering::Relaxed);
            }
            Ok(false) => {
                tracing::error!(
                    worker,
                    "The lease of the worker number is lost; minting stops"
                );
                shared.leased_until.store(0, Ordering::Relaxed);
                return;
            }
            Err(error) => tracing::warn!(worker, %error, "The worker number was not renewed"),
        }
    }
}
