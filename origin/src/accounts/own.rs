//! What an owner sees and changes of an account.
//!
//! Invariant: what opens the account, its password and its contact, is changed by whoever knows the
//! password alone, and its owner is told at the contact that held before.

use super::codes::Use;
use super::error::field;
use super::words::Notice;
use super::{AccountError, Accounts, normal_name, passwords};
use crate::ledger::{Account, AddressAdded};
use kernel::address::tidied;
use kernel::ids::{AccountId, AddressId};
use kernel::problem::Problem;
use kernel::wire::{AccountChange, AccountDetails, Address, CodeTicket, SavedAddress};

impl Accounts {
    /// The account with its addresses.
    pub async fn details(&self, id: AccountId) -> Result<AccountDetails, AccountError> {
        let account = self.own(id).await?;
        super::personal::details(&self.ledger, account).await
    }

    async fn own(&self, id: AccountId) -> Result<Account, AccountError> {
        let account = self.ledger.account(id).await?;
        account.ok_or(AccountError::Unknown)
    }

    /// Changes name and language.
    pub async fn change(&self, id: AccountId, change: AccountChange) -> Result<(), AccountError> {
        let account = self.own(id).await?;
        let name = match &change.name {
            Some(name) => normal_name(name)?,
            None => account.name,
        };
        let language = change.language.unwrap_or(account.language);
        Ok(self.ledger.set_account_words(id, &name, language).await?)
    }

    /// Sets another password for who knows the one that holds, and ends all sessions but `keep`.
    pub async fn change_password(
        &self,
        id: AccountId,
        current: &str,
        password: &str,
        keep: &str,
        network: &str,
    ) -> Result<(), AccountError> {
        passwords::check(password)?;
        let account = self.own(id).await?;
        self.ask_password(&account, current, network).await?;
        let password_hash = self.passwords.hash(password).await?;
        self.ledger.set_password_hash(id, &password_hash).await?;
        self.sessions.close_others(id, keep).await?;
        self.tell(Some(&account), Notice::PasswordChanged);
        Ok(())
    }

    /// Fails unless `password` is the account's, as a fault of the field that asks for it.
    pub(super) async fn ask_password(
        &self,
        account: &Account,
        password: &str,
        network: &str,
    ) -> Result<(), AccountError> {
        let tried = self.try_password(&account.contact, Some(account), password, network);
        match tried.await {
            Err(AccountError::WrongPassword) => Err(field(
                "current_password",
                "This is not the password of your account.",
            )),
            other => other,
        }
    }

    /// Sends a code to the contact that an account is to have from now on. The answer is the same
    /// whether it has another account or not; the message tells its owner.
    pub async fn send_contact_code(
        &self,
        id: AccountId,
        contact: &str,
        current: &str,
        network: &str,
    ) -> Result<CodeTicket, AccountError> {
        let contact = self.messenger.reachable(contact)?;
        let account = self.own(id).await?;
        if contact.as_str() == account.contact {
            return Err(field("contact", "This is your contact already."));
        }
        self.ask_password(&account, current, network).await?;
        let taken = self.ledger.account_by_contact(contact.as_str()).await?;
        let notice: fn(&str) -> Notice<'_> = match taken {
            None => |code| Notice::NewContact(code),
            Some(_) => |_| Notice::AlreadyRegistered,
        };
        let purpose = Use::Contact(id);
        self.open_code(&contact, purpose, network, notice, account.language)
            .await
    }

    /// Makes the contact the account's whose code was answered, and tells the former one.
    pub async fn change_contact(
        &self,
        id: AccountId,
        ticket: &str,
        code: &str,
        network: &str,
    ) -> Result<(), AccountError> {
        let account = self.own(id).await?;
        let purpose = Use::Contact(id);
        let contact = self.answer_code(ticket, purpose, code, network).await?;
        if !self.ledger.set_contact(id, &contact).await? {
            return Err(field("ticket", "This contact has another account by now."));
        }
        self.tries.forget_networks(&account.contact).await?;
        self.tries.welcome(&contact, network).await?;
        self.messenger
            .send_later(&account.contact, Notice::ContactChanged, account.language);
        Ok(())
    }

    /// The account's addresses.
    pub async fn addresses(&self, id: AccountId) -> Result<Vec<SavedAddress>, AccountError> {
        Ok(self.ledger.addresses(id).await?)
    }

    /// Keeps another address. The inner error says what is wrong with it.
    pub async fn add_address(
        &self,
        id: AccountId,
        address: Address,
        is_default: bool,
    ) -> Result<Result<AddressId, Problem>, AccountError> {
        let address = match tidied(address, "address") {
            Ok(address) => address,
            Err(problem) => return Ok(Err(problem)),
        };
        let new = AddressId(self.ids.next().await?);
        match self
            .ledger
            .add_address(id, new, &address, is_default)
            .await?
        {
            AddressAdded::Yes => Ok(Ok(new)),
            AddressAdded::Full => Err(AccountError::TooManyAddresses),
        }
    }

    /// Changes an address. The inner error says what is wrong with it.
    pub async fn change_address(
        &self,
        id: AccountId,
        address_id: AddressId,
        address: Address,
        is_default: bool,
    ) -> Result<Result<(), Problem>, AccountError> {
        let address = match tidied(address, "address") {
            Ok(address) => address,
            Err(problem) => return Ok(Err(problem)),
        };
        let changed = self
            .ledger
            .change_address(id, address_id, &address, is_default);
        if changed.await? {
            Ok(Ok(()))
        } else {
            Err(AccountError::UnknownAddress)
        }
    }

    /// Forgets an address.
    pub async fn delete_address(
        &self,
        id: AccountId,
        address_id: AddressId,
    ) -> Result<(), AccountError> {
        if self.ledger.delete_address(id, address_id).await? {
            Ok(())
        } else {
            Err(AccountError::UnknownAddress)
        }
    }

    /// Ends one of the account's sessions.
    pub async fn end_session(&self, id: AccountId, session: &str) -> Result<(), AccountError> {
        if self.sessions.close_own(id, session).await? {
            Ok(())
        } else {
            Err(AccountError::UnknownSession)
        }
    }
}
