//! Holds a running sale, lets it go on, or ends it.
//!
//! Invariant: MySQL decides first, then Redis is told; whoever fails in between repeats the command.
//! Orders that were admitted before are decided and can be paid all the same.

use crate::ledger::{Actor, Ledger, LedgerError};
use crate::stock::{Stock, StockError};
use kernel::ids::SaleId;
use kernel::sale::Phase;

/// What an operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Admit nobody for now; shoppers are told that it goes on.
    Pause,
    /// Admit again.
    Resume,
    /// Admit nobody any more. There is no way back.
    Close,
}

impl Change {
    /// The phase after it.
    pub fn phase(self) -> Phase {
        match self {
            Self::Pause => Phase::Paused,
            Self::Resume => Phase::Published,
            Self::Close => Phase::Closed,
        }
    }

    fn stock_state(self) -> &'static str {
        match self {
            Self::Pause => "paused",
            Self::Resume => "open",
            Self::Close => "closed",
        }
    }
}

/// Why a sale was not changed.
#[derive(Debug, thiserror::Error)]
pub enum PhaseError {
    /// No such sale.
    #[error("there is no sale {0}")]
    Unknown(SaleId),
    /// A draft has nothing to hold, and what is closed stays closed.
    #[error("sale {0} is {1}: it can be neither paused, resumed nor closed")]
    NotRunning(SaleId, &'static str),
    /// MySQL.
    #[error("the ledger did not answer; repeat the command")]
    Ledger(#[from] LedgerError),
    /// Redis.
    #[error("MySQL has it, but Redis did not answer; repeat the command")]
    Stock(#[from] StockError),
    /// Redis has another epoch, or nothing, of this sale.
    #[error("MySQL has it, but Redis holds another count of sale {0}, and admits nobody by it")]
    OtherEpoch(SaleId),
}

/// Changes the phase of a sale that is published, paused or, to repeat a close, closed.
pub async fn change(
    ledger: &Ledger,
    stock: &Stock,
    actor: &Actor,
    id: SaleId,
    change: Change,
) -> Result<(), PhaseError> {
    let row = ledger.sale(id).await?.ok_or(PhaseError::Unknown(id))?;
    let running = matches!(row.phase, Phase::Published | Phase::Paused);
    if !running && row.phase != change.phase() {
        return Err(PhaseError::NotRunning(id, row.phase.as_str()));
    }
    if row.phase != change.phase()
        && !ledger
            .change_phase(actor, id, row.phase, change.phase())
            .await?
    {
        // Somebody else was faster: what holds now is theirs to say.
        let now = ledger.sale(id).await?.ok_or(PhaseError::Unknown(id))?;
        return Err(PhaseError::NotRunning(id, now.phase.as_str()));
    }
    if stock.set_state(id, row.epoch, change.stock_state()).await? {
        Ok(())
    } else {
        Err(PhaseError::OtherEpoch(id))
    }
}
