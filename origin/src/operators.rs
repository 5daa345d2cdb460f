//! Operators: who runs the shop, how they prove it, and what they work on.
//!
//! Invariant: nobody signs in without name, password and a code that nobody has used before; what
//! was wrong is told to the log and not to who asks. Whoever is disabled or changed is signed out
//! everywhere with the commit of that change, as every request reads the operator's row.

mod back_off;
mod codes;
mod desk;
mod manage;
mod sessions;

pub use codes::{CODE_SECONDS, CodeSecret};
pub use desk::{Desk, DeskError};
pub use manage::{Added, NAME_LENGTH_MAX, OperatorError, add, change, reset_password, reset_totp};
pub use sessions::{IDLE_SECONDS, SESSION_SECONDS};

use crate::accounts::{PasswordError, Passwords};
use crate::ledger::{Actor, Ledger, LedgerError, OperatorRow, Role};
use crate::settings::AdminKey;
use crate::stock::{Stock, StockError};
use back_off::BackOff;
use kernel::time::UnixMillis;
use serde_json::json;
use sessions::Sessions;
use std::net::IpAddr;

/// Somebody who may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// How the log names them.
    pub actor: Actor,
    /// What they may do.
    pub role: Role,
}

impl Operator {
    /// Who is signed in on the server itself: they have the stores' passwords.
    pub fn shell(actor: Actor) -> Self {
        Self {
            actor,
            role: Role::Admin,
        }
    }

    /// An operator by name.
    pub fn named(name: &str, role: Role) -> Self {
        Self {
            actor: Actor(format!("operator:{name}")),
            role,
        }
    }
}

/// A session that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What opens the door from now on; nobody can read it again.
    pub token: String,
    /// Whose it is.
    pub operator: Operator,
    /// When it ends, used or not.
    pub expires_at: UnixMillis,
}

/// Why somebody was not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Name, password and code do not fit, or the code was used before.
    #[error("name, password and code do not match")]
    Refused,
    /// Too many wrong tries: again in so many seconds.
    #[error("too many wrong tries; again in {0} s")]
    BackOff(u32),
    /// The password could not be checked.
    #[error("the password could not be checked")]
    Password(#[from] PasswordError),
    /// MySQL.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
    /// Redis.
    #[error("the session store did not answer")]
    Stock(#[from] StockError),
}

impl From<redis::RedisError> for SignInError {
    fn from(error: redis::RedisError) -> Self {
        Self::Stock(error.into())
    }
}

/// Lets operators in.
#[derive(Clone, Debug)]
pub struct Door {
    ledger: Ledger,
    key: AdminKey,
    passwords: Passwords,
    sessions: Sessions,
    back_off: BackOff,
}

impl Door {
    /// A door to these stores.
    pub fn new(ledger: Ledger, stock: &Stock, key: AdminKey) -> Self {
        Self {
            ledger,
            key,
            passwords: Passwords::default(),
            sessions: Sessions::new(stock.connection()),
            back_off: BackOff::new(stock.connection()),
        }
    }

    /// Signs somebody in who comes from this address.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        code: &str,
        address: IpAddr,
    ) -> Result<Opened, SignInError> {
        self.back_off.pass(name, address).await?;
        let row = self.ledger.operator(name).await?;
        let stored = row.as_ref().map(|row| row.password_hash.as_str());
        // An unknown name costs the same time as a wrong password.
        let password_fits = self.passwords.verify(password, stored).await?;
        let row = match self.check(row, password_fits, code).await? {
            Ok(row) => row,
            Err(why) => {
                self.refuse(name, address, why).await?;
                return Err(SignInError::Refused);
            }
        };
        self.back_off.forgive(name, address).await?;
        let opened = self.sessions.open(&row).await?;
        let told = json!({ "address": address.to_string() });
        let subject = format!("operator:{}", row.name);
        self.ledger
            .note(&opened.operator.actor, "session.open", subject, &told)
            .await?;
        Ok(opened)
    }

    /// The operator who may come in, or why not, for the log alone.
    async fn check(
        &self,
        row: Option<OperatorRow>,
        password_fits: bool,
        code: &str,
    ) -> Result<Result<OperatorRow, &'static str>, SignInError> {
        let Some(row) = row else {
            return Ok(Err("unknown-name"));
        };
        if !password_fits {
            return Ok(Err("wrong-password"));
        }
        if row.disabled {
            return Ok(Err("disabled"));
        }
        let Some(secret) = CodeSecret::open(&self.key, &row.name, &row.totp_secret) else {
            tracing::error!(
                operator = row.name,
                "The secret of an operator's codes was sealed with another key: reset it"
            );
            return Ok(Err("unreadable-secret"));
        };
        let Some(step) = secret.step_of(code, crate::now()) else {
            return Ok(Err("wrong-code"));
        };
        if self.ledger.use_code(&row.name, step).await? {
            Ok(Ok(row))
        } else {
            Ok(Err("replayed-code"))
        }
    }

    async fn refuse(&self, name: &str, address: IpAddr, why: &str) -> Result<(), SignInError> {
        tracing::warn!(%address, why, "An operator was not signed in");
        // What is no name may be a password that was typed in the wrong field.
        let name = if manage::is_name(name) { name } else { "?" };
        let actor = Actor(format!("address:{address}"));
        let told = json!({ "why": why });
        let subject = format!("operator:{name}");
        Ok(self
            .ledger
            .note(&actor, "session.refused", subject, &told)
            .await?)
    }

    /// Who holds this token, if it opens the door at this moment.
    pub async fn who(&self, token: &str) -> Result<Option<Operator>, SignInError> {
        let Some(session) = self.sessions.find(token).await? else {
            return Ok(None);
        };
        let row = self.ledger.operator(&session.name).await?;
        let row = row.filter(|row| !row.disabled && row.version == session.version);
        if row.is_none() {
            self.sessions.end(token).await?;
        }
        Ok(row.map(|row| Operator::named(&row.name, row.role)))
    }

    /// Ends a session.
    pub async fn sign_out(&self, token: &str) -> Result<(), SignInError> {
        self.sessions.end(token).await
    }

    /// Notes that somebody was not let do something.
    pub async fn forbid(
        &self,
        operator: &Operator,
        what: &str,
        needs: Role,
    ) -> Result<(), LedgerError> {
        let Operator { actor, role } = operator;
        tracing::warn!(actor = actor.0, %role, %needs, what, "An operator may not do this");
        let told = json!({ "role": role, "needs": needs });
        // The column's length; what is cut off is the end of an address.
        let subject = what.chars().take(SUBJECT_LENGTH_MAX).collect();
        self.ledger
            .note(actor, "request.forbidden", subject, &told)
            .await
    }
}

/// Characters of a subject in the operator log at most.
const SUBJECT_LENGTH_MAX: usize = 100;
