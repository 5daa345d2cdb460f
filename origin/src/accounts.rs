//! Accounts: one-time codes by e-mail, passwords, sessions shared in Redis.
//!
//! Invariant: nobody learns from us whether a contact has an account, and a code is worth nothing
//! after five wrong tries.

mod codes;
mod mail;
mod passwords;
mod sessions;

pub use mail::MailError;
pub use passwords::{PASSWORD_LENGTH, PasswordError};
pub use sessions::{OpenSession, SESSION_DAYS, Sessions, end_sessions};

use crate::ids::{IdError, Ids};
use crate::ledger::{Account, Ledger, LedgerError};
use crate::settings::AccountSettings;
use crate::stock::{Stock, StockError};
use codes::Codes;
use kernel::ids::AccountId;
use kernel::wire::{CodePurpose, CodeTicket};
use mail::Mailer;
pub(crate) use passwords::Passwords;

/// Characters of a name at most.
pub const NAME_LENGTH_MAX: usize = 100;
/// Characters of an e-mail address at most (RFC 5321).
pub const CONTACT_LENGTH_MAX: usize = 254;

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
    /// Ask again so many seconds from now.
    #[error("ask again in {0} s")]
    TooSoon(u32),
    /// Contact and password do not fit.
    #[error("contact and password do not match")]
    WrongPassword,
    /// The message could not be sent.
    #[error("the message could not be sent")]
    Mail(#[from] MailError),
    /// The password could not be hashed.
    #[error("the password could not be checked")]
    Password(#[from] PasswordError),
    /// Redis is away.
    #[error("the session store did not answer")]
    Stock(#[from] StockError),
    /// The ledger is away.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
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
fn field(field: &'static str, message: impl Into<String>) -> AccountError {
    AccountError::Field {
        field,
        message: message.into(),
    }
}

/// The room's door.
#[derive(Clone, Debug)]
pub struct Accounts {
    ledger: Ledger,
    ids: Ids,
    codes: Codes,
    mailer: Mailer,
    passwords: Passwords,
    sessions: Sessions,
}

impl Accounts {
    /// Sets the room up.
    pub fn new(
        settings: &AccountSettings,
        ledger: Ledger,
        stock: &Stock,
        ids: Ids,
    ) -> Result<Self, MailError> {
        Ok(Self {
            ledger,
            ids,
            codes: Codes::new(stock.connection(), settings.session_key.clone()),
            mailer: Mailer::new(&settings.smtp_url.0, &settings.mail_from)?,
            passwords: Passwords::default(),
            sessions: Sessions::new(stock.connection(), settings.session_key.clone()),
        })
    }

    /// The sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Sends a one-time code. The answer is the same whether the contact is known or not; the
    /// message tells its owner.
    pub async fn send_code(
        &self,
        contact: &str,
        purpose: CodePurpose,
    ) -> Result<CodeTicket, AccountError> {
        let contact = normal_contact(contact)?;
        let pending = self.codes.open(&contact, purpose).await?;
        let known = self.ledger.account_by_contact(&contact).await?.is_some();
        let sent = match (purpose, known) {
            (CodePurpose::Register, false) | (CodePurpose::Reset, true) => {
                self.mailer
                    .send_code(&contact, purpose, &pending.code)
                    .await
            }
            (CodePurpose::Register, true) => self.mailer.send_already_registered(&contact).await,
            (CodePurpose::Reset, false) => self.mailer.send_not_registered(&contact).await,
        };
        if let Err(error) = sent {
            self.codes.forget(&contact).await?;
            return Err(error.into());
        }
        Ok(pending.ticket)
    }

    /// Makes an account for who answered the code.
    pub async fn register(
        &self,
        ticket: &str,
        code: &str,
        name: &str,
        password: &str,
    ) -> Result<Account, AccountError> {
        let name = normal_name(name)?;
        passwords::check(password)?;
        let contact = self
            .codes
            .answer(ticket, CodePurpose::Register, code)
            .await?;
        let password_hash = self.passwords.hash(password).await?;
        let id = AccountId(self.ids.next().await?);
        let account = Account {
            id,
            contact,
            name,
            password_hash,
        };
        if self.ledger.insert_account(&account).await? {
            Ok(account)
        } else {
            Err(field(
                "ticket",
                "This contact has an account by now. Please sign in.",
            ))
        }
    }

    /// Sets another password for who answered the code, and signs out everywhere.
    pub async fn reset_password(
        &self,
        ticket: &str,
        code: &str,
        password: &str,
    ) -> Result<Account, AccountError> {
        passwords::check(password)?;
        let contact = self.codes.answer(ticket, CodePurpose::Reset, code).await?;
        let account = self.ledger.account_by_contact(&contact).await?;
        let account = account.ok_or_else(|| field("ticket", "There is no such account."))?;
        let password_hash = self.passwords.hash(password).await?;
        self.ledger
            .set_password_hash(account.id, &password_hash)
            .await?;
        self.sessions.close_all(account.id).await?;
        Ok(account)
    }

    /// The account with this contact and password.
    pub async fn sign_in(&self, contact: &str, password: &str) -> Result<Account, AccountError> {
        let contact = normal_contact(contact).map_err(|_| AccountError::WrongPassword)?;
        let account = self.ledger.account_by_contact(&contact).await?;
        let stored = account
            .as_ref()
            .map(|account| account.password_hash.as_str());
        // An unknown contact costs the same time as a wrong password.
        if !self.passwords.verify(password, stored).await? {
            return Err(AccountError::WrongPassword);
        }
        account.ok_or(AccountError::WrongPassword)
    }

    /// The account with this id.
    pub async fn get(&self, id: AccountId) -> Result<Option<Account>, AccountError> {
        Ok(self.ledger.account(id).await?)
    }
}

/// Makes an account without a code: for the operator's command line.
pub async fn add(
    ledger: &Ledger,
    ids: &Ids,
    contact: &str,
    name: &str,
    password: &str,
) -> Result<Account, AccountError> {
    let (contact, name) = (normal_contact(contact)?, normal_name(name)?);
    passwords::check(password)?;
    let password_hash = Passwords::default().hash(password).await?;
    let id = AccountId(ids.next().await?);
    let account = Account {
        id,
        contact,
        name,
        password_hash,
    };
    if ledger.insert_account(&account).await? {
        Ok(account)
    } else {
        Err(field("contact", "has an account already"))
    }
}

fn normal_contact(contact: &str) -> Result<String, AccountError> {
    let contact = contact.trim().to_lowercase();
    let valid = contact.len() <= CONTACT_LENGTH_MAX && contact.parse::<lettre::Address>().is_ok();
    if valid {
        Ok(contact)
    } else {
        Err(field("contact", "Please give an e-mail address."))
    }
}

fn normal_name(name: &str) -> Result<String, AccountError> {
    let name = name.trim();
    let length = name.chars().count();
    if (1..=NAME_LENGTH_MAX).contains(&length) && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        Err(field(
            "name",
            format!("Please give a name of 1 to {NAME_LENGTH_MAX} characters."),
        ))
    }
}
