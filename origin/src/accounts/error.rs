//! What can go wrong with an account.

use super::{MessengerError, PasswordError, TextError};
use crate::ids::IdError;
use crate::ledger::LedgerError;
use crate::mail::MailError;
use crate::orders::StatusError;
use crate::stock::StockError;

/// Why an account was not made, opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A field is wrong; the sentence says what to do.
    #[error("{field}: {message}")]
    Field {
        /// Which.
        field: &'static str,
        /// What to do.
        message: String,
    },
    /// A code was sent a moment ago: ask again so many seconds from now.
    #[error("ask again in {0} s")]
    TooSoon(u32),
    /// Too many wrong tries, or too many messages: again so many seconds from now.
    #[error("too often; again in {0} s")]
    TooOften(u32),
    /// Contact and password do not fit.
    #[error("contact and password do not match")]
    WrongPassword,
    /// There is no such account, or it was erased.
    #[error("there is no such account")]
    Unknown,
    /// The account has no such address.
    #[error("there is no such address")]
    UnknownAddress,
    /// The account keeps as many addresses as one may.
    #[error("the account keeps as many addresses as one may")]
    TooManyAddresses,
    /// The account has no such session.
    #[error("there is no such session")]
    UnknownSession,
    /// So many orders are not over.
    #[error("{0} orders of the account are not over: paid, cancelled or delivered first")]
    OrdersOpen(i64),
    /// No provider of text messages is set.
    #[error("no provider of text messages is set (DOORBUSTER_TEXTS_URL)")]
    NoTexts,
    /// The session key cannot be used.
    #[error("the session key cannot be used")]
    Key,
    /// The messenger could not be set up.
    #[error("messages cannot be sent")]
    Messenger(#[from] MessengerError),
    /// The mail could not be sent.
    #[error("the message could not be sent")]
    Mail(#[from] MailError),
    /// The text message could not be sent.
    #[error("the text message could not be sent")]
    Text(#[from] TextError),
    /// The password could not be hashed.
    #[error("the password could not be checked")]
    Password(#[from] PasswordError),
    /// Redis is away.
    #[error("the session store did not answer")]
    Stock(#[from] StockError),
    /// The ledger is away.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
    /// The orders could not be looked up.
    #[error("the orders could not be looked up")]
    Orders(#[from] StatusError),
    /// No id to be had.
    #[error("no id for the account")]
    Id(#[from] IdError),
}

impl From<redis::RedisError> for AccountError {
    fn from(error: redis::RedisError) -> Self {
        Self::Stock(error.into())
    }
}

/// A field error.
pub(super) fn field(field: &'static str, message: impl Into<String>) -> AccountError {
    AccountError::Field {
        field,
        message: message.into(),
    }
}
