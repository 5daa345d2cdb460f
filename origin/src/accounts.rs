//! Accounts: one-time codes by mail and text message, passwords, sessions shared in Redis, and what
//! an owner changes, takes along or erases.
//!
//! Invariant: nobody learns from us whether a contact has an account, a code is worth nothing after
//! five wrong tries, and every try at a password is counted before it is judged.

mod codes;
mod messenger;
mod passwords;
mod sessions;
mod texts;
mod tries;
mod words;

mod error;
mod own;
mod personal;

pub use error::AccountError;

pub use messenger::MessengerError;
pub use passwords::{PASSWORD_LENGTH, PasswordError};
pub use personal::{erase, export};
pub use sessions::{OpenSession, SESSION_DAYS, Sessions, end_sessions};
pub use texts::{TextError, Texter};
pub use tries::{TOLD_AT, WHO_MAX};

use crate::ids::Ids;
use crate::ledger::{Account, Ledger};
use crate::settings::AccountSettings;
use crate::stock::Stock;
use codes::{Codes, Use};
use error::field;
use kernel::contact::Contact;
use kernel::ids::AccountId;
use kernel::language::Language;
use kernel::wire::{CodePurpose, CodeTicket};
use messenger::{Messenger, read_contact};
pub(crate) use passwords::Passwords;
use tries::{MESSAGES, NETWORK, PASSWORDS, Tries};
use words::Notice;

/// Characters of a name at most.
pub const NAME_LENGTH_MAX: usize = 100;

/// The room's door.
#[derive(Clone, Debug)]
pub struct Accounts {
    ledger: Ledger,
    ids: Ids,
    codes: Codes,
    messenger: Messenger,
    passwords: Passwords,
    sessions: Sessions,
    tries: Tries,
}

impl Accounts {
    /// Sets the room up.
    pub fn new(
        settings: &AccountSettings,
        ledger: Ledger,
        stock: &Stock,
        ids: Ids,
    ) -> Result<Self, AccountError> {
        let key = &settings.session_key;
        Ok(Self {
            ledger,
            ids,
            codes: Codes::new(stock.connection(), key.clone()),
            messenger: Messenger::new(settings)?,
            passwords: Passwords::default(),
            sessions: Sessions::new(stock.connection(), key.clone()),
            tries: Tries::new(stock.connection(), key)?,
        })
    }

    /// The sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Sends a one-time code, asked for from `network`. The answer is the same whether the contact
    /// is known or not; the message tells its owner.
    pub async fn send_code(
        &self,
        contact: &str,
        purpose: CodePurpose,
        network: &str,
    ) -> Result<CodeTicket, AccountError> {
        let contact = self.messenger.reachable(contact)?;
        let known = self.ledger.account_by_contact(contact.as_str()).await?;
        let language = known.as_ref().map(|account| account.language);
        let notice: fn(&str) -> Notice<'_> = match (purpose, known.is_some()) {
            (CodePurpose::Register, false) => |code| Notice::Register(code),
            (CodePurpose::Reset, true) => |code| Notice::Reset(code),
            (CodePurpose::Register, true) => |_| Notice::AlreadyRegistered,
            (CodePurpose::Reset, false) => |_| Notice::NotRegistered,
        };
        let language = language.unwrap_or_default();
        self.open_code(&contact, purpose.into(), network, notice, language)
            .await
    }

    async fn open_code(
        &self,
        contact: &Contact,
        purpose: Use,
        network: &str,
        notice: fn(&str) -> Notice<'_>,
        language: Language,
    ) -> Result<CodeTicket, AccountError> {
        let asker = self.tries.name(&["code", contact.as_str(), network]);
        let pending = self.codes.open(contact.as_str(), &asker, purpose).await?;
        let who = self.tries.who(contact.as_str(), network).await?;
        self.tries.count(MESSAGES, &who).await?;
        let sent = self
            .messenger
            .send(contact, notice(&pending.code), language)
            .await;
        if let Err(error) = sent {
            self.codes.forget(&asker).await?;
            self.tries.take_back(MESSAGES, &who).await?;
            return Err(error);
        }
        Ok(pending.ticket)
    }

    /// The contact that a code was sent to; a wrong one counts for the network.
    async fn answer_code(
        &self,
        ticket: &str,
        purpose: Use,
        code: &str,
        network: &str,
    ) -> Result<String, AccountError> {
        let from = self.tries.name(&["network", network]);
        self.tries.count(NETWORK, &from).await?;
        let contact = self.codes.answer(ticket, purpose, code).await?;
        self.tries.take_back(NETWORK, &from).await?;
        Ok(contact)
    }

    /// Makes an account for who answered the code.
    pub async fn register(
        &self,
        ticket: &str,
        code: &str,
        name: &str,
        password: &str,
        network: &str,
    ) -> Result<Account, AccountError> {
        let name = normal_name(name)?;
        passwords::check(password)?;
        let contact = self
            .answer_code(ticket, Use::Register, code, network)
            .await?;
        let account = Account {
            id: AccountId(self.ids.next().await?),
            contact,
            name,
            password_hash: self.passwords.hash(password).await?,
            language: Language::default(),
        };
        if !self.ledger.insert_account(&account).await? {
            return Err(field(
                "ticket",
                "This contact has an account by now. Please sign in.",
            ));
        }
        self.tries.welcome(&account.contact, network).await?;
        Ok(account)
    }

    /// Sets another password for who answered the code, and signs out everywhere. Whoever was wrong
    /// before is forgotten.
    pub async fn reset_password(
        &self,
        ticket: &str,
        code: &str,
        password: &str,
        network: &str,
    ) -> Result<Account, AccountError> {
        passwords::check(password)?;
        let contact = self.answer_code(ticket, Use::Reset, code, network).await?;
        let account = self.ledger.account_by_contact(&contact).await?;
        let account = account.ok_or_else(|| field("ticket", "There is no such account."))?;
        let password_hash = self.passwords.hash(password).await?;
        self.ledger
            .set_password_hash(account.id, &password_hash)
            .await?;
        self.sessions.close_all(account.id).await?;
        let anywhere = self.tries.name(&[&contact]);
        self.tries.forget(PASSWORDS, &anywhere).await?;
        self.tries.welcome(&contact, network).await?;
        Ok(account)
    }

    /// The account with this contact and password.
    pub async fn sign_in(
        &self,
        contact: &str,
        password: &str,
        network: &str,
    ) -> Result<Account, AccountError> {
        let contact = read_contact(contact).map_err(|_| AccountError::WrongPassword)?;
        let account = self.ledger.account_by_contact(contact.as_str()).await?;
        self.try_password(contact.as_str(), account.as_ref(), password, network)
            .await?;
        account.ok_or(AccountError::WrongPassword)
    }

    /// Fails unless this is the password of the account that `contact` has.
    async fn try_password(
        &self,
        contact: &str,
        account: Option<&Account>,
        password: &str,
        network: &str,
    ) -> Result<(), AccountError> {
        let from = self.tries.name(&["network", network]);
        let who = self.tries.who(contact, network).await?;
        self.tries.count(NETWORK, &from).await?;
        let wrong = match self.tries.count(PASSWORDS, &who).await {
            Ok(wrong) => wrong,
            Err(error) => {
                // A contact that others try must not slow its owner's whole network down.
                self.tries.take_back(NETWORK, &from).await?;
                return Err(error);
            }
        };
        // An unknown contact costs the same time as a wrong password.
        let stored = account.map(|account| account.password_hash.as_str());
        match self.passwords.verify(password, stored).await {
            Ok(true) => {
                self.tries.take_back(NETWORK, &from).await?;
                self.tries.forget(PASSWORDS, &who).await?;
                self.tries.welcome(contact, network).await
            }
            Ok(false) => {
                if wrong >= TOLD_AT && self.tries.is_to_be_told(contact).await? {
                    self.tell(account, Notice::PasswordTried);
                }
                Err(AccountError::WrongPassword)
            }
            Err(error) => {
                self.tries.take_back(NETWORK, &from).await?;
                self.tries.take_back(PASSWORDS, &who).await?;
                Err(error.into())
            }
        }
    }

    /// Tells an account's owner, without waiting for it.
    fn tell(&self, account: Option<&Account>, notice: Notice<'static>) {
        if let Some(account) = account {
            self.messenger
                .send_later(&account.contact, notice, account.language);
        }
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
    let (contact, name) = (read_contact(contact)?, normal_name(name)?);
    passwords::check(password)?;
    let account = Account {
        id: AccountId(ids.next().await?),
        contact: contact.as_str().to_owned(),
        name,
        password_hash: Passwords::default().hash(password).await?,
        language: Language::default(),
    };
    if ledger.insert_account(&account).await? {
        Ok(account)
    } else {
        Err(field("contact", "has an account already"))
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
