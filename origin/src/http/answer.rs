//! Errors as problem documents: the one place where a room's error becomes a status.
//!
//! Invariant: the shopper reads what to do; the chain of causes is logged once, here.

use super::outage;
use crate::accounts::{AccountError, PasswordError};
use crate::orders::{PlaceError, StatusError};
use crate::payments::PayError;
use crate::sales::{LeaseError, ReportError, SnapshotError};
use crate::stock::Held;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::problem::{MEDIA_TYPE, Problem, ProblemKind};
use kernel::wire::ADDRESSES_MAX;
use std::error::Error;

/// A problem on its way out.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Problem);

pub(super) type Answer<T> = Result<T, Failure>;

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let status = StatusCode::from_u16(problem.kind.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = [
            (header::CONTENT_TYPE, MEDIA_TYPE),
            (header::CACHE_CONTROL, "no-store"),
        ];
        let mut response = (status, headers, problem.to_json()).into_response();
        if let Some(seconds) = problem.retry_after_seconds {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<ProblemKind> for Failure {
    fn from(kind: ProblemKind) -> Self {
        Self(kind.into())
    }
}

/// A part of us is away: logged with its causes, answered with 503.
pub(super) fn unavailable(error: &(dyn Error + 'static)) -> Failure {
    outage::log(error);
    let detail = "A part of the shop does not answer. Nothing is lost; please try again.";
    Failure(Problem::new(ProblemKind::Unavailable, detail).retry_after(outage::retry_after()))
}

/// More requests than we take on, or one that took too long.
pub(super) fn overloaded(detail: &str) -> Failure {
    Failure(Problem::new(ProblemKind::Unavailable, detail).retry_after(outage::retry_after()))
}

impl From<AccountError> for Failure {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Field { field, message } => Self(Problem::field(field, &message)),
            AccountError::TooSoon(seconds) => {
                let detail = format!("A code was sent a moment ago. Ask again in {seconds} s.");
                Self(Problem::new(ProblemKind::SlowDown, detail).retry_after(seconds))
            }
            AccountError::TooOften(seconds) => {
                let detail = format!("That was too often. Try again in {seconds} s.");
                Self(Problem::new(ProblemKind::SlowDown, detail).retry_after(seconds))
            }
            AccountError::WrongPassword => ProblemKind::WrongPassword.into(),
            AccountError::Unknown => ProblemKind::SignedOut.into(),
            AccountError::UnknownAddress => ProblemKind::UnknownAddress.into(),
            AccountError::TooManyAddresses => {
                let detail = format!("It keeps {ADDRESSES_MAX}. Please delete one first.");
                Self(Problem::new(ProblemKind::TooManyAddresses, detail))
            }
            AccountError::UnknownSession => ProblemKind::UnknownSession.into(),
            AccountError::OrdersOpen(count) => {
                let detail = format!(
                    "{count} of its orders are not over. It can be deleted once they are delivered, \
                     cancelled or paid back."
                );
                Self(Problem::new(ProblemKind::OrdersOpen, detail))
            }
            AccountError::Password(PasswordError::Busy) => {
                overloaded("Many people sign in at this moment. Please try again.")
            }
            other => unavailable(&other),
        }
    }
}

impl From<PlaceError> for Failure {
    fn from(error: PlaceError) -> Self {
        unavailable(&error)
    }
}

impl From<StatusError> for Failure {
    fn from(error: StatusError) -> Self {
        unavailable(&error)
    }
}

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        unavailable(&error)
    }
}

impl From<crate::ledger::LedgerError> for Failure {
    fn from(error: crate::ledger::LedgerError) -> Self {
        unavailable(&error)
    }
}

impl From<LeaseError> for Failure {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Malformed(what) => Self(Problem::new(ProblemKind::Malformed, what)),
            LeaseError::Invalid(what) => Self(Problem::new(ProblemKind::InvalidField, what)),
            other => unavailable(&other),
        }
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Invalid(what) => Self(Problem::new(ProblemKind::Malformed, what)),
            ReportError::UnknownSale => ProblemKind::UnknownSale.into(),
            other @ ReportError::Ledger(_) => unavailable(&other),
        }
    }
}

impl From<PayError> for Failure {
    fn from(error: PayError) -> Self {
        match error {
            PayError::NotPayable(state) => Self(Problem::new(
                ProblemKind::NotPayable,
                format!("The order is {state}."),
            )),
            other => unavailable(&other),
        }
    }
}

/// Why admission was refused, in the shopper's words.
pub(super) fn refusal(held: &Held) -> Failure {
    let problem = |kind, detail: &str| Failure(Problem::new(kind, detail));
    match held {
        Held::Short => problem(
            ProblemKind::SoldOut,
            "Not as many units are left. One that comes back is on sale again at once.",
        ),
        Held::OverLimit => problem(
            ProblemKind::OverLimit,
            "You would have more units of this sale than one account may have.",
        ),
        Held::Early => problem(ProblemKind::TokenEarly, "The sale has not opened yet."),
        Held::Closed => problem(ProblemKind::SoldOut, "The sale is over."),
        Held::Paused => problem(ProblemKind::Paused, "Your place is kept. Please try again."),
        Held::Taken => problem(
            ProblemKind::TokenInvalid,
            "The token was used by somebody else.",
        ),
        Held::Counting | Held::Yes(_) | Held::Decided => problem(
            ProblemKind::Unavailable,
            "The stock of this sale is being counted. Please try again.",
        ),
    }
}
