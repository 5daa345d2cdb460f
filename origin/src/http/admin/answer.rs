//! What operators are told when something could not be done.
//!
//! Invariant: over the wire goes a sentence that says what to do; the chain of causes goes to the
//! log, and on the server to the command line.

use super::super::answer::{Failure, unavailable};
use crate::ledger::LedgerError;
use crate::operators::{DeskError, OperatorError, SignInError};
use axum::response::{IntoResponse, Response};
use kernel::problem::{Problem, ProblemKind};
use std::error::Error;

/// A problem on its way out, and its causes.
#[derive(Debug)]
pub(super) struct Refused {
    problem: Problem,
    causes: String,
}

pub(super) type Answer<T> = Result<T, Refused>;

/// The causes of a problem: an extension of the answer, which nobody sees who is not in this
/// process.
#[derive(Clone, Debug)]
pub(super) struct Causes(pub(super) String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = Failure(self.problem).into_response();
        response.extensions_mut().insert(Causes(self.causes));
        response
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        let causes = String::new();
        Self { problem, causes }
    }
}

impl From<ProblemKind> for Refused {
    fn from(kind: ProblemKind) -> Self {
        Problem::from(kind).into()
    }
}

impl From<Failure> for Refused {
    fn from(Failure(problem): Failure) -> Self {
        problem.into()
    }
}

/// Something that is named is not there.
pub(super) fn not_found(what: impl Into<String>) -> Refused {
    Problem::new(ProblemKind::NotFound, what).into()
}

/// What was asked for cannot be.
pub(super) fn invalid(what: impl std::fmt::Display) -> Refused {
    Problem::new(ProblemKind::InvalidField, what.to_string()).into()
}

/// It does not fit what holds now.
pub(super) fn wrong_state(what: impl std::fmt::Display) -> Refused {
    Problem::new(ProblemKind::WrongState, what.to_string()).into()
}

/// A part of us is away: an operator is told which.
pub(super) fn away(error: &(dyn Error + 'static)) -> Refused {
    let Failure(problem) = unavailable(error);
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    Refused {
        problem: Problem {
            detail: error.to_string(),
            ..problem
        },
        causes: causes.join(": "),
    }
}

impl From<LedgerError> for Refused {
    fn from(error: LedgerError) -> Self {
        away(&error)
    }
}

impl From<DeskError> for Refused {
    fn from(error: DeskError) -> Self {
        away(&error)
    }
}

impl From<SignInError> for Refused {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Refused => {
                let detail =
                    "Check name, password and code. A code counts once: wait for the next.";
                Problem::new(ProblemKind::SignInRefused, detail).into()
            }
            SignInError::BackOff(seconds) => {
                let detail = format!("Too many wrong tries. Try again in {seconds} s.");
                Problem::new(ProblemKind::SlowDown, detail)
                    .retry_after(seconds)
                    .into()
            }
            other => away(&other),
        }
    }
}

impl From<OperatorError> for Refused {
    fn from(error: OperatorError) -> Self {
        match error {
            OperatorError::Invalid(what) => invalid(what),
            OperatorError::Unknown(_) => not_found(error.to_string()),
            OperatorError::LastAdmin(_) => wrong_state(error),
            other => away(&other),
        }
    }
}
