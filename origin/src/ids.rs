//! The mint of this process: Snowflake ids under a leased worker number.
//!
//! Invariant: two processes never mint the same id. The worker number is leased in the ledger and
//! renewed; a mint whose lease ran out, or whose clock went back, gives nothing. What it gives is
//! of a time before the lease's end, and the next holder begins after it, whatever their clocks.

use crate::ledger::{Ledger, LedgerError};
use kernel::ids::{Mint, MintError};
use kernel::time::UnixMillis;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// How long a caller waits for the next millisecond at most: a clock that went back no further
/// catches up meanwhile.
const TRIES_MAX: u32 = 50;

/// How a worker number is leased.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// For how long.
    pub life: Duration,
    /// How often that is renewed.
    pub renew_every: Duration,
}

impl Default for Terms {
    /// For a minute, renewed four times in it.
    fn default() -> Self {
        Self {
            life: Duration::from_mins(1),
            renew_every: Duration::from_secs(15),
        }
    }
}

impl Terms {
    fn life_ms(self) -> i64 {
        i64::try_from(self.life.as_millis()).unwrap_or(i64::MAX)
    }
}

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
    leased: Arc<Mutex<Leased>>,
}

#[derive(Debug)]
struct Leased {
    worker: u16,
    mint: Mint,
    /// By this process's clock.
    until: UnixMillis,
}

impl Ids {
    /// Leases a worker number and keeps it while this value (or a clone) lives.
    pub async fn lease(ledger: &Ledger) -> Result<Self, IdError> {
        Self::lease_on(ledger, Terms::default()).await
    }

    /// The same on other terms.
    pub async fn lease_on(ledger: &Ledger, terms: Terms) -> Result<Self, IdError> {
        let holder = crate::random_id();
        let leased = Arc::new(Mutex::new(lease(ledger, &holder, terms).await?));
        tokio::spawn(keep(Arc::downgrade(&leased), ledger.clone(), holder, terms));
        Ok(Self { leased })
    }

    /// The next id.
    pub async fn next(&self) -> Result<u64, IdError> {
        self.block(1).await
    }

    /// The first of `count` consecutive ids.
    pub async fn block(&self, count: u16) -> Result<u64, IdError> {
        let mut last = MintError::Exhausted;
        for _ in 0..TRIES_MAX {
            match lock(&self.leased).block(crate::now(), count)? {
                Ok(first) => return Ok(first),
                Err(error @ MintError::OutOfRange) => return Err(error.into()),
                // The next millisecond has ids again; a clock that went back a little catches up.
                Err(error) => last = error,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err(last.into())
    }
}

impl Leased {
    /// The outer error ends the caller's patience, the inner does not.
    fn block(&mut self, now: UnixMillis, count: u16) -> Result<Result<u64, MintError>, IdError> {
        if now >= self.until {
            return Err(IdError::LeaseLost);
        }
        Ok(self.mint.block(now, count))
    }
}

fn lock(leased: &Mutex<Leased>) -> MutexGuard<'_, Leased> {
    leased.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn lease(ledger: &Ledger, holder: &str, terms: Terms) -> Result<Leased, IdError> {
    let before = crate::now();
    let leased = ledger.lease_worker(holder, before, terms.life_ms()).await?;
    let (worker, not_before) = leased.ok_or(IdError::NoWorker)?;
    Ok(Leased {
        worker,
        mint: Mint::new(worker, not_before),
        until: before.plus_ms(terms.life_ms()),
    })
}

/// Renews the lease; if it is lost, minting stops until another number is leased.
async fn keep(leased: Weak<Mutex<Leased>>, ledger: Ledger, holder: String, terms: Terms) {
    loop {
        tokio::time::sleep(terms.renew_every).await;
        let Some(leased) = leased.upgrade() else {
            return;
        };
        let worker = lock(&leased).worker;
        let before = crate::now();
        match ledger
            .renew_worker(worker, &holder, before, terms.life_ms())
            .await
        {
            Ok(true) => lock(&leased).until = before.plus_ms(terms.life_ms()),
            Ok(false) => {
                lock(&leased).until = UnixMillis(0);
                tracing::error!(
                    worker,
                    "The worker number was lost; no ids until another is had"
                );
                match lease(&ledger, &holder, terms).await {
                    Ok(another) => *lock(&leased) = another,
                    Err(error) => tracing::error!(%error, "No other worker number was had"),
                }
            }
            Err(error) => tracing::warn!(worker, %error, "The worker number was not renewed"),
        }
    }
}
