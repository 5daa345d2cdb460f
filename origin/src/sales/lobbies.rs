//! Takes PoPs' reports of their lobbies.
//!
//! Invariant: no report can make a draw that cannot be computed: counts are bounded, and a tree fits
//! its count.

use crate::ledger::{ClosedTree, Ledger, LedgerError, Report, Reported};
use kernel::lobby::{ClosedLobby, LobbyReport, LobbyStanding};

/// The highest arrival a PoP may tell: far above all people, and many PoPs' sum fits a draw.
const ARRIVALS_MAX: u64 = 1 << 48;

/// Why a report was not noted.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It cannot be true.
    #[error("{0}")]
    Invalid(&'static str),
    /// There is no such sale, or nobody sees it yet.
    #[error("there is no such sale")]
    UnknownSale,
    /// The ledger is away.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
}

/// Notes what a PoP tells of its lobby, and says where it stands.
pub async fn report_lobby(
    ledger: &Ledger,
    pop: &str,
    report: &LobbyReport,
) -> Result<LobbyStanding, ReportError> {
    if !(1..=64).contains(&report.generation.len()) {
        return Err(ReportError::Invalid("generation has 1 to 64 bytes"));
    }
    if report.count > ARRIVALS_MAX {
        return Err(ReportError::Invalid("count is more than anybody counts to"));
    }
    let closed = report.closed.as_ref().map(|closed| tree(closed, report));
    let report = Report {
        sale: report.sale_id,
        pop,
        generation: &report.generation,
        count: report.count,
        closed: closed.transpose()?,
    };
    match ledger.report_lobby(report).await? {
        Reported::Noted(standing) => Ok(standing),
        Reported::UnknownSale => Err(ReportError::UnknownSale),
        Reported::TooEarly => Err(ReportError::Invalid("the sale has not opened")),
    }
}

fn tree(closed: &ClosedLobby, report: &LobbyReport) -> Result<ClosedTree, ReportError> {
    if closed.size > closed.count || closed.count > report.count {
        let why = "closed: size is at most closed.count, which is at most count";
        return Err(ReportError::Invalid(why));
    }
    let root = hex::decode(&closed.root)
        .ok()
        .and_then(|root| root.try_into().ok());
    Ok(ClosedTree {
        count: closed.count,
        size: closed.size,
        root: root.ok_or(ReportError::Invalid("closed.root is 64 hexadecimal digits"))?,
    })
}
